//! The one writer: performs actions, one at a time per ticket, each once.
//!
//! The API's update replaces the whole ticket, so every change reads it first; the queue's message group keeps two
//! changes of one ticket from meeting. An action is claimed before it is performed and recorded afterwards. Where the
//! claimant is lost in between, whoever comes next waits for the lease to end, and then does the action again, or, where
//! doing it twice would be worse than not at all, leaves it to a person.

mod act;
mod lead;
mod notes;
mod notify;

use act::act;
use automations::aws::batch::MessageError;
use automations::aws::secret::Access;
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::id::{HintId, TicketId};
use automations::model::action::{Action, OnUnknownOutcome, PlannedAction};
use automations::notice::{self, Notices};
use automations::reason::Reason;
use automations::salestrekker::{Client, Error};
use automations::store::{Claim, Claimant, Done, Error as StoreError, Outcome, Store};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric, Metrics};
use automations::tracing;
use notes::Notes;
use notify::notify;

/// The worker, with what it needs.
#[derive(Debug)]
pub struct Worker {
    /// Salestrekker.
    pub client: Client,
    /// What was done.
    pub store: Store,
    /// Everything else than Salestrekker.
    pub notices: Notices,
}

impl Worker {
    /// Performs an action before the invocation's deadline, unless it was done before, and records it. `owner` is the
    /// invocation's id; what came of it is added to the invocation's figures.
    ///
    /// # Errors
    /// [`MessageError`]; where it says to try again, trying again is harmless.
    pub async fn perform(
        &self,
        decided: &PlannedAction,
        owner: &str,
        until: Timestamp,
        metrics: &Metrics,
    ) -> Result<(), MessageError> {
        let PlannedAction { id, organisation, action, .. } = decided;
        let claimant = Claimant { owner, now: clock::now(), until };
        match self.store.claim(organisation, id, claimant).await? {
            Claim::Done => {
                say(decided, metric::Outcome::Duplicate, metrics);
                return Ok(());
            }
            Claim::Parked => return Err(parked()),
            Claim::Held { until } => return Err(held(until, claimant.now)),
            Claim::Granted { on_unknown_outcome: true }
                if action.on_unknown_outcome() == OnUnknownOutcome::Park =>
            {
                self.store.park(organisation, id, claimant).await?;
                return Err(parked());
            }
            Claim::Granted { .. } => {}
        }
        let outcome = self.act(decided, claimant).await?;
        let told = told(&outcome);
        let recorded = PlannedAction { action: action.for_record(), ..decided.clone() };
        let done = Done { decided: recorded, outcome, done_at: clock::now() };
        match self.store.record(&done, claimant).await {
            // Overtaken: our lease had ended, and whoever came next was allowed to do it again.
            Ok(()) | Err(StoreError::VersionConflict) => {
                say(decided, told, metrics);
                Ok(())
            }
            // The claim stays: what was done and not recorded is in doubt.
            Err(error) => Err(error.into()),
        }
    }

    /// Acts, and where that fails gives the claim back, or leaves the action to a person.
    async fn act(&self, decided: &PlannedAction, claimant: Claimant<'_>) -> Result<Outcome, MessageError> {
        let PlannedAction { id, organisation, action, .. } = decided;
        let session = self.client.session(organisation, claimant.until);
        let mut notes = Notes { store: &self.store, decided, claimant, left: Vec::new() };
        let is_ours = matches!(action, Action::Notify { .. });
        if !is_ours && session.access().await? == Access::ReadOnly {
            return Ok(Outcome::DryRun);
        }
        let performed = match action {
            Action::Notify { destination, text, about } => {
                let message = (destination, text.as_str(), about.as_ref());
                notify(session, &self.notices, decided, message, claimant.until).await
            }
            _ => act(session, action, &mut notes).await,
        };
        let failed = match performed {
            Ok(outcome) => return Ok(outcome),
            Err(failed) => failed,
        };
        let ActionError { error, is_ambiguous } = failed;
        if is_ambiguous && action.on_unknown_outcome() == OnUnknownOutcome::Park {
            self.store.park(organisation, id, claimant).await?;
            return Err(parked());
        }
        if let (false, Some(ticket)) = (is_ambiguous, action.ticket()) {
            // Where this fails, the same change by somebody else would once be taken for ours.
            let _ = self.store.take_back(organisation, ticket, &notes.left).await;
        }
        // Where this fails too, the lease ends by itself, and the next delivery waits for it.
        let _ = self.store.release(organisation, id, claimant).await;
        Err(error)
    }
}

