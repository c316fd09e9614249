//! A run: edits of one ticket that are written together, from the first read to the read-back that shows them.

use crate::edit::{Edit, Judged, Target};
use crate::error::ActionError;
use crate::progress::marks;
use crate::tickets::{Look, Tickets, Update, Written};
use automations::clock::Timestamp;
use automations::failure::Remedy;
use automations::id::TicketId;
use automations::model::action::PlannedAction;
use automations::model::own_changes::ChangeMark;
use automations::salestrekker::{Error, FullTicket};
use automations::store::Outcome;
use std::time::Duration;

/// A ticket is written at most this often until it is as wanted when it is read back.
pub(crate) const MAX_WRITES: u32 = 3;

/// A ticket that was read longer ago is not sent back: a person may have saved it since, and would be undone.
pub(crate) const MAX_AGE: Duration = Duration::from_millis(500);
/// If judging and marking take longer than that, the ticket is read again this often; then it is sent all the same, as each round
/// is the quickest that it can be.
pub(crate) const MAX_READS_AGAIN: u32 = 2;

/// Edits of one ticket, in their order.
pub(crate) struct Run<'a> {
    pub(crate) ticket: TicketId,
    edits: Vec<Edit<'a>>,
    /// Of the edits that belong to the run; those after them are a run of their own.
    fates: Vec<Fate>,
    /// The ticket, if it was read and nothing was written since.
    look: Option<Look>,
    /// When the ticket was read from which the last update was planned.
    read_at: Timestamp,
    /// How often it was read again since the last update, because that was too long ago.
    reads_again: u32,
    writes: u32,
    /// The last update was accepted, and a look that was sent with it did not show it.
    was_missed: bool,
    /// Why the edits that are not shown yet are not going to be.
    failed: Option<ActionError>,
    /// The ticket as it was when everything was as wanted.
    read_back: Option<FullTicket>,
    is_open: bool,
}

