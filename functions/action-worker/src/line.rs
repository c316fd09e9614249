//! A message group while it is worked on.

use crate::edit::edited_ticket;
use automations::aws::batch::{Group, Message};
use automations::futures::future::join_all;
use automations::model::action::PlannedAction;
use automations::salestrekker::FullTicket;
use automations::store::{Claimant, Store};

/// A message group, and what is known from the work on it.
#[derive(Debug)]
pub(crate) struct Line<'l, 'g> {
    pub(crate) group: &'l mut Group<'g, PlannedAction>,
    /// Actions that are claimed and were put back.
    pub(crate) claimed: Vec<PlannedAction>,
    /// This many of the next actions are performed one at a time.
    pub(crate) alone: usize,
    /// The ticket, as the last edits were read back.
    pub(crate) read_back: Option<FullTicket>,
}

/// Messages of a group that are worked on together.
#[derive(Debug)]
pub(crate) struct LineRun<'r, 'l, 'g> {
    pub(crate) line: &'r mut Line<'l, 'g>,
    pub(crate) messages: Vec<Message<PlannedAction>>,
}

impl<'l, 'g> Line<'l, 'g> {
    pub(crate) fn new(group: &'l mut Group<'g, PlannedAction>) -> Self {
        Self { group, claimed: Vec::new(), alone: 0, read_back: None }
    }

    /// The next message, with the edits behind it if it is an edit of the same ticket.
    pub(crate) async fn next_run(&mut self) -> Vec<Message<PlannedAction>> {
        let is_alone = self.alone > 0;
        self.alone = self.alone.saturating_sub(1);
        self.group
            .next_run(|run, next| !is_alone && run.iter().all(|it| are_together(&it.body, &next.body)))
            .await
    }

    /// Releases the claims of actions that wait for an earlier one. It is done before their messages are visible again, which may be
    /// long before this invocation ends.
    pub(crate) async fn release_claims(&mut self, store: &Store, claimant: Claimant<'_>) {
        let claimed = std::mem::take(&mut self.claimed);
        // If one fails, the lease ends by itself.
        join_all(claimed.iter().map(|it| store.release(&it.organisation, &it.id, claimant))).await;
    }
}

/// Whether both are edits of the same ticket. A message that was sent twice is not claimed twice at once, and while a pause ends, only
/// those that were sent again are performed.
fn are_together(one: &PlannedAction, other: &PlannedAction) -> bool {
    let of = |planned: &PlannedAction| edited_ticket(&planned.action).cloned();
    let is_alike = one.organisation == other.organisation && one.resent.is_some() == other.resent.is_some();
    is_alike && one.id != other.id && of(one).is_some() && of(one) == of(other)
}
