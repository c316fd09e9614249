//! Edits that are performed together: those with which the groups of a batch begin, of one organisation. Each is judged, marked and
//! recorded by itself; they share requests.

use crate::alone::done;
use crate::claims::Granted;
use crate::edit::Edit;
use crate::edit_tickets::edit_tickets;
use crate::error::ActionError;
use crate::line::LineRun;
use crate::remote::Remote;
use crate::report::report;
use crate::run::{Edited, Run};
use crate::tickets::{Look, Tickets as _};
use crate::{Invocation, Worker};
use automations::aws::batch::{Message, MessageError};
use automations::clock;
use automations::futures::future::join_all;
use automations::futures::{FutureExt as _, join};
use automations::id::{ActionId, TicketId};
use automations::model::action::PlannedAction;
use automations::salestrekker::{Error, FullTicket};
use automations::store::{Claim, Claimant, Done, Error as StoreError, Hold, Outcome};
use std::collections::BTreeSet;

/// Actions of a group, in their order.
type Messages = Vec<Message<PlannedAction>>;

/// What is to be done with an action.
enum Step {
    /// It was performed by an earlier delivery.
    DoneBefore,
    /// Its outcome is known without a request.
    Known(Outcome, Hold),
    /// Its edit is performed.
    Edit(Hold),
    Failed(MessageError),
}

/// An action, its claim, and its edit; none if the organisation's actions are only recorded.
struct Claimed<'a> {
    planned: &'a PlannedAction,
    claim: Result<Claim, StoreError>,
    edit: Option<Result<Edit<'a>, ActionError>>,
}

/// What became of an action: it was performed by an earlier delivery, or now, or failed; none if it waits for an earlier one.
type Fate = Option<Result<Option<(Done, Hold)>, MessageError>>;

/// Whether a message is acknowledged, or why not.
type Settled = Result<(), MessageError>;

