//! The only writer: performs actions, one at a time per ticket, each once.
//!
//! An update of the API replaces the whole ticket, so every change reads the ticket first, and the queue's message group
//! keeps two changes of one ticket apart. An action is claimed before it is performed and recorded afterwards. If the worker
//! crashes in between, the next delivery waits for the lease to end. It then performs the action again, or dead-letters it if
//! twice would be worse than not at all.

mod context;
mod create_ticket;
mod edit_ticket;
mod error;
mod lead;
mod notify;
mod perform;
mod progress;
mod set_value;

use automations::aws::batch::MessageError;
use automations::aws::secret::{Access, Rehearsal, Secrets};
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::id::{ActionId, HintId, TicketId};
use automations::model::action::{OnUnknownOutcome, PlannedAction};
use automations::notice::Notices;
use automations::reason::Reason;
use automations::salestrekker::Client;
use automations::store::{Claim, Claimant, Done, Error as StoreError, Outcome, Store};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric, Metrics};
use automations::tracing;
use context::Context;
use error::ActionError;
use perform::perform;
use progress::Progress;

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
}

impl Worker {
    /// Performs an action before the invocation's deadline, unless it is done already, and records it. `owner` is the
    /// invocation's id. The outcome is added to the invocation's metrics.
    ///
    /// # Errors
    /// [`MessageError`]; if its remedy is to retry, a retry does no harm.
    pub async fn perform(
        &self,
        planned: &PlannedAction,
        owner: &str,
        until: Timestamp,
        metrics: &Metrics,
    ) -> Result<(), MessageError> {
        let PlannedAction { id, organisation, action, .. } = planned;
        let claimant = Claimant { owner, now: clock::now(), until };
        let claim = if planned.resent.is_some_and(|resent| resent.not_performed) {
            self.store.claim_not_performed(organisation, id, claimant).await?
        } else {
            self.store.claim(organisation, id, claimant).await?
        };
        match claim {
            Claim::Done => {
                report(planned, None, metrics);
                return Ok(());
            }
            Claim::Parked => return Err(parked()),
            Claim::Held { until } => return Err(held(until, claimant.now)),
            Claim::Granted { outcome_unknown: true, is_first: _ }
                if action.on_unknown_outcome() == OnUnknownOutcome::DeadLetter =>
            {
                self.store.park(organisation, id, claimant).await?;
                return Err(parked());
            }
            Claim::Granted { .. } => {}
        }
        if let Err(error) = self.check_order(planned).await {
            // If this fails, the lease ends by itself.
            let _ = self.store.release(organisation, id, claimant).await;
            return Err(error);
        }
        let outcome = self.perform_claimed(planned, claimant).await?;
        let recorded = PlannedAction { action: action.for_record(), ..planned.clone() };
        let done = Done { planned: recorded, outcome, done_at: clock::now() };
        match self.store.record(&done, claimant).await {
            // A version conflict: our lease has ended, and another invocation was allowed to perform the action again.
            Ok(()) | Err(StoreError::VersionConflict) => {
                report(planned, Some(&done.outcome), metrics);
                Ok(())
            }
            // The claim stays: the action was performed and not recorded, so its outcome is unknown.
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses an action that was sent again if a newer one of the same handler was performed meanwhile: after that one,
    /// it would break the order. Unless the operator consents.
    async fn check_order(&self, planned: &PlannedAction) -> Result<(), MessageError> {
        if !planned.resent.is_some_and(|resent| resent.keeps_order()) {
            return Ok(());
        }
        match self.store.superseded_by(planned).await? {
            None => Ok(()),
            Some(newer) => Err(superseded(&newer)),
        }
    }

    /// Performs a claimed action. If that fails, releases the claim, or parks the action if its outcome is unknown.
    async fn perform_claimed(
        &self,
        planned: &PlannedAction,
        claimant: Claimant<'_>,
    ) -> Result<Outcome, MessageError> {
        let PlannedAction { id, organisation, action, .. } = planned;
        let session = self.client.session(organisation, claimant.until);
        if action.writes_to_salestrekker() {
            match session.access().await {
                Ok((Access::ReadOnly, _)) => return Ok(Outcome::DryRun),
                Ok((Access::ReadWrite | Access::WriteOnly, Rehearsal::Missing)) => {
                    return Ok(Outcome::Unrehearsed);
                }
                Ok((Access::ReadWrite | Access::WriteOnly, Rehearsal::Passed | Rehearsal::Accepted)) => {}
                Err(error) => {
                    // If this fails, the lease ends by itself.
                    let _ = self.store.release(organisation, id, claimant).await;
                    return Err(error.into());
                }
            }
        }
        let progress = Progress::new(&self.store, planned, claimant);
        let (secrets, notices, deadline) = (&self.secrets, &self.notices, claimant.until);
        let mut context = Context { session, planned, progress, secrets, notices, deadline };
        let ActionError { error, outcome_unknown } = match perform(&mut context).await {
            Ok(outcome) => return Ok(outcome),
            Err(failed) => failed,
        };
        if outcome_unknown && action.on_unknown_outcome() == OnUnknownOutcome::DeadLetter {
            self.store.park(organisation, id, claimant).await?;
            return Err(parked());
        }
        if let (false, Some(ticket)) = (outcome_unknown, action.ticket()) {
            // If this fails, the same change by a person is once taken for ours.
            let marks = &context.progress.marks;
            let _ = self.store.remove_change_marks(organisation, ticket, marks).await;
        }
        // If this fails, the lease ends by itself, and the next delivery waits for that.
        let _ = self.store.release(organisation, id, claimant).await;
        Err(error)
    }
}

fn parked() -> MessageError {
    let text = "it may or may not have taken effect; check the ticket in Salestrekker before you redrive it"
        .to_owned();
    MessageError { reason: Reason::OutcomeUnknown, remedy: Remedy::DeadLetter, text }
}

fn superseded(newer: &ActionId) -> MessageError {
    let text = format!(
        "the newer action {newer} of the same handler was performed; `automations dlq redrive --out-of-order` performs this \
         one after it"
    );
    MessageError { reason: Reason::Superseded, remedy: Remedy::DeadLetter, text }
}

fn held(until: Timestamp, now: Timestamp) -> MessageError {
    let text = "another invocation is performing it, or crashed while it did".to_owned();
    MessageError { reason: Reason::LeaseHeld, remedy: Remedy::Wait { after: Some(until.since(now)) }, text }
}

/// None if an earlier delivery of the same action was performed.
fn metric_of(outcome: Option<&Outcome>) -> metric::Outcome {
    match outcome {
        None => metric::Outcome::Duplicate,
        Some(Outcome::Changed | Outcome::Sent | Outcome::LeadCreated { .. } | Outcome::Created { .. }) => {
            metric::Outcome::Done
        }
        Some(Outcome::NoOp) => metric::Outcome::NoOp,
        Some(Outcome::Superseded { .. }) => metric::Outcome::Superseded,
        Some(Outcome::DryRun) => metric::Outcome::DryRun,
        Some(Outcome::Unrehearsed) => metric::Outcome::Unrehearsed,
    }
}

fn report(planned: &PlannedAction, outcome: Option<&Outcome>, metrics: &Metrics) {
    let PlannedAction { id, hint, organisation, action, .. } = planned;
    let (text, parts) = match outcome {
        Some(Outcome::Superseded { expected, found }) => (
            "the action was not performed: what it changes was changed since its decision",
            Some((expected.for_log(), found.for_log())),
        ),
        _ => ("the action was performed", None),
    };
    let outcome = metric_of(outcome);
    tracing::info!(
        event_name = EventName::ActionPerformed.as_str(),
        organisation = organisation.as_str(),
        ticket.id = action.ticket().map(TicketId::as_str),
        action.id = id.as_str(),
        hint.id = hint.as_ref().map(HintId::as_str),
        action.kind = action.kind(),
        outcome = outcome.as_ref(),
        expected = parts.as_ref().map(|(expected, _)| expected.as_str()),
        found = parts.as_ref().map(|(_, found)| found.as_str()),
        "{text}"
    );
    metrics.record(Metric::ActionsPerformed(outcome), 1);
    if outcome == metric::Outcome::Done {
        metrics.record_duration(Metric::DecisionToActionLatency, clock::now().since(planned.decided_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::{Action, testing};

    #[test]
    fn a_create_is_parked_in_doubt_unless_its_handler_says_otherwise() {
        let ticket = testing::ticket();
        let create = Action::create_ticket(&ticket, "Annual reviews", "x");
        assert_eq!(create.on_unknown_outcome(), OnUnknownOutcome::DeadLetter);
        assert_eq!(create.retry_if_unknown().on_unknown_outcome(), OnUnknownOutcome::Retry);
        assert_eq!(Action::add_label(&ticket, "x").on_unknown_outcome(), OnUnknownOutcome::Retry);
    }
}
