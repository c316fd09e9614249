//! Publishes events, with metrics of failures and of the engine's error codes.

use crate::enricher::Enricher;
use automations::aws::topic::PublishError;
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::telemetry::EventName;
use automations::telemetry::metric::{Metric, Metrics, PublishFailure};
use automations::{Event, tracing};
use std::time::Duration;

impl Enricher {
    /// Publishes lists of events, those of each message group in their order. One result for each list: whether all of its events
    /// were accepted.
    pub(crate) async fn publish_all(
        &self,
        lists: &[&[Event]],
        metrics: &Metrics,
    ) -> Vec<Result<(), PublishError>> {
        let events: Vec<&Event> = lists.iter().flat_map(|events| events.iter()).collect();
        let mut results = self.topic.publish(&events).await.into_iter();
        let published = lists.iter().map(|events| {
            let mut outcome = Ok(());
            for result in results.by_ref().take(events.len()) {
                match result {
                    Ok(()) => {}
                    Err(error) => {
                        metrics.record(Metric::EventPublishFailures, 1);
                        metrics.record(Metric::EventPublishErrors(failure(&error)), 1);
                        outcome = outcome.and(Err(error));
                    }
                }
            }
            outcome.inspect_err(|error| report(events, error))
        });
        published.collect()
    }

    /// Publishes one event that is in no outbox.
    pub(crate) async fn publish_one(&self, event: Event, metrics: &Metrics) -> Result<(), PublishError> {
        self.publish_all(&[&[event]], metrics).await.into_iter().collect()
    }
}

/// An outbox that holds what was stored longer ago than this was not emptied by the invocation that filled it.
const BEING_PUBLISHED: Duration = Duration::from_mins(2);

/// Records what waits in these outboxes for longer than it takes to publish it, before anything else can fail.
pub(crate) fn record_backlog<'a>(
    outboxes: impl Iterator<Item = &'a Vec<Event>>,
    now: Timestamp,
    metrics: &Metrics,
) {
    if let Some((events, oldest)) = backlog(outboxes, now) {
        metrics.record(Metric::OutboxBacklog, events);
        metrics.record_duration(Metric::OutboxAge, oldest);
    }
}

/// The number of events that wait for too long, and the longest time; none if none does.
fn backlog<'a>(outboxes: impl Iterator<Item = &'a Vec<Event>>, now: Timestamp) -> Option<(u64, Duration)> {
    let ages = outboxes.flatten().map(|event| now.since(event.observed_at));
    let waiting: Vec<Duration> = ages.filter(|age| *age > BEING_PUBLISHED).collect();
    let oldest = waiting.iter().max()?;
    Some((u64::try_from(waiting.len()).unwrap_or(u64::MAX), *oldest))
}

fn report(events: &[Event], error: &PublishError) {
    let Some(event) = events.first() else { return };
    tracing::warn!(
        event_name = EventName::EventNotPublished.as_str(),
        organisation = event.organisation.as_str(),
        event.id = event.id.as_str(),
        hint.id = event.cause.hint().as_str(),
        reason = error.reason().as_str(),
        error = chain(error),
        "an event, or one after it, was not published; it will be published again"
    );
}

/// The kind of failure, from the engine's error code.
fn failure(error: &PublishError) -> PublishFailure {
    let Some(code) = &error.code else { return PublishFailure::NoResponse };
    match code.as_str() {
        _ if code.asks_to_wait() => PublishFailure::Throttled,
        "AuthorizationError" | "AuthorizationErrorException" | "AccessDenied" | "AccessDeniedException" => {
            PublishFailure::AccessDenied
        }
        "NotFound" | "NotFoundException" => PublishFailure::NotFound,
        code if code.starts_with("KMS") => PublishFailure::Key,
        _ => PublishFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::ErrorCode;

    #[test]
    fn what_is_in_an_outbox_longer_than_publishing_takes_is_a_backlog() {
        let event = automations::testing::stage_changed("Approved", "Settled");
        let stored = event.observed_at;
        let younger = Event { observed_at: stored.later(Duration::from_mins(1)), ..event.clone() };
        let outboxes = [vec![event.clone()], vec![], vec![younger]];
        let of = |minutes| backlog(outboxes.iter(), stored.later(Duration::from_mins(minutes)));
        assert_eq!(of(2), None, "it is being published");
        assert_eq!((of(3), of(4)), (Some((1, Duration::from_mins(3))), Some((2, Duration::from_mins(4)))));
    }

    #[test]
    fn the_engines_code_decides_which_metric_counts_a_failure() {
        let of = |code| failure(&PublishError { code: ErrorCode::parse(code) });
        assert_eq!(of("Throttled"), PublishFailure::Throttled);
        assert_eq!(of("AuthorizationError"), PublishFailure::AccessDenied);
        assert_eq!(of("NotFound"), PublishFailure::NotFound);
        assert_eq!(of("KMSDisabled"), PublishFailure::Key);
        assert_eq!(of("KMSThrottling"), PublishFailure::Throttled);
        assert_eq!(of("InternalError"), PublishFailure::Other);
        assert_eq!(of(""), PublishFailure::NoResponse);
    }
}