/// What is known of an edit.
#[derive(Debug)]
enum Fate {
    NoOp,
    /// It is to be written, or was written and not seen yet.
    Wanted,
    /// It is as wanted if an earlier edit of the run is, which is to be written or was not seen yet.
    Repeats,
    Shown,
    Superseded(Outcome),
    Failed(ActionError),
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Edited {
    /// For each edit, in their order; none for one that waits until an earlier one is settled. Behind an error there are only edits
    /// that were seen at the ticket.
    pub(crate) results: Vec<Option<Result<Outcome, ActionError>>>,
    /// The edits without a result must be performed one at a time: their update was rejected, and one of them is why.
    pub(crate) is_rejected_together: bool,
    /// The ticket as it was when everything was as wanted.
    pub(crate) read_back: Option<FullTicket>,
}

impl<'a> Run<'a> {
    /// The edits of a ticket, which may have been read already.
    pub(crate) fn new(ticket: TicketId, edits: Vec<Edit<'a>>, look: Option<Look>) -> Self {
        Self {
            is_open: !edits.is_empty(),
            ticket,
            edits,
            fates: Vec::new(),
            look,
            read_at: Timestamp::from_millis(0),
            reads_again: 0,
            writes: 0,
            was_missed: false,
            failed: None,
            read_back: None,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Itself, if the ticket is to be read: it was not, or too long ago.
    pub(crate) fn if_unread(&mut self, now: Timestamp) -> Option<&mut Self> {
        self.look.take_if(|look| look.found.is_ok() && now.since(look.at) > MAX_AGE);
        (self.is_open && self.look.is_none()).then_some(self)
    }

    /// Whether the update that was planned last is not to be sent, as the ticket was read too long ago.
    pub(crate) fn is_read_again(&mut self, now: Timestamp) -> bool {
        let is_old = self.reads_again < MAX_READS_AGAIN && now.since(self.read_at) > MAX_AGE;
        self.reads_again = self.reads_again.saturating_add(is_old.into());
        is_old
    }

    /// The ticket, as it was just read.
    pub(crate) fn has_been_read(&mut self, look: Look) {
        self.look = Some(look);
    }

    /// What is to be written, from the ticket as it was read. None if the run is over.
    pub(crate) async fn plan(&mut self, at: &impl Tickets) -> Option<Update<'a>> {
        let Look { found, at: read_at } = self.look.take()?;
        self.read_at = read_at;
        let before = match found {
            Ok(before) => before,
            Err(error) => {
                self.fail(error);
                return None;
            }
        };
        let mut after = before.clone();
        let changes = match self.writes {
            0 => self.plan_first(at, &mut after).await,
            _ => self.plan_again(at, &mut after).await,
        };
        if changes.is_empty() {
            let is_shown = self.fates.iter().all(|fate| matches!(fate, Fate::Shown | Fate::NoOp));
            if self.was_missed && is_shown {
                at.look_was_too_early();
            }
            self.is_open = false;
            self.read_back = is_shown.then_some(before);
            return None;
        }
        if self.writes >= MAX_WRITES {
            let why = "an update that it accepted is not there when the ticket is read back";
            self.fail(Error::Unavailable { why }.into());
            // What is marked is known not to be there. If this fails, the same change by a person is once taken for ours.
            at.remove_marks(&Update { after, changes }).await;
            return None;
        }
        Some(Update { after, changes })
    }

    /// Judges each edit by the ticket with those before it, and ends the run at one that cannot be written with them.
    async fn plan_first(
        &mut self,
        at: &impl Tickets,
        after: &mut FullTicket,
    ) -> Vec<(&'a PlannedAction, Vec<ChangeMark>)> {
        let (mut changes, mut touched): (Vec<_>, Vec<Target>) = (Vec::new(), Vec::new());
        self.fates.clear();
        for edit in &mut self.edits {
            let fate = match edit.judge(at, after, &touched).await {
                Ok(Judged::AsWanted) if touched.contains(&edit.target()) => Fate::Repeats,
                Ok(Judged::AsWanted) => Fate::NoOp,
                Ok(Judged::Superseded { expected, found }) => {
                    Fate::Superseded(Outcome::Superseded { expected, found })
                }
                Ok(Judged::Changed(edited)) => {
                    changes.push((edit.planned, marks(after, &edited)));
                    touched.push(edit.target());
                    *after = *edited;
                    Fate::Wanted
                }
                Ok(Judged::OfItsOwnRun) => break,
                Err(error) => {
                    self.fates.push(Fate::Failed(error));
                    break;
                }
            };
            self.fates.push(fate);
        }
        changes
    }

    /// Judges what was written by the ticket as it was read back: what is not there is written again, unless a person changed it.
    /// Nothing is written behind an edit that cannot be judged any more.
    async fn plan_again(
        &mut self,
        at: &impl Tickets,
        after: &mut FullTicket,
    ) -> Vec<(&'a PlannedAction, Vec<ChangeMark>)> {
        let (mut changes, mut touched): (Vec<_>, Vec<Target>) = (Vec::new(), Vec::new());
        for (edit, fate) in self.edits.iter_mut().zip(&mut self.fates) {
            if matches!(fate, Fate::Failed(_)) {
                break;
            }
            let Some(if_shown) = fate.if_shown() else { continue };
            *fate = match edit.judge(at, after, &[]).await {
                Ok(Judged::AsWanted | Judged::OfItsOwnRun) if touched.contains(&edit.target()) => {
                    Fate::Repeats
                }
                Ok(Judged::AsWanted | Judged::OfItsOwnRun) => if_shown,
                Ok(Judged::Superseded { expected, found }) => {
                    Fate::Superseded(Outcome::Superseded { expected, found })
                }
                Ok(Judged::Changed(edited)) => {
                    changes.push((edit.planned, marks(after, &edited)));
                    touched.push(edit.target());
                    *after = *edited;
                    Fate::Wanted
                }
                Err(error) => {
                    *fate = Fate::Failed(error);
                    break;
                }
            };
        }
        changes
    }

    /// What became of the update: it is over if a look shows everything, and is read back otherwise.
    pub(crate) async fn has_been_written(
        &mut self,
        at: &impl Tickets,
        update: &Update<'_>,
        written: Written,
    ) {
        let Written { result, look } = written;
        if let Err(error) = result {
            if !error.outcome_unknown {
                // If this fails, the same change by a person is once taken for ours.
                at.remove_marks(update).await;
            }
            self.fail(error);
            return;
        }
        (self.writes, self.reads_again) = (self.writes.saturating_add(1), 0);
        let Some(look) = look else {
            self.was_missed = false;
            return;
        };
        for (edit, fate) in self.edits.iter().zip(&self.fates) {
            if fate.if_shown().is_some() && !edit.is_shown_by(at, &look).await {
                self.was_missed = true;
                return;
            }
        }
        for fate in &mut self.fates {
            if let Some(if_shown) = fate.if_shown() {
                *fate = if_shown;
            }
        }
        self.is_open = false;
        self.read_back = Some(look);
    }

    fn fail(&mut self, error: ActionError) {
        self.failed = Some(error);
        self.is_open = false;
    }

    /// What became of it.
    pub(crate) fn edited(self) -> Edited {
        let wanted = self.fates.iter().filter(|fate| matches!(fate, Fate::Wanted)).count();
        let is_rejected = |error: &ActionError| {
            !error.outcome_unknown && error.error.remedy == Remedy::DeadLetter && wanted > 1
        };
        let is_rejected_together = self.failed.as_ref().is_some_and(is_rejected);
        let mut failed = self.failed.filter(|_| !is_rejected_together);
        let (unread, mut waits) = (self.edits.len().saturating_sub(self.fates.len()), false);
        let mut results: Vec<Option<Result<Outcome, ActionError>>> = Vec::new();
        for fate in self.fates {
            let result = match fate {
                // It was seen, whatever becomes of those before it.
                Fate::Shown => Some(Ok(Outcome::Changed)),
                Fate::NoOp | Fate::Superseded(_) | Fate::Failed(_) | Fate::Wanted | Fate::Repeats
                    if waits =>
                {
                    None
                }
                Fate::NoOp => Some(Ok(Outcome::NoOp)),
                Fate::Superseded(outcome) => Some(Ok(outcome)),
                Fate::Failed(error) => Some(Err(error)),
                Fate::Wanted | Fate::Repeats => failed.take().map(Err),
            };
            waits |= !matches!(result, Some(Ok(_)));
            results.push(result);
        }
        let is_unread = results.is_empty();
        results.extend((0..unread).map(|_| None));
        if let Some(first) = results.first_mut().filter(|_| is_unread) {
            *first = failed.take().map(Err);
        }
        Edited { results, is_rejected_together, read_back: self.read_back }
    }
}

impl Fate {
    /// What it becomes if the ticket is seen as wanted; none if that is not waited for.
    fn if_shown(&self) -> Option<Self> {
        match self {
            Self::Wanted => Some(Self::Shown),
            Self::Repeats => Some(Self::NoOp),
            Self::NoOp | Self::Shown | Self::Superseded(_) | Self::Failed(_) => None,
        }
    }
}
