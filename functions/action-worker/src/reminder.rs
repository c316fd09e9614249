//! Reminders: written to our own table, in one transaction with the step of the action that says so. Nothing is sent to
//! Salestrekker; the date of a field is that of the ticket's snapshot, which moves the reminder when it changes.

use crate::context::Context;
use crate::error::ActionError;
use automations::Ticket;
use automations::clock::{self, Timestamp};
use automations::id::{OrganisationId, ReminderKey, TicketId};
use automations::model::action::PlannedAction;
use automations::model::reminder::{IfSet, KNOWN_UNTIL, OnlyWhile, Reminder, When};
use automations::store::{Error, NewReminder, Outcome, Store};
use automations::telemetry::EventName;
use automations::tracing;

/// A ticket's version may change this often while its reminder is set; then the action is retried later.
const MAX_TRIES: u32 = 3;

/// A reminder that an action asks for.
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a ReminderKey,
    pub(crate) when: &'a When,
    pub(crate) only_while: &'a OnlyWhile,
    pub(crate) if_set: IfSet,
    pub(crate) event_at: Option<Timestamp>,
}

/// Sets a reminder, unless the ticket has one that is to be kept.
pub(crate) async fn remind(
    context: &mut Context<'_>,
    ticket: &TicketId,
    wanted: Wanted<'_>,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id, organisation, handler, decided_at, .. } = context.planned;
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    if let Some(done) = store.reminder_step(organisation, id).await? {
        return Ok(done);
    }
    if wanted.if_set == IfSet::Keep && waits(store, organisation, ticket, wanted.key).await? {
        return Ok(Outcome::NoOp);
    }
    let reminder = Reminder {
        key: wanted.key.clone(),
        when: wanted.when.clone(),
        only_while: wanted.only_while.clone(),
        event_at: wanted.event_at.unwrap_or(*decided_at),
        set_at: clock::now(),
        set_by: handler.clone(),
        action: id.clone(),
    };
    let mut tries = 0_u32;
    loop {
        let known = match reminder.when.field() {
            Some(_) => snapshot(store, organisation, ticket).await?,
            None => None,
        };
        let due_at = reminder.due_at(known.as_ref());
        let of_version = known.as_ref().map(|ticket| ticket.version);
        let new = NewReminder { ticket, reminder: &reminder, due_at, of_version };
        tries = tries.saturating_add(1);
        match store.set_reminder(organisation, new, claimant).await {
            Ok(outcome) => {
                warn_of_holidays(context.planned, &reminder, due_at);
                return Ok(outcome);
            }
            // After a lost response, the step is there.
            Err(Error::VersionConflict) if tries < MAX_TRIES => {
                if let Some(done) = store.reminder_step(organisation, id).await? {
                    return Ok(done);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Cancels a reminder that waits.
pub(crate) async fn forget(
    context: &mut Context<'_>,
    ticket: &TicketId,
    key: &ReminderKey,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id, organisation, .. } = context.planned;
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    if let Some(done) = store.reminder_step(organisation, id).await? {
        return Ok(done);
    }
    let all = store.reminders(organisation, ticket).await?;
    let Some(stored) = all.into_iter().find(|stored| stored.key() == key && stored.waiting().is_some())
    else {
        return Ok(Outcome::NoOp);
    };
    Ok(store.forget_reminder(organisation, &stored, (id, claimant)).await?)
}

async fn waits(
    store: &Store,
    organisation: &OrganisationId,
    ticket: &TicketId,
    key: &ReminderKey,
) -> Result<bool, ActionError> {
    let all = store.reminders(organisation, ticket).await?;
    Ok(all.iter().any(|stored| stored.key() == key && stored.waiting().is_some()))
}

/// The ticket as it was last read; none if it is not known.
async fn snapshot(
    store: &Store,
    organisation: &OrganisationId,
    ticket: &TicketId,
) -> Result<Option<Ticket>, ActionError> {
    let mut known = store.known(organisation, std::slice::from_ref(ticket)).await?;
    let known = known.remove(ticket).transpose().map_err(|damaged| damaged.error)?;
    Ok(known.map(|known| known.snapshot.ticket))
}

fn warn_of_holidays(planned: &PlannedAction, reminder: &Reminder, due_at: Option<Timestamp>) {
    if due_at.is_some_and(|due_at| reminder.when.outlasts_holidays(due_at)) {
        tracing::warn!(
            event_name = EventName::ReminderHolidaysUnknown.as_str(),
            organisation = planned.organisation.as_str(),
            action.id = planned.id.as_str(),
            key = reminder.key.as_str(),
            known_until = KNOWN_UNTIL,
            "a reminder counts business days; public holidays are known until the end of this day only"
        );
    }
}