impl Worker {
    /// Performs runs of edits, each of another group of the same organisation, and settles their messages. What cannot be performed
    /// with the rest is put back.
    pub(crate) async fn edit_together(&self, runs: &mut [LineRun<'_, '_, '_>], invocation: Invocation<'_>) {
        let first = runs.first().and_then(|run| run.messages.first());
        let Some(organisation) = first.map(|message| message.body.organisation.clone()) else { return };
        let all: Vec<Messages> = runs.iter_mut().map(|run| std::mem::take(&mut run.messages)).collect();
        let session = self.client.session(&organisation, invocation.until);
        let remote = Remote { session, store: &self.store, organisation: &organisation, looks: &self.looks };
        for (run, messages) in runs.iter_mut().zip(&all) {
            run.line.claimed.retain(|claimed| messages.iter().all(|it| it.body.id != claimed.id));
        }
        let performed = self.performed(&all, remote, invocation.claimant()).await;
        let (fates, ends): (Vec<Vec<Fate>>, Vec<End>) = performed.into_iter().unzip();
        let done: Vec<(Done, Hold)> = fates.iter().flatten().filter_map(|fate| fate.clone()?.ok()?).collect();
        let mut records = self.store.record_each(&done, invocation.claimant()).await.into_iter();
        let settled = runs.iter_mut().zip(all).zip(fates).zip(ends).map(|(((run, messages), fates), end)| {
            let fates = fates.into_iter().chain(std::iter::repeat(None));
            let results = messages.into_iter().zip(fates).map(|(message, fate)| {
                let result = fate.map(|fate| {
                    let Some((done, _)) = fate? else {
                        report(&message.body, None);
                        return Ok(());
                    };
                    is_recorded(records.next())?;
                    report(&message.body, Some(&done.outcome));
                    Ok(())
                });
                (message, result)
            });
            Box::pin(self.settle(run, results.collect(), end, invocation))
        });
        join_all(settled.collect::<Vec<_>>()).await;
    }

    /// Settles the messages of a run, and puts those back that have no result.
    async fn settle(
        &self,
        run: &mut LineRun<'_, '_, '_>,
        results: Vec<(Message<PlannedAction>, Option<Settled>)>,
        end: End,
        invocation: Invocation<'_>,
    ) {
        let mut rest: Messages = Vec::new();
        for (message, result) in results {
            match result {
                Some(result) => run.line.group.settle(message, result).await,
                None => rest.push(message),
            }
        }
        let claimed = rest.iter().map(|message| &message.body).filter(|it| end.claimed.contains(&it.id));
        run.line.claimed.extend(claimed.cloned());
        run.line.alone = if end.is_rejected_together { rest.len() } else { run.line.alone };
        run.line.read_back = end.read_back.filter(|_| rest.is_empty());
        run.line.group.put_back(rest);
        if run.line.group.is_blocked() {
            run.line.release_claims(&self.store, invocation.claimant()).await;
        }
    }

    /// Performs the edits of each run: what became of each. An edit is not claimed unless something is stored of it, as it may be
    /// performed twice, and the queue keeps those of a ticket apart.
    async fn performed(
        &self,
        all: &[Messages],
        remote: Remote<'_>,
        claimant: Claimant<'_>,
    ) -> Vec<(Vec<Fate>, End)> {
        let actions: Vec<&PlannedAction> = all.iter().flatten().map(|message| &message.body).collect();
        let only_recorded = self.only_recorded(remote.session).await;
        let is_performed = matches!(only_recorded, Ok(None));
        let tickets: Vec<TicketId> =
            all.iter().filter_map(|run| run.first()?.body.action.ticket().cloned()).collect();
        let prepare = async {
            if !is_performed {
                return (Vec::new(), Vec::new());
            }
            let mut edits = Box::pin(edits(&actions, remote));
            match edits.as_mut().now_or_never() {
                Some(edits) => {
                    let found = remote.read(&tickets).await;
                    let at = clock::now();
                    (found.into_iter().map(|found| Look { found, at }).collect(), edits)
                }
                // A name has to be asked for: a ticket that is read meanwhile would be old before it is sent back.
                None => (Vec::new(), edits.await),
            }
        };
        let (claims, (looks, edits)) = join!(self.store.unclaimed_each(&actions, claimant), prepare);
        let is_claimed = |claim: &Result<Claim, StoreError>| matches!(claim, Ok(Claim::Granted { .. }));
        let own = actions.iter().zip(&claims).filter(|(_, claim)| is_claimed(claim));
        let own: BTreeSet<ActionId> = own.map(|(planned, _)| planned.id.clone()).collect();
        let edits = edits.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let mut claimed = actions.iter().zip(claims).zip(edits);
        let stepped = all.iter().map(|messages| {
            let own = claimed.by_ref().take(messages.len());
            let own = own.map(|((planned, claim), edit)| Claimed { planned, claim, edit }).collect();
            Box::pin(self.steps(own, &only_recorded, claimant))
        });
        let stepped = join_all(stepped.collect::<Vec<_>>()).await;
        let mut looks: std::vec::IntoIter<Look> = looks.into_iter();
        let (mut steps, mut runs) = (Vec::new(), Vec::new());
        for ((own_steps, edits), ticket) in stepped.into_iter().zip(&tickets) {
            // What was read while an action was claimed again may be older than what its earlier claimant wrote.
            let is_fresh = own_steps.iter().all(Step::is_fresh);
            let look = looks.next().filter(|_| is_fresh);
            runs.push(Run::new(ticket.clone(), edits, look));
            steps.push(own_steps);
        }
        let edited = Box::pin(edit_tickets(&remote, runs)).await;
        let performed = all.iter().zip(steps).zip(edited).map(async |((messages, steps), edited)| {
            let Edited { results, is_rejected_together, read_back } = edited;
            let fates = Box::pin(self.fates(messages, steps, results, claimant)).await;
            (fates, End { is_rejected_together, read_back, claimed: own.clone() })
        });
        join_all(performed).await
    }

    /// What is to be done with each action of a run, up to the first that failed, and the edits.
    async fn steps<'a>(
        &self,
        claimed: Vec<Claimed<'a>>,
        only_recorded: &Result<Option<Outcome>, ActionError>,
        claimant: Claimant<'_>,
    ) -> (Vec<Step>, Vec<Edit<'a>>) {
        let (mut steps, mut edits) = (Vec::new(), Vec::new());
        for Claimed { planned, claim, edit } in claimed {
            let hold = match self.granted(planned, claim, claimant).await {
                Ok(Granted::DoneBefore) => {
                    steps.push(Step::DoneBefore);
                    continue;
                }
                Ok(Granted::Now(hold)) => hold,
                Err(error) => {
                    steps.push(Step::Failed(error));
                    break;
                }
            };
            let edit = match (only_recorded, edit) {
                (Ok(Some(outcome)), _) => {
                    steps.push(Step::Known(outcome.clone(), hold));
                    continue;
                }
                (Ok(None), Some(edit)) => edit,
                (Ok(None), None) => Err(nothing_to_edit()),
                (Err(error), _) => Err(error.clone()),
            };
            match edit {
                Ok(edit) => {
                    steps.push(Step::Edit(hold));
                    edits.push(edit);
                }
                Err(error) => {
                    self.release(planned, hold, claimant).await;
                    steps.push(Step::Failed(error.error));
                    break;
                }
            }
        }
        (steps, edits)
    }

