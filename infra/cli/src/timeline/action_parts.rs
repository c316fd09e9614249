//! The parts of an action's id, `{event}.{handler}.{position}`, with the time of `replay --reprocess` behind it if it is of one, and
//! `undo` at the end if it undoes that action.

use automations::id::{ActionId, EventId};
use automations::store::ActionRecord;

/// The parts of an action's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ActionParts {
    pub(super) event: EventId,
    pub(super) handler: String,
    /// The seconds of `replay --reprocess`, if it is of one.
    pub(super) reprocessed: Option<u64>,
    pub(super) position: usize,
    /// Whether it undoes that action.
    pub(super) is_undo: bool,
}

impl ActionParts {
    /// None if the id is not one of ours.
    pub(super) fn of(id: &ActionId) -> Option<Self> {
        let undone = id.undoes();
        let parts: Vec<&str> = undone.as_ref().unwrap_or(id).as_str().split('.').collect();
        let (event, handler, position, reprocessed) = match parts.as_slice() {
            [event, handler, position] => (event, handler, position, None),
            [event, handler, position, at] => (event, handler, position, Some(at.parse().ok()?)),
            _ => return None,
        };
        Some(Self {
            event: EventId::parse(*event).ok()?,
            handler: (*handler).to_owned(),
            reprocessed,
            position: position.parse().ok()?,
            is_undo: undone.is_some(),
        })
    }

    /// The id of the action at another position of the same decision.
    pub(super) fn id_at(&self, position: usize) -> Option<ActionId> {
        let Self { event, handler, reprocessed, position: _, is_undo: _ } = self;
        let again = reprocessed.map(|at| format!(".{at}")).unwrap_or_default();
        ActionId::parse(format!("{event}.{handler}.{position}{again}")).ok()
    }
}

/// Of an action that put a decision off, the first action that is decided if its event was the newest one when the wait ended.
pub(super) fn after_quiet_period(id: &ActionId, record: &ActionRecord) -> Option<ActionParts> {
    let ActionRecord::Done(done) = record else { return None };
    Some(ActionParts { event: done.decided_later()?, position: 0, ..ActionParts::of(id)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::clock::Timestamp;
    use automations::testing::stage_changed;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_of_an_id_are_those_that_it_was_made_of(handler in "[a-z][a-z-]{0,20}", position in 0_usize..40, at in 0_u64..2_000_000_000) {
            let event = stage_changed("Approved", "Settled").id;
            let own = ActionId::of(&event, &handler, position).unwrap();
            let again = ActionId::of_reprocessed(&event, &handler, position, Timestamp::from_seconds(at)).unwrap();
            for (id, reprocessed) in [(own, None), (again, Some(at))] {
                let parts = ActionParts::of(&id).unwrap();
                prop_assert_eq!(parts.id_at(position), Some(id.clone()));
                let expected = ActionParts { event: event.clone(), handler: handler.clone(), reprocessed, position, is_undo: false };
                prop_assert_eq!(&parts, &expected);
                let undo = ActionParts::of(&id.undo().unwrap()).unwrap();
                prop_assert_eq!(undo, ActionParts { is_undo: true, ..expected });
            }
        }

        #[test]
        fn any_id_is_taken_apart_or_refused(text in "[!-~]{1,40}") {
            let _ = ActionParts::of(&ActionId::parse(text).unwrap());
        }
    }
}
