//! The tickets of an organisation at Salestrekker.

use crate::error::ActionError;
use crate::looks::Looks;
use crate::tickets::{Tickets, Update, Written};
use automations::clock::{self, Timestamp};
use automations::futures::future::{Either, join_all, select};
use automations::id::{OrganisationId, StageId, TicketId, WorkflowId};
use automations::model::action::PlannedAction;
use automations::model::own_changes::{Attribution, ChangeMark};
use automations::salestrekker::{Error, FullTicket, Session};
use automations::store::Store;
use std::time::Duration;

/// A look that has no response this long after those of its updates is not waited for: the tickets are read back without it.
const MAX_WAIT_FOR_LOOK: Duration = Duration::from_millis(500);

/// Salestrekker, with the marks of our own changes beside it.
#[derive(Clone, Copy)]
pub(crate) struct Remote<'a> {
    pub(crate) session: Session<'a>,
    pub(crate) store: &'a Store,
    pub(crate) organisation: &'a OrganisationId,
    pub(crate) looks: &'a Looks,
}

impl Tickets for Remote<'_> {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    async fn read(&self, tickets: &[TicketId]) -> Vec<Result<FullTicket, ActionError>> {
        match read(self.session, tickets).await {
            Ok(found) => found,
            Err(error) if tickets.len() > 1 && may_be_of_one_ticket(&error) => {
                let alone = tickets.iter().map(async |ticket| {
                    let found = read(self.session.once(), std::slice::from_ref(ticket)).await?;
                    found.into_iter().next().unwrap_or_else(|| Err(not_found()))
                });
                join_all(alone).await
            }
            Err(error) => {
                let error = ActionError::from(error);
                tickets.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    async fn mark(&self, updates: &[Update<'_>]) -> Vec<Result<(), ActionError>> {
        join_all(updates.iter().map(|update| self.mark_one(update))).await
    }

    async fn write(&self, updates: &[Update<'_>]) -> Vec<Written> {
        let ids: Vec<TicketId> = updates.iter().map(|update| update.after.id.clone()).collect();
        let sent = join_all(updates.iter().map(|update| self.send(update)));
        let (results, looks) = match select(sent, Box::pin(self.look(&ids))).await {
            Either::Left((results, look)) => {
                let in_time = select(look, Box::pin(clock::pause(MAX_WAIT_FOR_LOOK))).await;
                let looks = match in_time {
                    Either::Left((looks, _)) => looks,
                    Either::Right(((), _)) => Vec::new(),
                };
                (results, looks)
            }
            Either::Right((looks, sent)) => (sent.await, looks),
        };
        let looks = looks.into_iter().map(Result::ok).chain(std::iter::repeat(None));
        results.into_iter().zip(looks).map(|(result, look)| Written { result, look }).collect()
    }

    async fn remove_marks(&self, update: &Update<'_>) {
        let marks: Vec<ChangeMark> =
            update.changes.iter().flat_map(|(_, marks)| marks.iter().cloned()).collect();
        let _ = self.store.remove_change_marks(self.organisation, &update.after.id, &marks).await;
    }

    async fn stage(&self, workflow: &WorkflowId, name: &str) -> Result<StageId, Error> {
        Ok(self.session.stage_named(workflow, name).await?.id)
    }

    async fn is_of_earlier_action(
        &self,
        planned: &PlannedAction,
        mark: &ChangeMark,
    ) -> Result<bool, ActionError> {
        Ok(is_of_earlier_action(self.store, planned, mark).await?)
    }

    fn look_was_too_early(&self) {
        self.looks.were_too_early(self.organisation);
    }
}

impl Remote<'_> {
    async fn mark_one(&self, update: &Update<'_>) -> Result<(), ActionError> {
        let at = clock::now();
        let changes = update
            .changes
            .iter()
            .map(|(planned, marks)| (Attribution { chain: planned.chain_with_itself(), at }, marks.clone()));
        let changes: Vec<_> = changes.collect();
        Ok(self.store.record_changes(self.organisation, &update.after.id, &changes).await?)
    }

    async fn send(&self, update: &Update<'_>) -> Result<(), ActionError> {
        Ok(self.session.update_ticket(update.after.clone()).await?)
    }

    /// Reads the tickets while their updates are under way; nothing if that is known to be too early, or if it fails.
    async fn look(&self, tickets: &[TicketId]) -> Vec<Result<FullTicket, ActionError>> {
        let Some(pause) = self.looks.pause_before(self.organisation, tickets.len()) else {
            return Vec::new();
        };
        clock::pause(pause).await;
        read(self.session.once(), tickets).await.unwrap_or_default()
    }
}

/// Reads tickets with one request, or several if one of them spoils it; a result for each, in their order.
async fn read(
    session: Session<'_>,
    tickets: &[TicketId],
) -> Result<Vec<Result<FullTicket, ActionError>>, Error> {
    let found = session.tickets(tickets).await?;
    let tickets = tickets.iter().zip(found).map(|(id, found)| match found {
        Ok(Some(ticket)) if ticket.id == *id => Ok(ticket),
        Ok(Some(_)) => Err(Error::InvalidResponse { at: "ticket.id".to_owned() }.into()),
        Ok(None) => Err(not_found()),
        Err(error) => Err(error.into()),
    });
    Ok(tickets.collect())
}

fn not_found() -> ActionError {
    Error::NotFound { what: "ticket".to_owned() }.into()
}

/// Whether a request for several tickets may have failed because of one of them, and is worth a request for each.
fn may_be_of_one_ticket(error: &Error) -> bool {
    match error {
        Error::Unavailable { .. }
        | Error::Rejected { .. }
        | Error::InvalidResponse { .. }
        | Error::NotFound { .. }
        | Error::AmbiguousName { .. }
        | Error::OutcomeUnknown => true,
        Error::Throttled { .. } | Error::CredentialRefused | Error::Credential(_) => false,
    }
}

/// Whether an earlier action of the same decision made this change of the ticket, or an action of ours that was decided on an
/// earlier version made it, after the version that this one was decided on was read: its decision could not see the change,
/// and comes after it.
async fn is_of_earlier_action(
    store: &Store,
    planned: &PlannedAction,
    mark: &ChangeMark,
) -> Result<bool, automations::store::Error> {
    let PlannedAction { organisation, action, ticket_version, .. } = planned;
    let (Some(ticket), Some(version)) = (action.ticket(), *ticket_version) else { return Ok(false) };
    let marks = store.change_marks(organisation, std::slice::from_ref(ticket)).await?;
    let by = marks.get(ticket).and_then(|own| own.0.get(mark));
    let Some((by, maker)) = by.and_then(|by| Some((by, by.chain.last()?))) else { return Ok(false) };
    if planned.id.is_after(maker) {
        return Ok(true);
    }
    let made_on = store.version_of_other(organisation, maker).await?;
    if made_on.is_none_or(|made_on| made_on >= version) {
        return Ok(false);
    }
    let since = store.journal_after(organisation, ticket, version.saturating_sub(1)).await?;
    Ok(since.events.first().is_some_and(|event| event.observed_at <= by.at))
}
