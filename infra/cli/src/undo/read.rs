//! Finds performed actions, and what was found at their tickets since.

use super::judge::{Facts, Undo, judge};
use anyhow::{Context as _, Result, bail};
use automations::clock::Timestamp;
use automations::id::{ActionId, EventId, OrganisationId, TicketId};
use automations::model::own_changes::OwnChanges;
use automations::store::{ActionRecord, Done, Journal, Store};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Positions of a decision that are read at first; more if one of these is found.
const POSITIONS: usize = 4;
/// Positions that are looked for at most, as in `Store::superseded_by`.
const MAX_POSITIONS: usize = 32;
/// Tickets whose journals are read at the same time.
const TICKETS_AT_ONCE: usize = 8;
/// An event may be decided on this long after it was stored: it is retried, or in a list of a day.
const DECIDED_WITHIN: Duration = Duration::from_hours(31);

/// Which actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This one.
    Action {
        /// The brokerage.
        organisation: OrganisationId,
        /// Its id.
        action: ActionId,
    },
    /// Those that a handler decided in this time.
    Handler {
        /// The handler, by its name in template.yaml.
        handler: String,
        /// From then on.
        since: Timestamp,
        /// Before then.
        until: Timestamp,
        /// Only of this brokerage.
        organisation: Option<OrganisationId>,
    },
}

/// Reads one stack's table.
#[derive(Debug, Clone)]
pub struct Reader {
    store: Store,
    now: Timestamp,
}

/// The actions of one ticket, or of none.
type ByTicket = BTreeMap<(OrganisationId, Option<TicketId>), Vec<Done>>;

impl Reader {
    /// Of this table.
    pub fn new(store: Store, now: Timestamp) -> Self {
        Self { store, now }
    }

    /// The wanted actions that were performed, judged, ticket by ticket, the last one of each first. And the keys of what could not be
    /// read.
    ///
    /// # Errors
    /// If a request fails, or the one action has no record.
    pub async fn read(&self, wanted: &Wanted) -> Result<(Vec<Undo>, Vec<String>)> {
        let (done, mut unreadable) = match wanted {
            Wanted::Action { organisation, action } => {
                (vec![self.one(organisation, action).await?], Vec::new())
            }
            Wanted::Handler { handler, since, until, organisation } => {
                self.of_handler(handler, (*since, *until), organisation.as_ref()).await?
            }
        };
        let mut tickets = ByTicket::new();
        for done in done {
            let key = (done.planned.organisation.clone(), done.planned.action.ticket().cloned());
            tickets.entry(key).or_default().push(done);
        }
        let judged = tickets.into_iter().map(|((organisation, ticket), done)| async move {
            self.of_ticket(&organisation, ticket.as_ref(), &done).await
        });
        let judged: Vec<_> = stream::iter(judged).buffered(TICKETS_AT_ONCE).try_collect().await?;
        let mut undos = Vec::new();
        for (of_ticket, keys) in judged {
            undos.extend(of_ticket);
            unreadable.extend(keys);
        }
        Ok((undos, unreadable))
    }

    async fn of_ticket(
        &self,
        organisation: &OrganisationId,
        ticket: Option<&TicketId>,
        done: &[Done],
    ) -> Result<(Vec<Undo>, Vec<String>)> {
        let Journal { events, unreadable } = match ticket {
            Some(ticket) => self.store.journal_of(organisation, ticket).await?,
            None => Journal::default(),
        };
        if !unreadable.is_empty() {
            // What was changed since may be in them.
            return Ok((Vec::new(), unreadable));
        }
        let ids: Vec<ActionId> = done.iter().filter_map(|done| done.planned.id.undo().ok()).collect();
        let undos = self.store.action_records(organisation, &ids).await?;
        let marks = match ticket {
            Some(ticket) => {
                let mut marks = self.store.change_marks(organisation, std::slice::from_ref(ticket)).await?;
                marks.remove(ticket).unwrap_or_default()
            }
            None => OwnChanges::default(),
        };
        let facts = Facts { journal: &events, marks: &marks, undos: &undos };
        Ok((judge(done, facts, self.now), unreadable))
    }

    async fn one(&self, organisation: &OrganisationId, action: &ActionId) -> Result<Done> {
        let mut records = self.store.action_records(organisation, std::slice::from_ref(action)).await?;
        match records.remove(action) {
            Some(ActionRecord::Done(done)) => Ok(*done),
            Some(ActionRecord::Claimed { .. }) => {
                bail!("{action} is not performed yet: see `automations timeline`")
            }
            Some(ActionRecord::Parked) => {
                bail!("{action} may or may not have taken effect: look at the ticket in Salestrekker")
            }
            Some(ActionRecord::Unreadable) => bail!("the record of {action} cannot be read"),
            None => bail!("{organisation} has no action {action} that was performed"),
        }
    }

