//! Dead letters as a timeline has them.

use super::kept::{DeadMessage, Subject};
use crate::commands::dead_letters::DeadLetter;
use automations::id::{EventId, HintId};
use automations::json::from_json;
use serde_json::Value;
use std::collections::BTreeMap;

/// Of each dead-letter queue, about this number of messages is looked through: they can only be read one after the other, so all of
/// thousands would take minutes.
pub(super) const MOST: usize = 300;

/// A queue of which so many dead letters were read that there may be more; these are the queues of all that were.
pub(super) fn first_full<'a>(queues: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for queue in queues {
        let count = counts.entry(queue).or_default();
        *count = count.saturating_add(1);
    }
    counts.into_iter().find(|(_, count)| *count >= MOST).map(|(queue, _)| queue)
}

pub(super) fn subject(dead: &DeadLetter) -> Option<Subject> {
    let id = || {
        let body: Value = serde_json::from_str(&dead.body).ok()?;
        body.get("id")?.as_str().map(str::to_owned)
    };
    match dead.owner.as_str() {
        "actions" => from_json(dead.body.as_bytes()).ok().map(|planned| Subject::Action(Box::new(planned))),
        "hints" => HintId::parse(id()?).ok().map(Subject::Hint),
        handler => Some(Subject::Event { event: EventId::parse(id()?).ok()?, handler: handler.to_owned() }),
    }
}

pub(super) fn is_about(subject: &Subject, wanted: &EventId) -> bool {
    match subject {
        Subject::Hint(_) => false,
        Subject::Event { event, .. } => event == wanted,
        Subject::Action(planned) => planned.event == *wanted,
    }
}

pub(super) fn message(dead: &DeadLetter, subject: Subject) -> DeadMessage {
    DeadMessage {
        message: dead.id.clone(),
        queue: dead.queue.clone(),
        reason: dead.reason.clone(),
        error: dead.error.clone(),
        at: dead.dead_lettered_at,
        subject,
        superseded_by: dead.superseded_by.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_of_which_as_many_were_read_as_are_looked_through_may_have_more() {
        let read = |count: usize| std::iter::repeat_n("a", MOST / 2).chain(std::iter::repeat_n("b", count));
        assert_eq!((first_full(read(MOST - 1)), first_full(read(MOST))), (None, Some("b")));
    }
}
