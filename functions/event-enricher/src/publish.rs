//! Publishes events, with metrics of their number and of the latency since the webhook.

use crate::enricher::Enricher;
use automations::aws::bus::PublishError;
use automations::model::event::Cause;
use automations::telemetry::metric::{Metric, Metrics};
use automations::{Event, clock};

impl Enricher {
    /// Publishes each group's events in their order. One result for each group: whether all of its events were accepted.
    pub(crate) async fn publish_groups(
        &self,
        groups: &[&[Event]],
        metrics: &Metrics,
    ) -> Vec<Result<(), PublishError>> {
        let published = self.bus.publish(groups).await;
        let now = clock::now();
        for (events, published) in groups.iter().zip(&published) {
            let metric =
                if published.is_ok() { Metric::EventsPublished } else { Metric::EventPublishFailures };
            for event in *events {
                metrics.record(metric, 1);
                if let (Ok(()), Cause::Webhook { received_at, .. }) = (published, &event.cause) {
                    metrics.record_duration(Metric::WebhookToEventLatency, now.since(*received_at));
                }
            }
        }
        published
    }

    /// Publishes one event that is in no outbox.
    pub(crate) async fn publish_one(&self, event: Event, metrics: &Metrics) -> Result<(), PublishError> {
        self.publish_groups(&[&[event]], metrics).await.into_iter().collect()
    }
}