/// Why an action was not done, or perhaps not.
struct ActionError {
    error: MessageError,
    is_ambiguous: bool,
}

impl From<Error> for ActionError {
    fn from(error: Error) -> Self {
        let is_ambiguous = matches!(error, Error::OutcomeUnknown);
        let mut error = MessageError::from(error);
        if is_ambiguous {
            // Where it is not parked, it is done again.
            error.remedy = Remedy::Retry { after: None };
        }
        Self { error, is_ambiguous }
    }
}

impl From<notice::Error> for ActionError {
    fn from(error: notice::Error) -> Self {
        Self { error: error.into(), is_ambiguous: false }
    }
}

impl ActionError {
    /// What was sent could not be recorded.
    fn on_unknown_outcome(error: StoreError) -> Self {
        Self { is_ambiguous: true, ..error.into() }
    }
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> Self {
        Self { error: error.into(), is_ambiguous: false }
    }
}

fn parked() -> MessageError {
    let text = "it may or may not have taken effect; look at Salestrekker before it is redriven".to_owned();
    MessageError { reason: Reason::OutcomeUnknown, remedy: Remedy::DeadLetter, text }
}

fn held(until: Timestamp, now: Timestamp) -> MessageError {
    let text = "another invocation performs it, or was lost while it did".to_owned();
    MessageError { reason: Reason::LeaseHeld, remedy: Remedy::Retry { after: Some(until.since(now)) }, text }
}

fn told(outcome: &Outcome) -> metric::Outcome {
    match outcome {
        Outcome::Changed | Outcome::Sent | Outcome::LeadCreated { .. } | Outcome::Created { .. } => {
            metric::Outcome::Done
        }
        Outcome::NoOp => metric::Outcome::NoOp,
        Outcome::DryRun => metric::Outcome::DryRun,
    }
}

fn say(decided: &PlannedAction, outcome: metric::Outcome, metrics: &Metrics) {
    let PlannedAction { id, hint, organisation, action, .. } = decided;
    tracing::info!(
        event_name = EventName::ActionPerformed.as_str(),
        organisation = organisation.as_str(),
        ticket.id = action.ticket().map(TicketId::as_str),
        action.id = id.as_str(),
        hint.id = hint.as_ref().map(HintId::as_str),
        action.kind = action.kind(),
        outcome = outcome.as_ref(),
        "the action was performed"
    );
    metrics.record(Metric::ActionsPerformed(outcome), 1);
    if outcome == metric::Outcome::Done {
        metrics.record_duration(Metric::DecisionToActionLatency, clock::now().since(decided.decided_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::private::Private;
    use automations::{Action, testing};

    #[test]
    fn what_has_no_answer_is_tried_again_where_it_is_not_parked() {
        let ambiguous = ActionError::from(Error::OutcomeUnknown);
        assert!(ambiguous.is_ambiguous && ambiguous.error.remedy == Remedy::Retry { after: None });
        let rejected = ActionError::from(Error::Rejected { messages: Private::default() });
        assert!(!rejected.is_ambiguous && rejected.error.remedy == Remedy::DeadLetter);
    }

    #[test]
    fn a_create_is_parked_in_doubt_unless_its_handler_says_otherwise() {
        let ticket = testing::ticket();
        let create = Action::create_ticket(&ticket, "Annual reviews", "x");
        assert_eq!(create.on_unknown_outcome(), OnUnknownOutcome::Park);
        assert_eq!(create.retry_if_unknown().on_unknown_outcome(), OnUnknownOutcome::Retry);
        assert_eq!(Action::add_label(&ticket, "x").on_unknown_outcome(), OnUnknownOutcome::Retry);
    }
}
