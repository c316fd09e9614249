//! An action that is performed by itself.

use crate::claims::Granted;
use crate::context::Context;
use crate::error::ActionError;
use crate::perform::perform;
use crate::progress::Progress;
use crate::report::{parked, report};
use crate::{Invocation, Worker};
use automations::aws::batch::MessageError;
use automations::clock;
use automations::model::action::{OnUnknownOutcome, PlannedAction};
use automations::salestrekker::FullTicket;
use automations::store::{Claimant, Done, Error as StoreError, Outcome};

impl Worker {
    /// Performs an action before the invocation's deadline, unless it is done already, and records it. `read_back`: the ticket as
    /// the edits just before it left it.
    ///
    /// # Errors
    /// [`MessageError`]; if its remedy is to retry, a retry does no harm.
    pub(crate) async fn perform_alone(
        &self,
        planned: &PlannedAction,
        read_back: Option<&FullTicket>,
        invocation: Invocation<'_>,
    ) -> Result<(), MessageError> {
        let claimant = invocation.claimant();
        let claim = self.store.claim_each(&[planned], claimant).await.pop();
        let claim = claim.unwrap_or(Err(StoreError::VersionConflict));
        if self.granted(planned, claim, claimant).await? == Granted::DoneBefore {
            report(planned, None);
            return Ok(());
        }
        let outcome = self.perform_claimed(planned, read_back, claimant).await?;
        let done = done(planned, outcome);
        match self.store.record(&done, claimant).await {
            // A version conflict: our lease has ended, and another invocation was allowed to perform the action again.
            Ok(()) | Err(StoreError::VersionConflict) => {
                report(planned, Some(&done.outcome));
                Ok(())
            }
            // The claim stays: the action was performed and not recorded, so its outcome is unknown.
            Err(error) => Err(error.into()),
        }
    }

    /// Performs a claimed action. If that fails, releases the claim, or parks the action if its outcome is unknown.
    async fn perform_claimed(
        &self,
        planned: &PlannedAction,
        read_back: Option<&FullTicket>,
        claimant: Claimant<'_>,
    ) -> Result<Outcome, MessageError> {
        let PlannedAction { id, organisation, action, .. } = planned;
        let session = self.client.session(organisation, claimant.until);
        if action.writes_to_salestrekker() {
            match self.only_recorded(session).await {
                Ok(None) => {}
                Ok(Some(outcome)) => return Ok(outcome),
                Err(error) => {
                    // If this fails, the lease ends by itself.
                    let _ = self.store.release(organisation, id, claimant).await;
                    return Err(error.error);
                }
            }
        }
        let progress = Progress::new(&self.store, planned, claimant);
        let (secrets, notices, looks, deadline) = (&self.secrets, &self.notices, &self.looks, claimant.until);
        let speed = self.speed;
        let mut context =
            Context { session, planned, progress, secrets, notices, looks, read_back, speed, deadline };
        let ActionError { error, outcome_unknown } = match perform(&mut context).await {
            Ok(outcome) => return Ok(outcome),
            Err(failed) => failed,
        };
        if outcome_unknown && action.on_unknown_outcome() == OnUnknownOutcome::DeadLetter {
            self.store.park(organisation, id, claimant).await?;
            return Err(parked());
        }
        // If this fails, the lease ends by itself, and the next delivery waits for that.
        let _ = self.store.release(organisation, id, claimant).await;
        Err(error)
    }
}

/// The record of an action that was performed.
pub(crate) fn done(planned: &PlannedAction, outcome: Outcome) -> Done {
    let recorded = PlannedAction { action: planned.action.for_record(), ..planned.clone() };
    Done { planned: recorded, outcome, done_at: clock::now() }
}
