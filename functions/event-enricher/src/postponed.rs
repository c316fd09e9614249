//! Due tickets whose check fails: each minute they would be due again, and those of one organisation would take all of the reconciler's
//! budget.

use crate::deadline::before;
use crate::enricher::{Enricher, FetchOutcome, Result};
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::futures::{StreamExt as _, stream};
use automations::id::{OrganisationId, TicketId};
use automations::model::hint::Hint;
use automations::reason::Reason;
use automations::telemetry::EventName;
use automations::tracing;
use std::collections::HashMap;
use std::time::Duration;

/// For this time, which is longer than a failed hint is retried, the ticket is checked by its hint alone. After that it is due again, as
/// the hint is a dead letter.
const POSTPONED: Duration = Duration::from_hours(6);
/// This many tickets are postponed at once.
const AT_ONCE: usize = 8;

/// What checking the tickets of each organisation led to.
pub(crate) type Results = HashMap<OrganisationId, Result<HashMap<TicketId, Result<FetchOutcome>>>>;

/// A ticket that was due and was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unchecked {
    organisation: OrganisationId,
    ticket: TicketId,
    /// Whether reminders of it are due.
    has_reminder: bool,
}

/// The ticket of a hint of the reconciler, if its first delivery did not lead to a check.
pub(crate) fn unchecked(hint: &Hint, receives: u32, results: &Results) -> Option<Unchecked> {
    let ticket = hint.ticket.as_ref().filter(|_| hint.action.is_none() && receives == 1)?;
    let is_unchecked = match results.get(&hint.organisation)? {
        Err(error) => error.reason != Reason::OutOfTime,
        Ok(tickets) => match tickets.get(ticket)? {
            Err(error) => error.reason != Reason::OutOfTime,
            Ok(FetchOutcome::Hidden) => true,
            Ok(FetchOutcome::Ticket | FetchOutcome::Nothing) => false,
        },
    };
    is_unchecked.then(|| Unchecked {
        organisation: hint.organisation.clone(),
        ticket: ticket.clone(),
        has_reminder: hint.reminder,
    })
}

impl Enricher {
    /// Postpones what is due of these tickets. If that fails, the reconciler sends another hint in a minute.
    pub(crate) async fn postpone_unchecked(
        &self,
        tickets: Vec<Unchecked>,
        (now, until): (Timestamp, Timestamp),
    ) {
        if tickets.is_empty() {
            return;
        }
        let postponed = stream::iter(tickets).for_each_concurrent(AT_ONCE, async |one| {
            let due = (&one.ticket, one.has_reminder);
            let later = now.later(POSTPONED);
            match self.store.postpone_due(&one.organisation, due, (now, later)).await {
                Ok(()) => tracing::info!(
                    event_name = EventName::CheckPostponed.as_str(),
                    organisation = one.organisation.as_str(),
                    ticket.id = one.ticket.as_str(),
                    "the ticket could not be checked; until its hint is a dead letter, the reconciler sends no other one"
                ),
                Err(error) => tracing::warn!(
                    event_name = EventName::CheckNotPostponed.as_str(),
                    organisation = one.organisation.as_str(),
                    ticket.id = one.ticket.as_str(),
                    reason = error.reason().as_str(),
                    error = chain(&error),
                    "the reconciler sends another hint in a minute"
                ),
            }
        });
        // Without the time for it, it is left to the next hint.
        let _ = before(until, async {
            postponed.await;
            Ok(())
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::batch::MessageError;
    use automations::failure::Remedy;
    use automations::json::from_json;

    fn hint(fields: &str) -> Hint {
        let hint = format!(
            r#"{{"id": "h-1", "organisation": "north", "received_at": "2026-01-01T00:00:00Z", "raw": null, {fields}}}"#
        );
        from_json(hint.as_bytes()).unwrap()
    }

    fn failed(reason: Reason) -> MessageError {
        MessageError { reason, remedy: Remedy::RefreshCredential, text: String::new() }
    }

    fn results(result: Result<Result<FetchOutcome>>) -> Results {
        let ticket = TicketId::parse("t-1").unwrap();
        HashMap::from([(
            OrganisationId::parse("north").unwrap(),
            result.map(|one| HashMap::from([(ticket, one)])),
        )])
    }

    const DUE: &str = r#""action": null, "ticket": "t-1""#;

    /// An organisation whose credential is refused leaves the others their checks.
    #[test]
    fn a_due_ticket_that_could_not_be_checked_is_postponed_and_one_that_was_is_not() {
        let is = |result| unchecked(&hint(DUE), 1, &results(result)).is_some();
        assert!(is(Err(failed(Reason::CredentialRefused))), "the whole organisation");
        assert!(is(Ok(Err(failed(Reason::TimedOut)))), "this ticket");
        assert!(is(Ok(Ok(FetchOutcome::Hidden))), "the organisation is write-only");
        assert!(!is(Ok(Ok(FetchOutcome::Ticket))) && !is(Ok(Ok(FetchOutcome::Nothing))));
        assert!(!is(Err(failed(Reason::OutOfTime))), "it was not tried");
        assert!(!is(Ok(Err(failed(Reason::OutOfTime)))), "it was not tried");
    }

    #[test]
    fn only_the_first_delivery_of_the_reconcilers_own_hint_postpones() {
        let failed = results(Err(failed(Reason::CredentialRefused)));
        assert_eq!(unchecked(&hint(DUE), 2, &failed), None, "it was postponed already");
        let webhook = hint(r#""action": "ticket-updated", "ticket": "t-1""#);
        assert_eq!(unchecked(&webhook, 1, &failed), None, "what is due may be due for another reason");
        assert_eq!(unchecked(&hint(r#""action": null, "ticket": null"#), 1, &failed), None);
        let reminder = unchecked(&hint(&format!(r#"{DUE}, "reminder": true"#)), 1, &failed).unwrap();
        assert!(reminder.has_reminder && !unchecked(&hint(DUE), 1, &failed).unwrap().has_reminder);
    }
}
