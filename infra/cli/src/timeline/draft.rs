//! Entries before they are in order: each knows its cause.

use super::model::{Entry, Step};
use automations::clock::Timestamp;

/// Entries in an order in which causes come before their effects.
#[derive(Debug, Default)]
pub(super) struct Draft(Vec<Placed>);

#[derive(Debug)]
struct Placed {
    /// Its own time, but not before that of its cause: the clocks of two functions may differ.
    position: Timestamp,
    entry: Entry,
}

/// An entry of the draft, as the cause of later ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause(Timestamp);

impl Draft {
    /// Adds what happened after `cause`; without a time of its own, right after it.
    pub(super) fn after(&mut self, cause: Cause, at: Option<Timestamp>, step: Step) -> Cause {
        let position = at.map_or(cause.0, |at| at.max(cause.0));
        self.0.push(Placed { position, entry: Entry { at, step } });
        Cause(position)
    }

    /// Adds what happened after `cause`, at this position at the earliest; its own time is not recorded.
    pub(super) fn some_time_after(&mut self, cause: Cause, position: Timestamp, step: Step) -> Cause {
        let position = position.max(cause.0);
        self.0.push(Placed { position, entry: Entry { at: None, step } });
        Cause(position)
    }

    /// Adds what has no known cause, at this position; `at` is its recorded time.
    pub(super) fn first(&mut self, position: Timestamp, at: Option<Timestamp>, step: Step) -> Cause {
        self.0.push(Placed { position, entry: Entry { at, step } });
        Cause(position)
    }

    /// The entries in order: by position, and else as they were added.
    pub(super) fn in_order(mut self) -> Vec<Entry> {
        self.0.sort_by_key(|placed| placed.position);
        self.0.into_iter().map(|placed| placed.entry).collect()
    }
}
