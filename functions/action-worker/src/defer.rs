//! Decisions that are put off until a handler's quiet period ends: written to our own table, in one transaction with the step of the action
//! that says so. Nothing is sent to Salestrekker.

use crate::context::Context;
use crate::error::ActionError;
use automations::Event;
use automations::id::TicketId;
use automations::model::action::PlannedAction;
use automations::model::quiet_period::QuietPeriod;
use automations::store::{NewDeferral, Outcome};

/// Puts a decision off, with those that wait already.
pub(crate) async fn defer(
    context: &Context<'_>,
    ticket: &TicketId,
    quiet_period: QuietPeriod,
    event: &Event,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id: action, organisation, handler, resent, .. } = context.planned;
    let period = (quiet_period, context.speed);
    let new = NewDeferral { ticket, handler, event, period, action, resent: *resent };
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    Ok(store.defer(organisation, new, claimant).await?)
}
