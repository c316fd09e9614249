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
use automations::aws::batch::Trouble;
use automations::aws::secret::Access;
use automations::clock::{self, Moment};
use automations::failure::Remedy;
use automations::id::{HintId, TicketId};
use automations::model::action::{Action, Decided, InDoubt};
use automations::notice::{self, Notices};
use automations::salestrekker::{Client, Error};
use automations::store::{Claim, Claimant, Done, Error as StoreError, Outcome, Store};
use automations::telemetry::metric::{self, Figures, Metric};
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
    /// [`Trouble`]; where it says to try again, trying again is harmless.
    pub async fn perform(
        &self,
        decided: &Decided,
        owner: &str,
        until: Moment,
        figures: &Figures,
    ) -> Result<(), Trouble> {
        let Decided { id, organisation, action, .. } = decided;
        let claimant = Claimant { owner, now: clock::now(), until };
        match self.store.claim(organisation, id, claimant).await? {
            Claim::Done => {
                say(decided, metric::Outcome::DoneBefore, figures);
                return Ok(());
            }
            Claim::Parked => return Err(parked()),
            Claim::Held { until } => return Err(held(until, claimant.now)),
            Claim::Ours { in_doubt: true } if action.in_doubt() == InDoubt::Park => {
                self.store.park(organisation, id, claimant).await?;
                return Err(parked());
            }
            Claim::Ours { .. } => {}
        }
        let outcome = self.act(decided, claimant).await?;
        let told = told(&outcome);
        let recorded = Decided { action: action.for_record(), ..decided.clone() };
        let done = Done { decided: recorded, outcome, done_at: clock::now() };
        match self.store.record(&done, claimant).await {
            // Overtaken: our lease had ended, and whoever came next was allowed to do it again.
            Ok(()) | Err(StoreError::Overtaken) => {
                say(decided, told, figures);
                Ok(())
            }
            // The claim stays: what was done and not recorded is in doubt.
            Err(error) => Err(error.into()),
        }
    }

    /// Acts, and where that fails gives the claim back, or leaves the action to a person.
    async fn act(&self, decided: &Decided, claimant: Claimant<'_>) -> Result<Outcome, Trouble> {
        let Decided { id, organisation, action, .. } = decided;
        let session = self.client.session(organisation, claimant.until);
        let mut notes = Notes { store: &self.store, decided, claimant, left: Vec::new() };
        let is_ours = matches!(action, Action::Notify { .. });
        if !is_ours && session.access().await? == Access::ReadOnly {
            return Ok(Outcome::WouldDo);
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
        let NotDone { trouble, is_ambiguous } = failed;
        if is_ambiguous && action.in_doubt() == InDoubt::Park {
            self.store.park(organisation, id, claimant).await?;
            return Err(parked());
        }
        if let (false, Some(ticket)) = (is_ambiguous, action.ticket()) {
            // Where this fails, the same change by somebody else would once be taken for ours.
            let _ = self.store.take_back(organisation, ticket, &notes.left).await;
        }
        // Where this fails too, the lease ends by itself, and the next delivery waits for it.
        let _ = self.store.release(organisation, id, claimant).await;
        Err(trouble)
    }
}

/// Why an action was not done, or perhaps not.
struct NotDone {
    trouble: Trouble,
    is_ambiguous: bool,
}

impl From<Error> for NotDone {
    fn from(error: Error) -> Self {
        let is_ambiguous = matches!(error, Error::Ambiguous);
        let mut trouble = Trouble::from(error);
        if is_ambiguous {
            // Where it is not parked, it is done again.
            trouble.remedy = Remedy::Retry { after: None };
        }
        Self { trouble, is_ambiguous }
    }
}

impl From<notice::Error> for NotDone {
    fn from(error: notice::Error) -> Self {
        Self { trouble: error.into(), is_ambiguous: false }
    }
}

impl NotDone {
    /// What was sent could not be recorded.
    fn in_doubt(error: StoreError) -> Self {
        Self { is_ambiguous: true, ..error.into() }
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        Self { trouble: error.into(), is_ambiguous: false }
    }
}

fn parked() -> Trouble {
    let text = "it may or may not have taken effect; look at Salestrekker before it is redriven".to_owned();
    Trouble { kind: "ambiguous", remedy: Remedy::GiveUp, text }
}

fn held(until: Moment, now: Moment) -> Trouble {
    let text = "another invocation performs it, or was lost while it did".to_owned();
    Trouble { kind: "held", remedy: Remedy::Retry { after: Some(until.since(now)) }, text }
}

fn told(outcome: &Outcome) -> metric::Outcome {
    match outcome {
        Outcome::Changed | Outcome::Sent | Outcome::LeadCreated { .. } | Outcome::Created { .. } => {
            metric::Outcome::Done
        }
        Outcome::AlreadySo => metric::Outcome::AlreadySo,
        Outcome::WouldDo => metric::Outcome::WouldDo,
    }
}

fn say(decided: &Decided, outcome: metric::Outcome, figures: &Figures) {
    let Decided { id, hint, organisation, action, .. } = decided;
    tracing::info!(
        organisation = organisation.as_str(),
        ticket.id = action.ticket().map(TicketId::as_str),
        action.id = id.as_str(),
        hint.id = hint.as_ref().map(HintId::as_str),
        action.kind = action.kind(),
        outcome = outcome.as_str(),
        "performed"
    );
    figures.add(Metric::ActionsPerformed(outcome), 1);
    if outcome == metric::Outcome::Done {
        figures.took(Metric::ActionAge, clock::now().since(decided.decided_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::private::Private;
    use automations::{Action, testing};

    #[test]
    fn what_has_no_answer_is_tried_again_where_it_is_not_parked() {
        let ambiguous = NotDone::from(Error::Ambiguous);
        assert!(ambiguous.is_ambiguous && ambiguous.trouble.remedy == Remedy::Retry { after: None });
        let rejected = NotDone::from(Error::Rejected { messages: Private::default() });
        assert!(!rejected.is_ambiguous && rejected.trouble.remedy == Remedy::GiveUp);
    }

    #[test]
    fn a_create_is_parked_in_doubt_unless_its_handler_says_otherwise() {
        let ticket = testing::ticket();
        let create = Action::create_ticket(&ticket, "Annual reviews", "x");
        assert_eq!(create.in_doubt(), InDoubt::Park);
        assert_eq!(create.retried_in_doubt().in_doubt(), InDoubt::Retry);
        assert_eq!(Action::add_label(&ticket, "x").in_doubt(), InDoubt::Retry);
    }
}
