//! Publishes events, with metrics of failures and of the engine's error codes.

use crate::enricher::Enricher;
use automations::aws::topic::PublishError;
use automations::failure::{Failure as _, chain};
use automations::telemetry::EventName;
use automations::telemetry::metric::{Metric, Metrics, PublishFailure};
use automations::{Event, tracing};

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
