//! The only writer: performs actions, one at a time per ticket, each once.
//!
//! An update of the API replaces the whole ticket, so every change reads the ticket first, and the queue's message group
//! keeps two changes of one ticket apart. An action is claimed before it is performed and recorded afterwards. If the worker
//! crashes in between, the next delivery waits for the lease to end. It then performs the action again, or dead-letters it if
//! twice would be worse than not at all. An edit, which is harmless twice, is recorded without a claim. Edits of a batch share their
//! reads, updates and read-backs: see `together.rs`.

mod alone;
mod claims;
mod context;
mod create_ticket;
mod defer;
mod edit;
mod edit_tickets;
mod error;
mod lead;
mod line;
mod looks;
mod notify;
mod paused;
mod perform;
mod progress;
mod reminder;
mod remote;
mod report;
mod run;
mod tickets;
mod together;

pub use looks::Looks;

use automations::aws::batch::Group;
use automations::aws::secret::Secrets;
use automations::clock::{self, Timestamp};
use automations::futures::future::join_all;
use automations::futures::join;
use automations::id::OrganisationId;
use automations::model::action::PlannedAction;
use automations::model::speed::Speed;
use automations::notice::Notices;
use automations::salestrekker::Client;
use automations::store::{Claimant, Pauses, Store};
use edit::edited_ticket;
use line::{Line, LineRun};
use paused::Pauses as Paused;
use std::collections::BTreeMap;
use std::time::Instant;

/// The worker and its clients.
#[derive(Debug)]
pub struct Worker {
    /// Salestrekker.
    pub client: Client,
    /// Claims and records of actions.
    pub store: Store,
    /// The organisations' secrets, other than the API token.
    pub secrets: Secrets,
    /// The other systems that notices go to.
    pub notices: Notices,
    /// When updates are read back.
    pub looks: Looks,
    /// How fast reminders' waits pass.
    pub speed: Speed,
    /// What operators paused.
    pub pauses: Pauses,
}

/// One invocation of the worker.
#[derive(Debug, Clone, Copy)]
pub struct Invocation<'a> {
    /// Its id.
    pub owner: &'a str,
    /// Its deadline.
    pub until: Timestamp,
}

impl<'a> Invocation<'a> {
    fn claimant(&self) -> Claimant<'a> {
        Claimant { owner: self.owner, now: clock::now(), until: self.until }
    }
}

impl Worker {
    /// Performs the actions of a batch before the invocation's deadline, unless they are done already, and records them. Groups are
    /// independent of each other, but edits with which groups begin are performed together, those of each organisation.
    pub async fn work(&self, groups: &mut [Group<'_, PlannedAction>], invocation: Invocation<'_>) {
        let mut lines: Vec<Line<'_, '_>> = groups.iter_mut().map(Line::new).collect();
        let mut edits: BTreeMap<OrganisationId, Vec<LineRun<'_, '_, '_>>> = BTreeMap::new();
        let mut others = Vec::new();
        let pauses = self.pauses.current(Instant::now()).await;
        for line in &mut lines {
            let messages = line.next_permitted(&pauses).await;
            let Some(first) = messages.first().map(|message| &message.body) else { continue };
            if edited_ticket(&first.action).is_some() {
                edits.entry(first.organisation.clone()).or_default().push(LineRun { line, messages });
            } else {
                others.push(LineRun { line, messages });
            }
        }
        let pauses = &pauses;
        let edits = edits.into_values().map(|mut runs| async move {
            // Boxed, as all futures below are: else their types are nested too deep for the compiler.
            Box::pin(self.edit_together(&mut runs, invocation)).await;
            join_all(runs.into_iter().map(|run| Box::pin(self.go_on(run, pauses, invocation)))).await;
        });
        let others = others.into_iter().map(|run| Box::pin(self.go_on(run, pauses, invocation)));
        join!(join_all(edits), join_all(others));
    }

    /// Works on the messages of a run, and on what is left of its group.
    async fn go_on(&self, mut run: LineRun<'_, '_, '_>, pauses: &Paused, invocation: Invocation<'_>) {
        loop {
            if run.messages.is_empty() {
                run.messages = run.line.next_permitted(pauses).await;
            }
            let Some(first) = run.messages.first().map(|message| &message.body) else {
                // Of those for which no time was left.
                run.line.release_claims(&self.store, invocation.claimant()).await;
                return;
            };
            if edited_ticket(&first.action).is_some() {
                Box::pin(self.edit_together(std::slice::from_mut(&mut run), invocation)).await;
                continue;
            }
            let read_back = run.line.read_back.take();
            for message in std::mem::take(&mut run.messages) {
                let performed = self.perform_alone(&message.body, read_back.as_ref(), invocation);
                let result = Box::pin(performed).await;
                run.line.group.settle(message, result).await;
            }
        }
    }
}
