//! Where a replay that ended early goes on: the same command finds its own last run in the audit.

use anyhow::Result;
use automations::Event;
use automations::clock::Timestamp;
use automations::digest::short_sha256;
use automations::id::EventId;
use automations::store::{Operation, Store};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A run that is older is not gone on with: what its operator wants may be another thing by then.
const GOES_ON_FOR: Duration = Duration::from_hours(24);

/// How far a run came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Whose it is: the digest of the command's options, in which a label may name a person.
    pub(super) request: Request,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// When the first run began: it is part of the ids of what is sent again, so that nothing is sent twice.
    pub(super) at: Timestamp,
    /// The last event before which all were published.
    pub(super) after: Option<EventId>,
    /// The number of events behind it.
    pub(super) left: usize,
}

/// A digest of the options of a command, without its limit and its rate. A version before this one stored the options as they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Request(String);

/// What distinguishes a digest from options, which begin with `--`.
const DIGEST: &str = "sha256:";

impl Request {
    /// Of these options.
    pub(super) fn of(options: &str) -> Self {
        Self(format!("{DIGEST}{}", short_sha256(&[options.as_bytes()])))
    }

    /// Whether it is of these options.
    fn is_of(&self, options: &str) -> bool {
        *self == Self::of(options) || self.0 == options
    }
}

/// The newest run that a command could mean to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LastRun {
    /// None has something left.
    None,
    /// One of the same command.
    Same(Position),
    /// One with other options: it is not gone on with.
    Other(Position),
}

impl LastRun {
    /// That of the last day.
    pub(super) async fn of(store: &Store, options: &str, now: Timestamp) -> Result<Self> {
        Ok(last(&store.operations(now.earlier(GOES_ON_FOR)).await?, options))
    }
}

impl Position {
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
fn last(operations: &[Operation], options: &str) -> LastRun {
    let positions = operations.iter().filter(|operation| operation.command == super::COMMAND);
    let positions: Vec<Position> =
        positions.filter_map(|operation| serde_json::from_str(operation.resume.as_deref()?).ok()).collect();
    let same = positions.iter().find(|position| position.request.is_of(options));
    match (same, positions.first()) {
        // Its next row in the audit has no words of an operator, whatever this one has.
        (Some(same), _) if same.left > 0 => {
            LastRun::Same(Position { request: Request::of(options), ..same.clone() })
        }
        (None, Some(newest)) if newest.left > 0 => LastRun::Other(newest.clone()),
        (Some(_) | None, _) => LastRun::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::store::OperationState;
    use automations::testing::a_ticket;

    fn position(request: &str, left: usize) -> Position {
        let at = Timestamp::from_seconds(5);
        Position { request: Request::of(request), since: at, until: at, at, after: None, left }
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
        assert_eq!(of(&[&other, &open]), LastRun::Same(open.clone()));
        assert_eq!(of(&[&done, &open]), LastRun::None, "the newest counts");
        assert_eq!(of(&[&other]), LastRun::Other(other.clone()));
        assert_eq!(of(&[&Position { left: 0, ..other.clone() }, &other]), LastRun::None, "it went on");
        let dlq = Operation { command: "dlq redrive".to_owned(), ..operation(&open) };
        assert_eq!(last(&[dlq], "--since 2h"), LastRun::None);
    }

    /// The audit is kept for a year.
    #[test]
    fn the_audit_has_no_word_of_a_filter_and_a_row_of_the_version_before_is_read() {
        let options = "--since 2h --label 'Jane Citizen'";
        let stored = serde_json::to_string(&position(options, 3)).unwrap();
        assert!(!stored.contains("Jane") && !stored.contains("label"), "{stored}");
        let former = Position { request: Request(options.to_owned()), ..position("", 3) };
        let LastRun::Same(found) = last(&[operation(&former)], options) else { panic!() };
        assert_eq!(found, position(options, 3), "and its words are not stored again");
        let other = last(&[operation(&former)], "--since 2h --label VIP");
        assert!(matches!(other, LastRun::Other(_)), "{other:?}");
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
