//! What is logged and counted of an action, and the errors that end its way.

use automations::aws::batch::MessageError;
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::id::{ActionId, HintId, TicketId};
use automations::model::action::PlannedAction;
use automations::reason::Reason;
use automations::store::Outcome;
use automations::telemetry::EventName;
use automations::telemetry::metric;
use automations::tracing;

pub(crate) fn parked() -> MessageError {
    let text = "it may or may not have taken effect; check the ticket in Salestrekker before you redrive it"
        .to_owned();
    MessageError { reason: Reason::OutcomeUnknown, remedy: Remedy::DeadLetter, text }
}

pub(crate) fn superseded(newer: &ActionId) -> MessageError {
    let text = format!(
        "the newer action {newer} of the same handler was performed; `automations dlq redrive --out-of-order` performs this \
         one after it"
    );
    MessageError { reason: Reason::Superseded, remedy: Remedy::DeadLetter, text }
}

pub(crate) fn held(until: Timestamp, now: Timestamp) -> MessageError {
    let text = "another invocation is performing it, or crashed while it did".to_owned();
    MessageError { reason: Reason::LeaseHeld, remedy: Remedy::Wait { after: Some(until.since(now)) }, text }
}

/// None if an earlier delivery of the same action was performed.
fn metric_of(outcome: Option<&Outcome>) -> metric::Outcome {
    match outcome {
        None => metric::Outcome::Duplicate,
        Some(
            Outcome::Changed
            | Outcome::Sent
            | Outcome::ReminderSet { .. }
            | Outcome::Deferred { .. }
            | Outcome::ReminderCancelled
            | Outcome::LeadCreated { .. }
            | Outcome::Created { .. },
        ) => metric::Outcome::Done,
        Some(Outcome::NoOp) => metric::Outcome::NoOp,
        Some(Outcome::Superseded { .. }) => metric::Outcome::Superseded,
        Some(Outcome::DryRun) => metric::Outcome::DryRun,
        Some(Outcome::Unrehearsed) => metric::Outcome::Unrehearsed,
    }
}

/// Logs an action that is done, by which it is counted; no outcome: an earlier delivery of it was performed.
pub(crate) fn report(planned: &PlannedAction, outcome: Option<&Outcome>) {
    let PlannedAction { id, hint, organisation, action, .. } = planned;
    let parts = match outcome {
        Some(Outcome::Superseded { expected, found }) => Some((expected.for_log(), found.for_log())),
        _ => None,
    };
    let outcome = metric_of(outcome);
    let is_done = outcome == metric::Outcome::Done;
    tracing::info!(
        event_name = EventName::ActionPerformed.as_str(),
        organisation = organisation.as_str(),
        ticket.id = action.ticket().map(TicketId::as_str),
        action.id = id.as_str(),
        hint.id = hint.as_ref().map(HintId::as_str),
        action.kind = action.kind(),
        outcome = outcome.as_ref(),
        latency_ms = is_done.then(|| clock::millis(clock::now().since(planned.decided_at))),
        expected = parts.as_ref().map(|(expected, _)| expected.as_str()),
        found = parts.as_ref().map(|(_, found)| found.as_str()),
    );
}
