//! The ids of events that stand for several.

use super::{EventId, name_based};

impl EventId {
    /// The id of the event that a handler gets when its quiet period ends after this event: however often it ends, it is the same.
    pub fn of_quiet_period(newest: &Self, handler: &str) -> Self {
        Self(name_based(&[newest.as_str(), handler, "quiet_period"]))
    }

    /// The id of the event that a handler gets when a list ends of which this event is the newest one.
    pub fn of_collection(newest: &Self, handler: &str) -> Self {
        Self(name_based(&[newest.as_str(), handler, "collection"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_id_is_that_of_the_newest_event_the_handler_and_what_it_waited_for() {
        let event = |id: &str| EventId::parse(id).unwrap();
        let ids = ["e-1", "e-2"].iter().flat_map(|id| {
            ["g", "h"].map(|handler| {
                [EventId::of_quiet_period(&event(id), handler), EventId::of_collection(&event(id), handler)]
            })
        });
        let ids: Vec<EventId> = ids.flatten().collect();
        assert_eq!(ids.iter().map(EventId::as_str).collect::<BTreeSet<_>>().len(), 8);
        assert_eq!(EventId::of_quiet_period(&event("e-1"), "g"), ids[0], "always the same");
    }
}
