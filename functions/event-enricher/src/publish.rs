//! What goes out on the bus, counted, and how long it took since its webhook.

use crate::Enricher;
use automations::aws::bus::NotPublished;
use automations::model::event::Cause;
use automations::telemetry::metric::{Figures, Metric};
use automations::{Event, clock};

impl Enricher {
    /// Publishes each group's events in their order. One result for each group: whether all of its events were accepted.
    pub(crate) async fn send_out(
        &self,
        groups: &[&[Event]],
        figures: &Figures,
    ) -> Vec<Result<(), NotPublished>> {
        let published = self.bus.publish(groups).await;
        let now = clock::now();
        for (events, published) in groups.iter().zip(&published) {
            let metric = if published.is_ok() { Metric::EventsPublished } else { Metric::NotPublished };
            for event in *events {
                figures.add(metric, 1);
                if let (Ok(()), Cause::Webhook { received_at, .. }) = (published, &event.cause) {
                    figures.took(Metric::HintAge, now.since(*received_at));
                }
            }
        }
        published
    }

    /// Publishes one event that stands in no outbox.
    pub(crate) async fn send_out_alone(&self, event: Event, figures: &Figures) -> Result<(), NotPublished> {
        self.send_out(&[&[event]], figures).await.into_iter().collect()
    }
}
