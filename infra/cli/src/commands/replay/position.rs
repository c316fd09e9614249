//! Where a replay that ended early goes on: the same command finds its own last run in the audit.

use anyhow::Result;
use automations::Event;
use automations::clock::Timestamp;
use automations::id::EventId;
use automations::store::{Operation, Store};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A run that is older is not gone on with: what its operator wants may be another thing by then.
const GOES_ON_FOR: Duration = Duration::from_hours(24);

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The command's options as they were typed, without its limit and its rate.
    pub(super) request: String,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// When the first run began: it is part of the ids of what is sent again, so that nothing is sent twice.
    pub(super) at: Timestamp,
    /// The last event before which all were published.
    pub(super) after: Option<EventId>,
    /// The number of events behind it.
    pub(super) left: usize,
}

impl Position {
    /// That of the newest run of the same command, if it has not done all.
    pub(super) async fn of_last_run(store: &Store, request: &str, now: Timestamp) -> Result<Option<Self>> {
        Ok(last(&store.operations(now.earlier(GOES_ON_FOR)).await?, request))
    }

    /// The events behind the position; all of them if that event is not among them.
    pub(super) fn rest<'a>(&self, events: &'a [Event]) -> &'a [Event] {
        let after = events.iter().position(|event| self.after.as_ref() == Some(&event.id));
        let first = after.map_or(0, |after| after.saturating_add(1));
        events.get(first..).unwrap_or_default()
    }

    /// As it is after this number of these events is published.
    pub(super) fn at(&self, events: &[Event], published: usize) -> Self {
        let last = published.checked_sub(1).and_then(|last| events.get(last));
        let after = last.map(|event| event.id.clone()).or_else(|| self.after.clone());
        Self { after, left: events.len().saturating_sub(published), ..self.clone() }
    }
}

/// Operations are newest first.
fn last(operations: &[Operation], request: &str) -> Option<Position> {
    let positions = operations.iter().filter(|operation| operation.command == super::COMMAND);
    let mut positions =
        positions.filter_map(|operation| serde_json::from_str::<Position>(operation.resume.as_deref()?).ok());
    positions.find(|position| position.request == request).filter(|position| position.left > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::store::OperationState;
    use automations::testing::a_ticket;

    fn position(request: &str, left: usize) -> Position {
        let at = Timestamp::from_seconds(5);
        Position { request: request.to_owned(), since: at, until: at, at, after: None, left }
    }

    fn operation(position: &Position) -> Operation {
        Operation {
            at: Timestamp::from_seconds(5),
            id: String::new(),
            operator: String::new(),
            command: "replay".to_owned(),
            scope: String::new(),
            state: OperationState::Interrupted,
            changed: Some(1),
            resume: serde_json::to_string(position).ok(),
        }
    }

    #[test]
    fn a_command_goes_on_with_its_own_last_run_unless_that_did_all() {
        let (open, done, other) =
            (position("--since 2h", 3), position("--since 2h", 0), position("--since 3h", 3));
        let of = |positions: &[&Position]| {
            last(&positions.iter().map(|one| operation(one)).collect::<Vec<_>>(), "--since 2h")
        };
        assert_eq!(of(&[&other, &open]), Some(open.clone()));
        assert_eq!(of(&[&done, &open]), None, "the newest counts");
        assert_eq!(of(&[&other]), None);
        let dlq = Operation { command: "dlq redrive".to_owned(), ..operation(&open) };
        assert_eq!(last(&[dlq], "--since 2h"), None);
    }

    #[test]
    fn a_run_goes_on_behind_the_last_event_that_was_published() {
        let event = |id: &str| a_ticket().with_id(id).gets_label("VIP");
        let events = ["t-1", "t-2", "t-3", "t-4"].map(event);
        let begun = position("x", 4);
        assert_eq!(begun.rest(&events).len(), 4);
        let at = begun.at(&events, 2);
        assert_eq!((at.after.as_ref(), at.left), (Some(&events[1].id), 2));
        assert_eq!(at.rest(&events), &events[2..]);
        let then = at.at(at.rest(&events), 1);
        assert_eq!((then.after.as_ref(), then.left), (Some(&events[2].id), 1));
        assert_eq!(then.at(then.rest(&events), 0), then, "nothing more was published");
    }
}
