//! An action that is performed by itself.

use crate::claims::Granted;
use crate::context::Context;
use crate::error::ActionError;
use crate::perform::perform;
use crate::progress::{Hold, Progress};
use crate::report::{parked, report};
use crate::{Invocation, Worker};
use automations::aws::batch::MessageError;
use automations::clock;
use automations::model::action::{Action, OnUnknownOutcome, PlannedAction};
use automations::salestrekker::{FullTicket, Session};
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
        if is_claimed_when_sent(planned)
            && let Some(result) = Box::pin(self.perform_open(planned, read_back, claimant)).await
        {
            return result;
        }
        let claim = self.store.claim_each(&[planned], claimant).await.pop();
        let claim = claim.unwrap_or(Err(StoreError::VersionConflict));
        if self.granted(planned, claim, claimant).await? == Granted::DoneBefore {
            report(planned, None);
            return Ok(());
        }
        let outcome = self.perform_claimed(planned, read_back, claimant).await?;
        self.record(planned, outcome, claimant).await
    }

    /// Prepares an action, and claims it when it is sent, which is one write instead of two; `None` if it is to be claimed first.
    /// Of what exists, or may exist, the claim of [`Worker::granted`] decides, as ever.
    async fn perform_open(
        &self,
        planned: &PlannedAction,
        read_back: Option<&FullTicket>,
        claimant: Claimant<'_>,
    ) -> Option<Result<(), MessageError>> {
        let session = self.client.session(&planned.organisation, claimant.until);
        if !matches!(self.only_recorded(session).await, Ok(None)) {
            return None;
        }
        let progress = Progress::new(&self.store, planned, claimant, Hold::Open);
        let mut context = self.context(session, planned, progress, read_back);
        let performed = Box::pin(perform(&mut context)).await;
        match (context.progress.hold(), performed) {
            (Hold::Claimed, Ok(outcome)) => Some(self.record(planned, outcome, claimant).await),
            (Hold::Claimed, Err(failed)) => Some(Err(self.failed(planned, failed, claimant).await)),
            (Hold::Failed, Err(failed)) => Some(Err(failed.error)),
            // It could not be prepared. It may be done all the same, by an earlier delivery.
            (Hold::Open, Err(failed)) => Some(self.unprepared(planned, failed, claimant).await),
            (Hold::Exists | Hold::Open | Hold::Failed, Ok(_)) | (Hold::Exists, Err(_)) => None,
        }
    }

    /// What becomes of an action that could not be prepared, and was not claimed.
    async fn unprepared(
        &self,
        planned: &PlannedAction,
        failed: ActionError,
        claimant: Claimant<'_>,
    ) -> Result<(), MessageError> {
        let claim = self.store.claim(&planned.organisation, &planned.id, claimant).await;
        match self.granted(planned, claim, claimant).await? {
            Granted::DoneBefore => {
                report(planned, None);
                Ok(())
            }
            Granted::Now(_) => Err(self.failed(planned, failed, claimant).await),
        }
    }

    /// Records an action that was performed.
    async fn record(
        &self,
        planned: &PlannedAction,
        outcome: Outcome,
        claimant: Claimant<'_>,
    ) -> Result<(), MessageError> {
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
        let progress = Progress::new(&self.store, planned, claimant, Hold::Claimed);
        let mut context = self.context(session, planned, progress, read_back);
        match perform(&mut context).await {
            Ok(outcome) => Ok(outcome),
            Err(failed) => Err(self.failed(planned, failed, claimant).await),
        }
    }

    fn context<'a>(
        &'a self,
        session: Session<'a>,
        planned: &'a PlannedAction,
        progress: Progress<'a>,
        read_back: Option<&'a FullTicket>,
    ) -> Context<'a> {
        let (secrets, notices, looks) = (&self.secrets, &self.notices, &self.looks);
        let (speed, deadline) = (self.speed, progress.claimant.until);
        Context { session, planned, progress, secrets, notices, looks, read_back, speed, deadline }
    }

    /// The error of a claimed action that failed: its claim is released, or it is parked if its outcome is unknown.
    async fn failed(
        &self,
        planned: &PlannedAction,
        failed: ActionError,
        claimant: Claimant<'_>,
    ) -> MessageError {
        let PlannedAction { id, organisation, action, .. } = planned;
        let ActionError { error, outcome_unknown } = failed;
        if outcome_unknown && action.on_unknown_outcome() == OnUnknownOutcome::DeadLetter {
            return match self.store.park(organisation, id, claimant).await {
                Ok(()) => parked(),
                Err(error) => error.into(),
            };
        }
        // If this fails, the lease ends by itself, and the next delivery waits for that.
        let _ = self.store.release(organisation, id, claimant).await;
        error
    }
}

/// Whether an action is claimed when it is sent: its first step is what must not happen twice, and it was not sent again by an operator,
/// whose consent the claim looks at.
fn is_claimed_when_sent(planned: &PlannedAction) -> bool {
    let sends_first = match &planned.action {
        Action::CreateTicket { .. } | Action::Mutate { .. } => true,
        Action::AddLabel { .. }
        | Action::RemoveLabel { .. }
        | Action::SetOwner { .. }
        | Action::MoveStage { .. }
        | Action::MoveWorkflow { .. }
        | Action::SetValue { .. }
        | Action::CreateLead { .. }
        | Action::Notify { .. }
        | Action::NotifyJson { .. }
        | Action::Remind { .. }
        | Action::Forget { .. }
        | Action::Defer { .. } => false,
    };
    sends_first && planned.resent.is_none()
}

/// The record of an action that was performed.
pub(crate) fn done(planned: &PlannedAction, outcome: Outcome) -> Done {
    let recorded = PlannedAction { action: planned.action.for_record(), ..planned.clone() };
    Done { planned: recorded, outcome, done_at: clock::now() }
}