    /// What became of each action of a run, up to the last that is known.
    async fn fates(
        &self,
        messages: &Messages,
        steps: Vec<Step>,
        results: Vec<Option<Result<Outcome, ActionError>>>,
        claimant: Claimant<'_>,
    ) -> Vec<Fate> {
        let mut results = results.into_iter();
        let (mut fates, mut waits) = (Vec::new(), false);
        for (Message { body: planned, .. }, step) in messages.iter().zip(steps) {
            let fate = match step {
                Step::DoneBefore => Some(Ok(None)),
                Step::Known(..) | Step::Failed(_) if waits => None,
                Step::Known(outcome, hold) => Some(Ok(Some((done(planned, outcome), hold)))),
                Step::Failed(error) => Some(Err(error)),
                Step::Edit(hold) => match results.next().flatten() {
                    Some(Ok(outcome)) => Some(Ok(Some((done(planned, outcome), hold)))),
                    Some(Err(error)) => {
                        self.release(planned, hold, claimant).await;
                        Some(Err(error.error))
                    }
                    None => None,
                },
            };
            waits |= fate.is_none();
            fates.push(fate);
        }
        fates
    }

    /// Releases the claim, if there is one. If this fails, the lease ends by itself, and the next delivery waits for that.
    async fn release(&self, planned: &PlannedAction, hold: Hold, claimant: Claimant<'_>) {
        if hold == Hold::Unclaimed {
            return;
        }
        let _ = self.store.release(&planned.organisation, &planned.id, claimant).await;
    }
}

/// How a run ended.
struct End {
    /// What is left of it must be performed one at a time.
    is_rejected_together: bool,
    read_back: Option<FullTicket>,
    /// The actions that were claimed.
    claimed: BTreeSet<ActionId>,
}

impl Step {
    fn is_fresh(&self) -> bool {
        match self {
            Self::Known(_, hold) | Self::Edit(hold) => {
                matches!(hold, Hold::Unclaimed | Hold::Claimed { is_first: true })
            }
            Self::DoneBefore => false,
            Self::Failed(_) => true,
        }
    }
}

/// The edit of each action. One after the other, so that names which are not cached are asked for once; and if the API does not
/// respond, not for each action.
async fn edits<'a>(actions: &[&'a PlannedAction], remote: Remote<'_>) -> Vec<Result<Edit<'a>, ActionError>> {
    let (mut edits, mut outage): (Vec<_>, Option<ActionError>) = (Vec::with_capacity(actions.len()), None);
    for planned in actions {
        let mut edit = Box::pin(Edit::of(planned, remote.session));
        let edit = match (edit.as_mut().now_or_never(), &outage) {
            (Some(edit), _) => edit,
            (None, Some(error)) => {
                edits.push(Err(error.clone()));
                continue;
            }
            (None, None) => edit.await,
        };
        edits.push(match edit {
            Ok(Some((_, edit))) => Ok(edit),
            Ok(None) => Err(nothing_to_edit()),
            Err(error) => {
                let is_outage = matches!(error, Error::Unavailable { .. } | Error::Throttled { .. });
                let error = ActionError::from(error);
                outage = is_outage.then(|| error.clone());
                Err(error)
            }
        });
    }
    edits
}

/// Whether an action may be acknowledged that was performed, and recorded or not.
fn is_recorded(record: Option<Result<(), StoreError>>) -> Result<(), MessageError> {
    match record {
        // A version conflict: another invocation was allowed to perform the action, as our lease has ended or there was none.
        Some(Ok(()) | Err(StoreError::VersionConflict)) => Ok(()),
        // It was performed and not recorded: the next delivery finds it at the ticket.
        Some(Err(error)) => Err(error.into()),
        None => Err(StoreError::Unavailable { code: None }.into()),
    }
}

fn nothing_to_edit() -> ActionError {
    Error::Unavailable { why: "there is nothing to edit" }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_recorded_is_not_acknowledged() {
        assert!(is_recorded(Some(Ok(()))).is_ok());
        assert!(is_recorded(Some(Err(StoreError::VersionConflict))).is_ok());
        let unavailable = is_recorded(Some(Err(StoreError::Unavailable { code: None })));
        assert_eq!((unavailable.is_err(), is_recorded(None)), (true, unavailable));
    }
}
