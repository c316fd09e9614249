//! What is recorded of an action while it is performed: that something that must not happen twice is being sent, the steps
//! that are done, and the marks by which the enricher recognises our own changes.

use automations::clock;
use automations::id::TicketId;
use automations::model::action::PlannedAction;
use automations::model::amount::is_same;
use automations::model::own_changes::{Attribution, ChangeMark};
use automations::salestrekker::FullTicket;
use automations::store::{Claimant, Error, Store};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of attempts of this instance at a claim that begins with the sending, so that each has a name of its own.
static ATTEMPTS: AtomicU64 = AtomicU64::new(0);

/// The progress of one action.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    pub(crate) store: &'a Store,
    pub(crate) planned: &'a PlannedAction,
    pub(crate) claimant: Claimant<'a>,
    hold: Cell<Hold>,
}

/// Whether an action is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// It is claimed.
    Claimed,
    /// It is claimed when it is sent. Nothing was sent yet.
    Open,
    /// It was to be claimed, and an earlier claim or record of it exists. Nothing was sent.
    Exists,
    /// It was to be claimed, and the table did not accept that. Nothing was sent.
    Failed,
}

impl<'a> Progress<'a> {
    /// The progress of an action of which nothing is sent yet.
    pub(crate) fn new(
        store: &'a Store,
        planned: &'a PlannedAction,
        claimant: Claimant<'a>,
        hold: Hold,
    ) -> Self {
        Self { store, planned, claimant, hold: Cell::new(hold) }
    }

    /// Whether the action is ours by now.
    pub(crate) fn hold(&self) -> Hold {
        self.hold.get()
    }

    /// Records that something is about to be sent that must not happen twice; claims the action, if that is still open.
    ///
    /// # Errors
    /// [`Error`]; nothing may be sent.
    pub(crate) async fn record_send_started(&self) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = self.planned;
        if self.hold.get() == Hold::Claimed {
            return self.store.record_send_started(organisation, id, self.claimant).await;
        }
        let attempt = format!("{}#{}", self.claimant.owner, ATTEMPTS.fetch_add(1, Ordering::Relaxed));
        let attempt = (self.claimant, attempt.as_str());
        match self.store.claim_to_send(organisation, id, attempt).await {
            Ok(true) => {
                self.hold.set(Hold::Claimed);
                Ok(())
            }
            Ok(false) => {
                self.hold.set(Hold::Exists);
                Err(Error::VersionConflict)
            }
            Err(error) => {
                self.hold.set(Hold::Failed);
                // If this fails too, and the claim was written, the outcome counts as unknown when the lease ends.
                let _ = self.store.withdraw(organisation, id, attempt).await;
                Err(error)
            }
        }
    }

    /// The result of a step, if an earlier attempt did it.
    pub(crate) async fn step<Id: FromStr>(&self, step: &str) -> Result<Option<Id>, Error> {
        let PlannedAction { id, organisation, .. } = self.planned;
        let result = self.store.step(organisation, id, step).await?;
        let unusable = |_| Error::Unusable { key: id.to_string(), attribute: "step", decode_error: None };
        result.map(|result| result.parse().map_err(unusable)).transpose()
    }

    /// Records the result of a step.
    pub(crate) async fn record_step(&self, step: &str, result: &str) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = self.planned;
        self.store.record_step(organisation, id, self.claimant, step, result).await
    }

    /// Records that the action created a ticket, before the action is done: from now on, the ticket is ours.
    pub(crate) async fn record_created(&self, ticket: &TicketId) -> Result<(), Error> {
        let PlannedAction { organisation, .. } = self.planned;
        let by = Attribution { chain: self.planned.chain_with_itself(), at: clock::now() };
        self.store.record_created(organisation, ticket, by).await
    }
}

/// The marks of the difference, as the enricher will find it.
pub(crate) fn marks(before: &FullTicket, after: &FullTicket) -> Vec<ChangeMark> {
    let mut marks = Vec::new();
    if before.id_workflow != after.id_workflow {
        marks.extend(after.id_workflow.as_ref().map(ChangeMark::workflow));
    }
    if before.id_stage != after.id_stage {
        marks.extend(after.id_stage.as_ref().map(ChangeMark::stage));
    }
    if before.id_owner != after.id_owner {
        marks.push(ChangeMark::owner(after.id_owner.as_ref()));
    }
    let amount = |ticket: &FullTicket| ticket.values.as_ref().and_then(|values| values.once_off.clone());
    let (had, has) = (amount(before), amount(after));
    if !is_same(had.as_ref(), has.as_ref()) {
        marks.push(ChangeMark::value(has.as_ref()));
    }
    let (had, has) = (set(before.id_labels.as_ref()), set(after.id_labels.as_ref()));
    marks.extend(has.difference(&had).map(|label| ChangeMark::label_added(label)));
    marks.extend(had.difference(&has).map(|label| ChangeMark::label_removed(label)));
    let (had, has) = (set(before.id_clients.as_ref()), set(after.id_clients.as_ref()));
    marks.extend(has.difference(&had).map(|client| ChangeMark::client_added(client)));
    marks.extend(had.difference(&has).map(|client| ChangeMark::client_removed(client)));
    marks
}

fn set<T: Ord>(list: Option<&Vec<T>>) -> BTreeSet<&T> {
    list.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::{LabelId, OwnerId, StageId, WorkflowId};

    fn ticket(fields: &str) -> FullTicket {
        automations::json::from_json(format!("{{\"id\": \"t-1\", {fields}}}").as_bytes()).unwrap()
    }

    #[test]
    fn a_change_leaves_what_the_enricher_will_find() {
        let before = ticket(r#""idStage": "s-1", "idOwner": "o-1", "idLabels": ["l-1", "l-2"]"#);
        let after = ticket(r#""idStage": "s-2", "idOwner": null, "idLabels": ["l-2", "l-3"]"#);
        let expected = [
            ChangeMark::stage(&StageId::parse("s-2").unwrap()),
            ChangeMark::owner(None::<&OwnerId>),
            ChangeMark::label_added(&LabelId::parse("l-3").unwrap()),
            ChangeMark::label_removed(&LabelId::parse("l-1").unwrap()),
        ];
        assert_eq!(marks(&before, &after), expected);
        assert_eq!(marks(&before, &before), []);
        let (before, after) =
            (ticket(r#""values": {"onceOff": 450000}"#), ticket(r#""values": {"onceOff": 460000}"#));
        assert_eq!(marks(&before, &after), [ChangeMark::value(Some(&460_000.into()))]);
        let moved = (
            ticket(r#""idWorkflow": "w-1", "idStage": "s-1""#),
            ticket(r#""idWorkflow": "w-2", "idStage": "s-2""#),
        );
        let expected = [
            ChangeMark::workflow(&WorkflowId::parse("w-2").unwrap()),
            ChangeMark::stage(&StageId::parse("s-2").unwrap()),
        ];
        assert_eq!(marks(&moved.0, &moved.1), expected);
    }
}
