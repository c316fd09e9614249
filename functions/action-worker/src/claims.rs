//! What follows from the claim of an action.

use crate::Worker;
use crate::error::ActionError;
use crate::report::{held, parked, superseded};
use automations::aws::batch::MessageError;
use automations::aws::secret::{Access, Rehearsal};
use automations::model::action::{OnUnknownOutcome, PlannedAction};
use automations::salestrekker::Session;
use automations::store::{Claim, Claimant, Error as StoreError, Hold, Outcome};

/// An action that may be acknowledged, or performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Granted {
    /// It was performed by an earlier delivery.
    DoneBefore,
    /// It is ours to perform, and to record so.
    Now(Hold),
}

impl Worker {
    /// Whether an action is ours to perform. If not, its claim is released.
    ///
    /// # Errors
    /// [`MessageError`] if another invocation holds it, if it is parked, or if it comes too late.
    pub(crate) async fn granted(
        &self,
        planned: &PlannedAction,
        claim: Result<Claim, StoreError>,
        claimant: Claimant<'_>,
    ) -> Result<Granted, MessageError> {
        let PlannedAction { id, organisation, action, .. } = planned;
        let hold = match claim? {
            Claim::Unclaimed => Hold::Unclaimed,
            Claim::Done => return Ok(Granted::DoneBefore),
            Claim::Parked => return Err(parked()),
            Claim::Held { until } => return Err(held(until, claimant.now)),
            Claim::Granted { outcome_unknown: true, is_first: _ }
                if action.on_unknown_outcome() == OnUnknownOutcome::DeadLetter =>
            {
                self.store.park(organisation, id, claimant).await?;
                return Err(parked());
            }
            Claim::Granted { outcome_unknown: _, is_first } => Hold::Claimed { is_first },
        };
        if let Err(error) = self.check_order(planned).await {
            // If this fails, the lease ends by itself.
            let _ = self.store.release(organisation, id, claimant).await;
            return Err(error);
        }
        Ok(Granted::Now(hold))
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

    /// The outcome of every action that writes, if the organisation's are only recorded.
    pub(crate) async fn only_recorded(&self, session: Session<'_>) -> Result<Option<Outcome>, ActionError> {
        Ok(match session.access().await? {
            (Access::ReadOnly, _) => Some(Outcome::DryRun),
            (Access::ReadWrite | Access::WriteOnly, Rehearsal::Missing) => Some(Outcome::Unrehearsed),
            (Access::ReadWrite | Access::WriteOnly, Rehearsal::Passed | Rehearsal::Accepted) => None,
        })
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
