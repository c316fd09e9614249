//! What one event stands for, if a handler's quiet period made one of several.

use crate::clock::Timestamp;
use crate::id::EventId;
use crate::model::event::{Event, EventKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// This many changes are kept, so that the event is never too large for its queue.
const MOST_CHANGES: usize = 20;

/// The events that a handler's quiet period made one of, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Collapsed {
    /// The handler whose quiet period it is.
    pub handler: String,
    /// The number of events.
    pub count: u32,
    /// When the first one was found.
    pub first_at: Timestamp,
    /// What changed, by the last change: of each kind, and of each label, client or field, one from its first value to its last one. In JSON,
    /// each has `event`, `count` and `observed_at` of the newest event, and its `type` with the fields of that kind.
    #[schemars(with = "Vec<serde_json::Value>")]
    pub changes: Vec<CollapsedChange>,
    /// The number of further changes, older ones, of which nothing but the number is kept.
    #[serde(default)]
    pub left_out: u32,
}

/// The events of one kind, or about one label, client or field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollapsedChange {
    /// The id of the newest one.
    pub event: EventId,
    /// The number of events.
    pub count: u32,
    /// When the newest one was found.
    pub observed_at: Timestamp,
    /// What happened, from the first event to the newest one.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Collapsed {
    /// Of no event yet; the first one was found then.
    pub(crate) fn new(handler: &str, first_at: Timestamp) -> Self {
        Self { handler: handler.to_owned(), count: 0, first_at, changes: Vec::new(), left_out: 0 }
    }

    /// Adds an event, which may be an older one that comes late.
    pub(crate) fn add(&mut self, event: &Event) {
        self.count = self.count.saturating_add(1);
        self.first_at = self.first_at.min(event.observed_at);
        let is_same = |change: &CollapsedChange| {
            change.kind.name() == event.kind.name() && change.kind.subject() == event.kind.subject()
        };
        let earlier = self.changes.iter().position(is_same).map(|position| self.changes.remove(position));
        let change = match earlier {
            None => CollapsedChange {
                event: event.id.clone(),
                count: 1,
                observed_at: event.observed_at,
                kind: event.kind.clone(),
            },
            Some(earlier) => earlier.and(event),
        };
        let version = version(&change.kind);
        let place = self.changes.iter().rposition(|other| self::version(&other.kind) <= version);
        self.changes.insert(place.map_or(0, |place| place.saturating_add(1)), change);
        if self.changes.len() > MOST_CHANGES {
            self.left_out = self.left_out.saturating_add(self.changes.remove(0).count);
        }
    }
}

impl CollapsedChange {
    fn and(self, event: &Event) -> Self {
        let count = self.count.saturating_add(1);
        if version(&event.kind) < version(&self.kind) {
            return Self { count, kind: since(self.kind, &event.kind), ..self };
        }
        let kind = since(event.kind.clone(), &self.kind);
        Self { event: event.id.clone(), count, observed_at: event.observed_at, kind }
    }
}

/// The version of the ticket in an event.
pub(crate) fn version(kind: &EventKind) -> u64 {
    kind.ticket().map_or(0, |ticket| ticket.version)
}

/// A change that begins where an earlier one of its kind began.
fn since(newer: EventKind, earlier: &EventKind) -> EventKind {
    match (newer, earlier) {
        (EventKind::StageChanged { ticket, to, .. }, EventKind::StageChanged { from, .. }) => {
            EventKind::StageChanged { ticket, from: from.clone(), to }
        }
        (EventKind::WorkflowChanged { ticket, to, .. }, EventKind::WorkflowChanged { from, .. }) => {
            EventKind::WorkflowChanged { ticket, from: from.clone(), to }
        }
        (EventKind::OwnerChanged { ticket, to, .. }, EventKind::OwnerChanged { from, .. }) => {
            EventKind::OwnerChanged { ticket, from: from.clone(), to }
        }
        (EventKind::ValueChanged { ticket, to, .. }, EventKind::ValueChanged { from, .. }) => {
            EventKind::ValueChanged { ticket, from: from.clone(), to }
        }
        (EventKind::ActiveChanged { ticket, to, .. }, EventKind::ActiveChanged { from, .. }) => {
            EventKind::ActiveChanged { ticket, from: *from, to }
        }
        (EventKind::FieldChanged { ticket, field, to, .. }, EventKind::FieldChanged { from, .. }) => {
            EventKind::FieldChanged { ticket, field, from: from.clone(), to }
        }
        // A kind that has no value before.
        (newer, _) => newer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::a_ticket;

    fn of_version(version: u64, mut event: Event) -> Event {
        event.kind = match event.kind {
            EventKind::StageChanged { mut ticket, from, to } => {
                ticket.version = version;
                EventKind::StageChanged { ticket, from, to }
            }
            EventKind::LabelAdded { mut ticket, label } => {
                ticket.version = version;
                EventKind::LabelAdded { ticket, label }
            }
            other => other,
        };
        event.id = EventId::parse(format!("e-{version}")).unwrap();
        event
    }

    fn moved(version: u64, from: &str, to: &str) -> Event {
        of_version(version, a_ticket().in_stage(from).moves_to(to))
    }

    fn collapsed(events: &[Event]) -> Collapsed {
        let mut collapsed = Collapsed::new("h", events[0].observed_at);
        for event in events {
            collapsed.add(event);
        }
        collapsed
    }

    fn stages(change: &CollapsedChange) -> (String, String) {
        let EventKind::StageChanged { from, to, .. } = &change.kind else { panic!("{change:?}") };
        (from.stage.name.clone().unwrap(), to.stage.name.clone().unwrap())
    }

    #[test]
    fn moves_are_one_from_the_first_stage_to_the_last_in_whatever_order_they_come() {
        let [one, two, three] =
            [moved(2, "Lead", "Approved"), moved(3, "Approved", "Lost"), moved(4, "Lost", "Settled")];
        let late = collapsed(&[three.clone(), two.clone(), one.clone()]);
        for all in [collapsed(&[one, two, three]), late] {
            let [change] = &all.changes[..] else { panic!("{all:?}") };
            assert_eq!(stages(change), ("Lead".to_owned(), "Settled".to_owned()));
            assert_eq!((all.count, change.count, change.event.as_str()), (3, 3, "e-4"));
        }
    }

    #[test]
    fn each_label_is_a_change_of_its_own_and_the_last_change_is_last() {
        let label = |version, name: &str| of_version(version, a_ticket().gets_label(name));
        let all = collapsed(&[label(2, "a"), moved(3, "Lead", "Approved"), label(4, "b"), label(5, "a")]);
        let kinds: Vec<_> = all.changes.iter().map(|change| (change.kind.name(), change.count)).collect();
        assert_eq!(
            kinds,
            [("ticket.stage_changed", 1), ("ticket.label_added", 1), ("ticket.label_added", 2)]
        );
        assert_eq!(all.changes[2].kind.subject(), "label-a");
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_number_of_the_rest_is_known() {
        let label = |number: u64| of_version(number, a_ticket().gets_label(&format!("l-{number}")));
        let all = collapsed(&(1..=50).map(label).collect::<Vec<_>>());
        assert_eq!((all.count, all.changes.len(), all.left_out), (50, MOST_CHANGES, 30));
        assert_eq!(all.changes.last().map(|change| change.event.as_str()), Some("e-50"));
        let size = crate::json::to_json(&all).len();
        assert!(size < 100_000, "{size} bytes");
    }
}
