//! Actions that are not performed, as an operator paused their organisation or all writing.

use crate::line::Line;
use automations::aws::batch::{Message, MessageError};
use automations::model::action::PlannedAction;
use automations::store::{Error, Pause, PauseState, Paused};
use std::sync::Arc;

/// What is paused, as far as it is known.
pub(crate) type Pauses = Result<Arc<Vec<Pause>>, Error>;

/// Why an action is not performed now, if it is not. An organisation's are kept among the dead letters, as they share
/// the queue with others; if all writing is paused, Lambda does not read the queue, and what it read before waits. While an
/// organisation's pause is being ended, the actions that were held come first.
fn why_not(pauses: &Pauses, planned: &PlannedAction) -> Option<MessageError> {
    let pauses = match pauses {
        Ok(pauses) => pauses,
        Err(error) => return Some(MessageError::from(error.clone()).retried()),
    };
    let is_held = |pause: &Pause| match (&pause.paused, pause.state) {
        (Paused::Organisation(of), PauseState::InForce) => *of == planned.organisation,
        (Paused::Organisation(of), PauseState::Resuming) => {
            *of == planned.organisation && planned.resent.is_none()
        }
        (Paused::Organisation(_), PauseState::Ending) | (Paused::Handler(_) | Paused::Writing, _) => false,
    };
    if pauses.iter().any(|pause| pause.paused == Paused::Writing && !pause.is_resuming()) {
        Some(MessageError::paused("all writing"))
    } else if pauses.iter().any(is_held) {
        Some(MessageError::held("the organisation"))
    } else {
        None
    }
}

impl Line<'_, '_> {
    /// The next messages of the group that may be performed; those before them that may not are settled.
    pub(crate) async fn next_permitted(&mut self, pauses: &Pauses) -> Vec<Message<PlannedAction>> {
        loop {
            let messages = self.next_run().await;
            let Some(error) = messages.first().and_then(|first| why_not(pauses, &first.body)) else {
                return messages;
            };
            for message in messages {
                self.group.settle(message, Err(error.clone())).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::clock::Timestamp;
    use automations::failure::Remedy;
    use automations::id::OrganisationId;
    use automations::json::from_json;
    use automations::model::resent::Resent;
    use automations::reason::Reason;

    fn planned(resent: bool) -> PlannedAction {
        let planned: PlannedAction = from_json(
            br#"{"id": "e.h.0", "organisation": "north", "event": "e", "handler": "h", "attempt": 1, "ticket_version": 1,
                "decided_at": "2026-09-21T14:13:20.000Z", "action": {"do": "add_label", "ticket": "t-1", "label": "l"}}"#,
        )
        .unwrap();
        PlannedAction { resent: resent.then(|| Resent::at(Timestamp::from_millis(1))), ..planned }
    }

    fn why_resent(pauses: Vec<Pause>, resent: bool) -> Option<(Reason, bool)> {
        let error = why_not(&Ok(Arc::new(pauses)), &planned(resent))?;
        Some((error.reason, error.remedy == Remedy::DeadLetter))
    }

    fn why(pauses: Vec<Pause>) -> Option<(Reason, bool)> {
        why_resent(pauses, false)
    }

    #[test]
    fn what_is_paused_is_held_and_nothing_else_is() {
        let pause = |paused| Pause::new(paused, Timestamp::from_millis(1), None);
        let of = |name: &str| pause(Paused::Organisation(OrganisationId::parse(name).unwrap()));
        assert_eq!(why(vec![]), None);
        assert_eq!(why(vec![of("south"), pause(Paused::Handler("h".to_owned()))]), None);
        assert_eq!(why(vec![of("north")]), Some((Reason::Paused, true)));
        assert_eq!(why_resent(vec![of("north")], true), Some((Reason::Paused, true)));
        assert_eq!(why(vec![pause(Paused::Writing), of("north")]), Some((Reason::Paused, false)));
    }

    /// Order within a ticket: what was held is older than what was decided since.
    #[test]
    fn while_an_organisations_pause_ends_what_was_held_is_performed_first() {
        let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
        let of = |state| vec![Pause { state, ..Pause::new(north.clone(), Timestamp::from_millis(1), None) }];
        assert_eq!(why_resent(of(PauseState::Resuming), true), None);
        assert_eq!(why_resent(of(PauseState::Resuming), false), Some((Reason::Paused, true)));
        assert_eq!(why_resent(of(PauseState::Ending), false), None, "nothing is held any more");
        let writing = Pause {
            state: PauseState::Resuming,
            ..Pause::new(Paused::Writing, Timestamp::from_millis(1), None)
        };
        assert_eq!(why(vec![writing]), None, "its queue kept the order");
    }

    #[test]
    fn while_it_is_not_known_what_is_paused_nothing_is_written_and_nothing_is_lost() {
        for error in [
            Error::Unavailable { code: None },
            Error::Unusable { key: "PAUSES X".to_owned(), attribute: "sk", decode_error: None },
        ] {
            let error = why_not(&Err(error), &planned(true)).unwrap();
            assert_eq!(error.remedy, Remedy::Retry { after: None });
        }
    }
}