    /// The performed actions that a handler decided in this time: those on the journal's events by their ids, and those that the journal
    /// names as causes, such as of a reprocessed event.
    async fn of_handler(
        &self,
        handler: &str,
        (since, until): (Timestamp, Timestamp),
        organisation: Option<&OrganisationId>,
    ) -> Result<(Vec<Done>, Vec<String>)> {
        let journal = self.store.journal(since.earlier(DECIDED_WITHIN), self.now).await;
        let Journal { mut events, unreadable } = journal.context("the journal cannot be read")?;
        events.retain(|event| organisation.is_none_or(|wanted| *wanted == event.organisation));
        let mut wanted: BTreeMap<OrganisationId, BTreeSet<ActionId>> = BTreeMap::new();
        for event in &events {
            let of = wanted.entry(event.organisation.clone()).or_default();
            of.extend(first(&event.id, handler));
            let causes = event.chain().iter().filter(|action| action.handler() == Some(handler));
            of.extend(causes.filter(|action| action.undoes().is_none()).cloned());
        }
        let mut done = Vec::new();
        for (organisation, mut wanted) in wanted {
            let mut read: BTreeSet<ActionId> = BTreeSet::new();
            while !wanted.is_empty() {
                let ids: Vec<ActionId> = wanted.iter().cloned().collect();
                let found = self.store.action_records(&organisation, &ids).await?;
                read.append(&mut wanted);
                wanted = found.iter().flat_map(|(id, record)| further(id, record, handler)).collect();
                wanted.retain(|id| !read.contains(id));
                done.extend(found.into_values().filter_map(|record| match record {
                    ActionRecord::Done(done) => Some(*done),
                    ActionRecord::Claimed { .. } | ActionRecord::Parked | ActionRecord::Unreadable => None,
                }));
            }
        }
        done.retain(|done: &Done| {
            let decided_at = done.planned.decided_at;
            done.planned.handler == handler && since <= decided_at && decided_at < until
        });
        Ok((done, unreadable))
    }
}

/// The first actions that a handler may have decided on an event.
fn first(event: &EventId, handler: &str) -> Vec<ActionId> {
    (0..POSITIONS).filter_map(|position| ActionId::of(event, handler, position).ok()).collect()
}

/// What there may be because there is this action: the next ones of its decision; and of one that put the decision off, what was decided
/// when the wait ended, on an event that is in no journal.
fn further(id: &ActionId, record: &ActionRecord, handler: &str) -> Vec<ActionId> {
    let later = match record {
        ActionRecord::Done(done) => done.decided_later(),
        ActionRecord::Claimed { .. } | ActionRecord::Parked | ActionRecord::Unreadable => None,
    };
    let later = later.into_iter().flat_map(|event| first(&event, handler));
    next(id).into_iter().chain(later).collect()
}

/// The next actions of the same decision; none behind one of a reprocessed event, whose id has its time at the end.
fn next(id: &ActionId) -> Vec<ActionId> {
    let Some((decision, position)) = id.as_str().rsplit_once('.') else { return Vec::new() };
    let Ok(position) = position.parse::<usize>() else { return Vec::new() };
    let last = position.saturating_add(POSITIONS).min(MAX_POSITIONS.saturating_sub(1));
    let next = position.saturating_add(1)..=last;
    next.filter_map(|position| ActionId::parse(format!("{decision}.{position}")).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::undo::tests::done;
    use automations::store::Outcome;
    use automations::{Action, testing};

    #[test]
    fn what_was_decided_when_a_wait_ended_is_found_by_the_action_that_put_it_off() {
        let performed = done(31, Action::add_label(&testing::ticket(), "x"));
        let record = |outcome| ActionRecord::Done(Box::new(Done { outcome, ..performed.clone() }));
        let last = &performed.planned.id;
        assert_eq!(further(last, &record(Outcome::Changed), "h"), [], "behind the last position");
        let later = EventId::of_quiet_period(&performed.planned.event, "h");
        let deferred = record(Outcome::Deferred { until: Timestamp::from_seconds(9) });
        assert_eq!(further(last, &deferred, "h"), first(&later, "h"));
        let id = done(0, Action::add_label(&testing::ticket(), "x")).planned.id;
        assert_eq!(further(&id, &deferred, "h").len(), 2 * POSITIONS);
        assert_eq!(further(&id, &ActionRecord::Parked, "h").len(), POSITIONS);
    }
}
