//! What one event stands for, if a handler's entry collects events until a time of day.

use crate::clock::Timestamp;
use crate::id::{OwnerId, TicketId};
use crate::json;
use crate::model::collapsed::version;
use crate::model::event::Event;
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This many tickets are in a list, and no further ones from this size of it on, in bytes of JSON, so that the event is never too large for its topic, which
/// takes 256 KiB (Amazon SNS API Reference, `Publish`).
const MOST_TICKETS: usize = 50;
const MOST_BYTES: usize = 150_000;

/// The events that were collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Collected {
    /// The handler that collects.
    pub handler: String,
    /// The owner of the tickets, when their events were found; absent if they have none, or if the handler collects for the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<OwnerId>,
    /// When the list was to end.
    pub due_at: Timestamp,
    /// The seconds from then to its end: less than 120, unless the system was down.
    pub late_by: u64,
    /// The number of events.
    pub count: u32,
    /// The tickets, the one with the newest event last. In JSON, each has its newest `event`, and the `count` and the `kinds` of its events.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub tickets: Vec<CollectedTicket>,
    /// The number of events of further tickets, of which nothing but the number is kept. `automations replay --dry-run` lists them.
    #[serde(default)]
    pub left_out: u32,
}

/// The events of one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedTicket {
    /// The newest one.
    pub event: Event,
    /// The number of them.
    pub count: u32,
    /// Their kinds, each once, in the order in which they first came.
    pub kinds: Vec<String>,
}

impl CollectedTicket {
    /// The ticket, as it was in its newest event.
    pub fn ticket(&self) -> Option<&Ticket> {
        self.event.ticket()
    }
}

impl Collected {
    /// A list without events.
    pub(crate) fn new(handler: &str, owner: Option<OwnerId>, due_at: Timestamp) -> Self {
        let handler = handler.to_owned();
        Self { handler, owner, due_at, late_by: 0, count: 0, tickets: Vec::new(), left_out: 0 }
    }

    /// Adds an event, which may be an older one that comes late.
    pub(crate) fn add(&mut self, event: &Event) {
        self.count = self.count.saturating_add(1);
        let kind = event.kind.name().to_owned();
        let position = self.tickets.iter().position(|known| known.event.ticket_id() == event.ticket_id());
        let Some(mut known) = position.map(|position| self.tickets.remove(position)) else {
            if self.tickets.len() < MOST_TICKETS && self.takes(event) {
                self.tickets.push(CollectedTicket { event: event.clone(), count: 1, kinds: vec![kind] });
            } else {
                self.left_out = self.left_out.saturating_add(1);
            }
            return;
        };
        known.count = known.count.saturating_add(1);
        if !known.kinds.contains(&kind) {
            known.kinds.push(kind);
        }
        if version(&event.kind) >= version(&known.event.kind) && self.takes(event) {
            known.event = event.clone();
        }
        self.tickets.push(known);
    }

    fn takes(&self, event: &Event) -> bool {
        json::to_json(self).len().saturating_add(json::to_json(event).len()) <= MOST_BYTES
    }

    /// Removes a ticket's events, as it is erased.
    pub(crate) fn forget(&mut self, ticket: &TicketId) {
        let removed: u32 = self
            .tickets
            .extract_if(.., |known| known.event.ticket_id() == Some(ticket))
            .map(|known| known.count)
            .sum();
        self.count = self.count.saturating_sub(removed);
    }

    /// The newest event; none if there is none left.
    pub(crate) fn newest(&self) -> Option<&Event> {
        self.tickets.last().map(|known| &known.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::a_ticket;

    fn collected(events: &[Event]) -> Collected {
        let mut collected = Collected::new("h", None, Timestamp::from_millis(7));
        for event in events {
            collected.add(event);
        }
        collected
    }

    #[test]
    fn a_ticket_is_in_the_list_once_with_its_newest_event_and_the_kinds_of_all() {
        let ticket = |id: &str| a_ticket().with_id(id);
        let moved = ticket("t-1").moves_to("Settled");
        let list = collected(&[
            moved.clone(),
            ticket("t-2").gets_label("VIP"),
            ticket("t-1").gets_label("VIP"),
            moved,
        ]);
        let rows: Vec<_> = list
            .tickets
            .iter()
            .map(|known| (known.ticket().unwrap().id.as_str(), known.count, known.kinds.len()))
            .collect();
        assert_eq!((list.count, rows), (4, vec![("t-2", 1, 1), ("t-1", 3, 2)]));
        assert_eq!(list.newest().map(|event| event.kind.name()), Some("ticket.stage_changed"));
    }

    #[test]
    fn a_long_list_says_how_much_it_left_out_and_fits_a_message() {
        let events = (0..80).map(|number| a_ticket().with_id(&format!("t-{number}")).gets_label("VIP"));
        let list = collected(&events.collect::<Vec<_>>());
        assert_eq!((list.count, list.tickets.len(), list.left_out), (80, MOST_TICKETS, 30));
        assert!(json::to_json(&list).len() < 100_000);
    }

    #[test]
    fn however_large_its_tickets_are_a_list_fits_the_topic() {
        let large = |number: u32, stage: &str| {
            let labelled = |ticket: crate::testing::Draft, label| ticket.with_label(&format!("{label:0>50}"));
            (0..60).fold(a_ticket().with_id(&format!("t-{}", number % 60)), labelled).moves_to(stage)
        };
        let list = collected(&(0..120).map(|number| large(number, "Settled")).collect::<Vec<_>>());
        assert!(json::to_json(&list).len() < 200_000, "{}", json::to_json(&list).len());
        assert_eq!(list.count, 120);
        let in_list: u32 = list.tickets.iter().map(|known| known.count).sum();
        assert!(list.tickets.len() < MOST_TICKETS && in_list + list.left_out == 120, "{in_list}");
    }

    #[test]
    fn an_erased_ticket_is_in_no_list() {
        let ticket = |id: &str| a_ticket().with_id(id).gets_label("VIP");
        let mut list = collected(&[ticket("t-1"), ticket("t-2"), ticket("t-2")]);
        list.forget(&"t-2".parse().unwrap());
        assert!(list.count == 1 && !json::to_json(&list).contains("t-2"), "{list:?}");
        list.forget(&"t-1".parse().unwrap());
        assert!(list.count == 0 && list.newest().is_none());
    }
}
