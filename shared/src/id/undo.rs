//! The id of an action that undoes another one.

use super::{ActionId, InvalidId};

/// The end of the id of an action that undoes another one.
const UNDO: &str = ".undo";

impl ActionId {
    /// The id of the action that undoes this one (`automations undo`): always the same, so that it is undone once.
    ///
    /// # Errors
    /// [`InvalidId`] if the handler's name is longer than about 60 characters.
    ///
    /// ```
    /// use automations::id::ActionId;
    ///
    /// let action = ActionId::parse("event-1.label-new-tickets.0")?;
    /// assert_eq!(action.undo()?.undoes(), Some(action));
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn undo(&self) -> Result<Self, InvalidId> {
        Self::parse(format!("{self}{UNDO}"))
    }

    /// The action that this one undoes; none if it is not an undo.
    pub fn undoes(&self) -> Option<Self> {
        self.0.strip_suffix(UNDO).and_then(|undone| Self::parse(undone).ok())
    }

    /// The handler that decided it; of an undo, the one that decided what it undoes. None if this id is not one of ours.
    pub fn handler(&self) -> Option<&str> {
        self.0.split('.').nth(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::{EventId, OrganisationId, TicketId};

    #[test]
    fn an_undo_says_what_it_undoes_and_whose_action_that_is() {
        let own = ActionId::parse("e.h.0.77").unwrap();
        let undo = own.undo().unwrap();
        assert_eq!((undo.as_str(), undo.undoes(), own.undoes()), ("e.h.0.77.undo", Some(own), None));
        assert_eq!(undo.handler(), Some("h"));
        assert_eq!(ActionId::parse("own").unwrap().handler(), None);
        let organisation = OrganisationId::parse("north").unwrap();
        let event = EventId::of_change(&organisation, &TicketId::parse("t").unwrap(), u64::MAX, "k", "");
        let longest =
            ActionId::of_reprocessed(&event, &"h".repeat(64), 31, Timestamp::from_seconds(4_000_000_000));
        assert!(longest.unwrap().undo().is_ok());
    }
}
