//! Decisions of a handler that are put off, on a ticket until its quiet period ends, or on many until a time of day: pure.
//!
//! An event waits, with those that come before that. Then they become one event, which is stored before it is published,
//! so that a crash in between publishes the same one again. Until it is, further events wait for the next one.

use crate::clock::Timestamp;
use crate::id::{ActionId, EventId, TicketId};
use crate::model::collapsed::{Collapsed, version};
use crate::model::collected::Collected;
use crate::model::event::{Cause, Event};
use crate::model::resent::Resent;
use crate::model::speed::Speed;
use crate::model::until::Until;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An event that was first published longer ago than this may be published twice: SNS no longer drops it.
const SURELY_DROPPED: Duration = Duration::from_mins(4);

/// What a handler has to decide about a ticket, or about those of an owner or an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    waiting: Option<Waiting>,
    ended: Option<Ended>,
}

/// The events that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// When that ends, unless another event comes before.
    pub due_at: Timestamp,
    /// When it ends at the latest.
    pub latest: Timestamp,
    newest: Event,
    chain: Vec<ActionId>,
    gathered: Gathered,
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Gathered {
    Collapsed(Collapsed),
    Collected(Collected),
}

/// The event of a wait that ended, which is perhaps not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    event: Event,
    at: Timestamp,
}

impl Deferral {
    /// Puts the decision of this handler on an event off; returns when that ends, unless another event comes.
    pub fn add(
        &mut self,
        handler: &str,
        event: &Event,
        (until, speed): (Until, Speed),
        now: Timestamp,
    ) -> Timestamp {
        let (due_at, latest) = until.times(now, speed);
        match &mut self.waiting {
            None => {
                let mut gathered = Gathered::new(until, handler, event, due_at);
                gathered.add(event);
                let (newest, chain) = (event.clone(), event.chain().to_vec());
                self.waiting = Some(Waiting { due_at, latest, newest, chain, gathered });
                due_at
            }
            Some(waiting) => {
                waiting.gathered.add(event);
                if event.chain().len() > waiting.chain.len() {
                    waiting.chain = event.chain().to_vec();
                }
                let is_of_another = event.ticket_id() != waiting.newest.ticket_id();
                if is_of_another || version(&event.kind) >= version(&waiting.newest.kind) {
                    waiting.newest = event.clone();
                }
                waiting.due_at = due_at.min(waiting.latest);
                waiting.due_at
            }
        }
    }

    /// Forgets a ticket that is erased. Returns false if it is in an event that is being published: try again.
    pub fn forget(&mut self, ticket: &TicketId) -> bool {
        if self.ended.is_some() {
            return false;
        }
        self.waiting = self.waiting.take().and_then(|waiting| waiting.without(ticket));
        true
    }

    /// Ends the wait if it is over. Returns whether it did.
    pub fn end(&mut self, now: Timestamp) -> bool {
        if self.ended.is_some() || self.waiting.as_ref().is_none_or(|waiting| waiting.due_at > now) {
            return false;
        }
        self.ended = self.waiting.take().map(|waiting| Ended { event: waiting.event(now), at: now });
        true
    }

    /// The event that is to be published now. If it may have been published minutes ago, it says so.
    pub fn unpublished(&self, now: Timestamp) -> Option<Event> {
        let Ended { event, at } = self.ended.as_ref()?;
        let mut event = event.clone();
        if event.resent.is_none() && now.since(*at) >= SURELY_DROPPED {
            event.resent = Some(Resent::at(*at));
        }
        Some(event)
    }

    /// Notes that this event was published.
    pub fn published(&mut self, event: &EventId) {
        self.ended.take_if(|ended| ended.event.id == *event);
    }

    /// When there is something to do; none if nothing waits.
    pub fn due_at(&self) -> Option<Timestamp> {
        let ended = self.ended.as_ref().map(|ended| ended.at);
        ended.or(self.waiting.as_ref().map(|waiting| waiting.due_at))
    }

    /// What waits.
    pub fn waiting(&self) -> Option<&Waiting> {
        self.waiting.as_ref()
    }
}

impl Waiting {
    /// The number of events.
    pub fn count(&self) -> u32 {
        match &self.gathered {
            Gathered::Collapsed(collapsed) => collapsed.count,
            Gathered::Collected(collected) => collected.count,
        }
    }

    fn event(self, now: Timestamp) -> Event {
        let Self { newest, chain, gathered, due_at, .. } = self;
        let hint = newest.cause.hint().clone();
        let (id, cause) = match gathered {
            Gathered::Collapsed(collapsed) => {
                let id = EventId::of_quiet_period(&newest.id, &collapsed.handler);
                (id, Cause::QuietPeriod { hint, chain, collapsed: Box::new(collapsed) })
            }
            Gathered::Collected(collected) => {
                let id = EventId::of_collection(&newest.id, &collected.handler);
                let collected = Collected { late_by: now.since(due_at).as_secs(), ..collected };
                (id, Cause::Collection { hint, chain, collected: Box::new(collected) })
            }
        };
        Event { id, cause, ..newest }
    }

    /// The same without a ticket; none if nothing is left.
    fn without(self, ticket: &TicketId) -> Option<Self> {
        match self.gathered {
            Gathered::Collapsed(_) => Some(self).filter(|waiting| waiting.newest.ticket_id() != Some(ticket)),
            Gathered::Collected(mut collected) => {
                collected.forget(ticket);
                let newest = collected.newest()?.clone();
                Some(Self { newest, gathered: Gathered::Collected(collected), ..self })
            }
        }
    }
}

impl Gathered {
    fn new(until: Until, handler: &str, event: &Event, due_at: Timestamp) -> Self {
        match until {
            Until::QuietPeriod(_) => Self::Collapsed(Collapsed::new(handler, event.observed_at)),
            Until::Collect(collect) => {
                Self::Collected(Collected::new(handler, collect.owner_of(event), due_at))
            }
        }
    }

    fn add(&mut self, event: &Event) {
        match self {
            Self::Collapsed(collapsed) => collapsed.add(event),
            Self::Collected(collected) => collected.add(event),
        }
    }
}

#[cfg(test)]
mod tests;
