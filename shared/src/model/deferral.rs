//! Decisions of a handler on a ticket that are put off until its quiet period ends: pure.
//!
//! An event waits, with those that come before the ticket was left alone. Then they become one event, which is stored before it is published,
//! so that a crash in between publishes the same one again. Until it is, further events wait for the next one.

use crate::clock::Timestamp;
use crate::id::{ActionId, EventId};
use crate::model::collapsed::{Collapsed, version};
use crate::model::event::{Cause, Event};
use crate::model::quiet_period::QuietPeriod;
use crate::model::resent::Resent;
use crate::model::speed::Speed;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An event that was first published longer ago than this may be published twice: SNS no longer drops it.
const SURELY_DROPPED: Duration = Duration::from_mins(4);

/// What a handler has to decide about a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deferral {
    waiting: Option<Waiting>,
    ended: Option<Ended>,
}

/// The events that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// When the quiet period ends, unless another event comes before.
    pub due_at: Timestamp,
    /// When it ends at the latest.
    pub latest: Timestamp,
    newest: Event,
    chain: Vec<ActionId>,
    /// What waits.
    pub collapsed: Collapsed,
}

/// The event of a quiet period that ended, which is perhaps not published yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ended {
    event: Event,
    at: Timestamp,
}

impl Deferral {
    /// Puts the decision of this handler on an event off; returns when the quiet period ends, unless another event comes.
    pub fn add(
        &mut self,
        handler: &str,
        event: &Event,
        (period, speed): (QuietPeriod, Speed),
        now: Timestamp,
    ) -> Timestamp {
        let end = |time| speed.end(now, now.later(time));
        let rest = end(period.time());
        match &mut self.waiting {
            None => {
                self.waiting = Some(Waiting {
                    due_at: rest,
                    latest: end(period.longest()),
                    newest: event.clone(),
                    chain: event.chain().to_vec(),
                    collapsed: Collapsed::of(handler, event),
                });
                rest
            }
            Some(waiting) => {
                waiting.collapsed.add(event);
                if event.chain().len() > waiting.chain.len() {
                    waiting.chain = event.chain().to_vec();
                }
                if version(&event.kind) >= version(&waiting.newest.kind) {
                    waiting.newest = event.clone();
                }
                waiting.due_at = rest.min(waiting.latest);
                waiting.due_at
            }
        }
    }

    /// Ends the quiet period if it is over. Returns whether it did.
    pub fn end(&mut self, now: Timestamp) -> bool {
        if self.ended.is_some() || self.waiting.as_ref().is_none_or(|waiting| waiting.due_at > now) {
            return false;
        }
        self.ended = self.waiting.take().map(|waiting| Ended { event: waiting.event(), at: now });
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
    fn event(self) -> Event {
        let Self { newest, chain, collapsed, .. } = self;
        let hint = newest.cause.hint().clone();
        Event {
            id: EventId::of_quiet_period(&newest.id, &collapsed.handler),
            cause: Cause::QuietPeriod { hint, chain, collapsed: Box::new(collapsed) },
            ..newest
        }
    }
}

#[cfg(test)]
mod tests;
