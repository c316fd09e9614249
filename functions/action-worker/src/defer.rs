//! Decisions that are put off, as a handler's entry says: written to our own table, in one transaction with the step of the action
//! that says so. Nothing is sent to Salestrekker.

use crate::context::Context;
use crate::error::ActionError;
use automations::Event;
use automations::id::TicketId;
use automations::model::action::PlannedAction;
use automations::model::until::Until;
use automations::store::{NewDeferral, Outcome};

/// Puts a decision off, with those that wait already.
pub(crate) async fn defer(
    context: &Context<'_>,
    ticket: &TicketId,
    until: Until,
    event: &Event,
) -> Result<Outcome, ActionError> {
    let PlannedAction { id: action, organisation, handler, .. } = context.planned;
    let until = (until, context.speed);
    let new = NewDeferral { ticket, handler, event, until, action };
    let (store, claimant) = (context.progress.store, context.progress.claimant);
    Ok(store.defer(organisation, new, claimant).await?)
}
