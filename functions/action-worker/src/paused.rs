//! Actions that are not performed, as an operator paused their organisation or all writing.

use crate::Worker;
use crate::line::{Line, LineRun};
use automations::aws::batch::MessageError;
use automations::id::OrganisationId;
use automations::store::{Error, Pause, Paused};
use std::sync::Arc;

/// Why no action of this organisation is performed now, if none is. An organisation's are kept among the dead letters, as they share
/// the queue with others; if all writing is paused, Lambda does not read the queue, and what it read before waits.
pub(crate) fn why_not(
    pauses: &Result<Arc<Vec<Pause>>, Error>,
    organisation: &OrganisationId,
) -> Option<MessageError> {
    let pauses = match pauses {
        Ok(pauses) => pauses,
        Err(error) => return Some(MessageError::from(error.clone()).retried()),
    };
    let is_paused = |pause: &Pause| pause.paused == Paused::Organisation(organisation.clone());
    if pauses.iter().any(|pause| pause.paused == Paused::Writing && !pause.resuming) {
        Some(MessageError::paused("all writing"))
    } else if pauses.iter().any(|pause| is_paused(pause) && !pause.resuming) {
        Some(MessageError::held("the organisation"))
    } else {
        None
    }
}

impl Worker {
    /// Settles all messages of a group with this error.
    pub(crate) async fn hold_back(&self, run: LineRun<'_, '_, '_>, error: &MessageError) {
        let LineRun { line, mut messages } = run;
        let line: &mut Line<'_, '_> = line;
        while !messages.is_empty() {
            for message in messages {
                line.group.settle(message, Err(error.clone())).await;
            }
            messages = line.next_run().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::clock::Timestamp;
    use automations::failure::Remedy;
    use automations::reason::Reason;

    fn why(pauses: Vec<Pause>) -> Option<(Reason, bool)> {
        let error = why_not(&Ok(Arc::new(pauses)), &OrganisationId::parse("north").unwrap())?;
        Some((error.reason, error.remedy == Remedy::DeadLetter))
    }

    #[test]
    fn what_is_paused_is_held_and_nothing_else_is() {
        let pause = |paused| Pause::new(paused, Timestamp::from_millis(1), None);
        let of = |name: &str| pause(Paused::Organisation(OrganisationId::parse(name).unwrap()));
        assert_eq!(why(vec![]), None);
        assert_eq!(why(vec![of("south"), pause(Paused::Handler("h".to_owned()))]), None);
        assert_eq!(why(vec![of("north")]), Some((Reason::Paused, true)));
        assert_eq!(why(vec![Pause { resuming: true, ..of("north") }]), None);
        assert_eq!(why(vec![pause(Paused::Writing), of("north")]), Some((Reason::Paused, false)));
    }

    #[test]
    fn while_it_is_not_known_what_is_paused_nothing_is_written_and_nothing_is_lost() {
        let north = OrganisationId::parse("north").unwrap();
        for error in [
            Error::Unavailable { code: None },
            Error::Unusable { key: "PAUSES X".to_owned(), attribute: "sk", decode_error: None },
        ] {
            let error = why_not(&Err(error), &north).unwrap();
            assert_eq!(error.remedy, Remedy::Retry { after: None });
        }
    }
}
