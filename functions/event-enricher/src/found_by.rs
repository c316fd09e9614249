//! What found the changes of an organisation. If it is the reconciler alone for an hour, its webhooks are silent, and everything else
//! looks healthy.

use crate::enricher::Enricher;
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::id::OrganisationId;
use automations::model::event::Cause;
use automations::store::TokenUse;
use automations::telemetry::EventName;
use automations::telemetry::metric::{FoundBy, Metric, Metrics};
use automations::{Event, EventKind, tracing};
use std::time::Duration;

/// Without a webhook for this time, the changes that the reconciler finds are counted.
const SILENCE: Duration = Duration::from_hours(1);

/// What found the change of which this is the event.
pub(crate) fn found_by(event: &Event) -> FoundBy {
    match &event.cause {
        _ if is_passed_time(&event.kind) => FoundBy::Time,
        Cause::Webhook { .. } => FoundBy::Webhook,
        Cause::Reconciler { .. } => FoundBy::Reconciler,
        // An action of ours, or a cause that is not known here.
        _ => FoundBy::Action,
    }
}

/// The number of these events that the reconciler found. Those that no webhook could announce are left out: a change of ours, and
/// time that has passed.
pub(crate) fn by_reconciler(events: &[Event]) -> u64 {
    let found = events.iter().filter(|event| found_by(event) == FoundBy::Reconciler).count();
    u64::try_from(found).unwrap_or(u64::MAX)
}

impl Enricher {
    /// Records whether webhooks are silent. Only if the reconciler found changes, the table is asked for the last webhook: while
    /// webhooks work, this costs nothing.
    pub(crate) async fn record_silence(
        &self,
        organisation: &OrganisationId,
        by_reconciler: u64,
        now: Timestamp,
        metrics: &Metrics,
    ) {
        if by_reconciler == 0 {
            return;
        }
        match self.store.token_uses(organisation).await {
            Ok(uses) => {
                let Some(silence) = silence(&uses, now) else { return };
                metrics.record(Metric::ChangesWithoutWebhook, by_reconciler);
                tracing::warn!(
                    event_name = EventName::WebhooksSilent.as_str(),
                    organisation = organisation.as_str(),
                    changes = by_reconciler,
                    last_webhook_s = silence.last.map(|last| last.as_secs()),
                    "the reconciler found changes of an organisation of which no webhook came for an hour"
                );
            }
            // The changes are stored and published; the next ones are counted.
            Err(error) => tracing::warn!(
                event_name = EventName::WebhooksSilentUnknown.as_str(),
                organisation = organisation.as_str(),
                reason = error.reason().as_str(),
                error = chain(&error),
                "the time of the last webhook could not be read"
            ),
        }
    }
}

/// Whether time alone made this happen.
fn is_passed_time(kind: &EventKind) -> bool {
    matches!(kind, EventKind::StageAged { .. } | EventKind::ReminderDue { .. })
}

/// That no webhook came for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Silence {
    /// Time since the last one; none if there never was one.
    last: Option<Duration>,
}

/// Whether webhooks are silent, from the uses of the organisation's tokens.
fn silence(uses: &[TokenUse], now: Timestamp) -> Option<Silence> {
    let last = uses.iter().map(|one| one.at).max().map(|at| now.since(at));
    last.is_none_or(|last| last >= SILENCE).then_some(Silence { last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::id::HintId;
    use automations::testing;

    fn event(cause: Cause) -> Event {
        Event { cause, ..testing::stage_changed("Approved", "Settled") }
    }

    fn reconciler() -> Cause {
        Cause::Reconciler { hint: HintId::of("r", 0).unwrap(), asked_at: Timestamp::from_millis(1) }
    }

    /// F20 of the field faults.
    #[test]
    fn a_change_of_ours_and_the_age_of_a_stage_are_not_found_by_the_reconciler() {
        let webhook = testing::stage_changed("Approved", "Settled");
        let ours = Cause::Action { hint: HintId::of("r", 1).unwrap(), chain: Vec::new() };
        let mut aged = event(reconciler());
        aged.kind = testing::one_of_each()
            .into_iter()
            .map(|event| event.kind)
            .find(|kind| matches!(kind, EventKind::StageAged { .. }))
            .unwrap();
        let reminder = Event { cause: reconciler(), ..testing::a_ticket().has_reminder_due("review") };
        let events = [webhook, event(reconciler()), event(ours), aged, reminder];
        let found = [FoundBy::Webhook, FoundBy::Reconciler, FoundBy::Action, FoundBy::Time, FoundBy::Time];
        assert_eq!((events.each_ref().map(found_by), by_reconciler(&events)), (found, 1));
    }

    #[test]
    fn webhooks_are_silent_after_an_hour_without_one_and_if_there_never_was_one() {
        let now = Timestamp::from_seconds(10_000);
        let used = |seconds: u64| TokenUse { version: "v".to_owned(), at: Timestamp::from_seconds(seconds) };
        assert_eq!(silence(&[used(1), used(10_000 - 3_599)], now), None, "the newest counts");
        let hour = Duration::from_hours(1);
        assert_eq!(silence(&[used(10_000 - 3_600)], now), Some(Silence { last: Some(hour) }));
        assert_eq!(silence(&[], now), Some(Silence { last: None }));
    }
}
