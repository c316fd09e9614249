//! A webhook that is not Salestrekker's: it becomes an event as it is, and no ticket is checked.

use crate::enricher::{Enricher, Result};
use automations::clock::Timestamp;
use automations::id::InboundKind;
use automations::model::hint::Hint;
use automations::model::inbound::InboundRequest;
use automations::telemetry::EventName;
use automations::telemetry::metric::{Metric, Metrics, RepeatedBy};
use automations::{Event, EventKind, tracing};

impl Enricher {
    /// Publishes an inbound request once. A receipt without its content is recorded first: after a crash before the event is
    /// published, the hint, which has the content, is retried.
    pub(crate) async fn publish_inbound(
        &self,
        hint: &Hint,
        (kind, inbound): (InboundKind, &InboundRequest),
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let content = EventKind::Inbound { kind: kind.clone(), fields: inbound.fields.clone() };
        let event = Event::of_hint(&hint.organisation, now, &hint.cause(), content);
        let is_first = self.store.record_inbound_receipt(hint, &kind, inbound, &event.id).await?;
        tracing::info!(
            event_name = EventName::InboundReceived.as_str(),
            organisation = hint.organisation.as_str(),
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            event.kind = kind.as_str(),
            is_first,
            "an inbound request was received"
        );
        if !is_first {
            let (repeats, by) =
                if inbound.has_id { ("id", RepeatedBy::Id) } else { ("body", RepeatedBy::Body) };
            metrics.record(Metric::InboundDuplicates(by), 1);
            tracing::info!(
                event_name = EventName::InboundDuplicate.as_str(),
                organisation = hint.organisation.as_str(),
                hint.id = hint.id.as_str(),
                event.id = event.id.as_str(),
                event.kind = kind.as_str(),
                repeats,
                "an inbound request repeats an earlier one, and was dropped"
            );
            return Ok(());
        }
        Ok(self.publish_one(event, metrics).await?)
    }
}
