//! Reminders: written to our own table, in one transaction with the step of the action that says so. Nothing is sent to
//! Salestrekker.

use crate::context::Context;
use crate::error::ActionError;
use automations::clock::{self, Timestamp};
use automations::id::{ReminderKey, TicketId};
use automations::model::action::PlannedAction;
use automations::model::reminder::{IfSet, KNOWN_UNTIL, OnlyWhile, Reminder, When};
use automations::store::Outcome;
use automations::telemetry::EventName;
use automations::tracing;

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
    context: &Context<'_>,
    ticket: &TicketId,
    wanted: Wanted<'_>,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id, organisation, handler, decided_at, .. } = context.planned;
    let Wanted { key, when, only_while, if_set, event_at } = wanted;
    let reminder = Reminder {
        key: key.clone(),
        when: when.clone(),
        only_while: only_while.clone(),
        event_at: event_at.unwrap_or(*decided_at),
        set_at: clock::now(),
        set_by: handler.clone(),
        action: id.clone(),
        speed: context.speed,
    };
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    let outcome = store.remind(organisation, ticket, (&reminder, if_set), claimant).await?;
    if let Outcome::ReminderSet { due_at: Some(due_at) } = outcome
        && when.outlasts_holidays(due_at)
    {
        tracing::warn!(
            event_name = EventName::ReminderHolidaysUnknown.as_str(),
            organisation = organisation.as_str(),
            action.id = id.as_str(),
            key = key.as_str(),
            known_until = KNOWN_UNTIL,
            "a reminder counts business days; public holidays are known until the end of this day only"
        );
    }
    Ok(outcome)
}

/// Cancels a reminder that waits.
pub(crate) async fn forget(
    context: &Context<'_>,
    ticket: &TicketId,
    key: &ReminderKey,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id, organisation, .. } = context.planned;
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    Ok(store.forget(organisation, (ticket, key), id, claimant).await?)
}
