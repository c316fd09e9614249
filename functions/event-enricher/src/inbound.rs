//! What came through a webhook that is not Salestrekker's: an event as it is, with no ticket to look at.

use crate::{Enricher, Result};
use automations::clock::Timestamp;
use automations::id::InboundKind;
use automations::model::hint::Hint;
use automations::model::inbound::Post;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, EventKind, tracing};

impl Enricher {
    /// Publishes a post once. That it came is noted first, and what it said never is: where somebody is lost before it is
    /// published, the hint, which holds it, comes again.
    pub(crate) async fn pass_on(
        &self,
        hint: &Hint,
        (kind, post): (InboundKind, &Post),
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let what = EventKind::Inbound { kind: kind.clone(), fields: post.fields.clone() };
        let event = Event::of_hint(&hint.organisation, now, &hint.cause(), what);
        let is_first = self.store.notes_post(hint, &kind, post, &event.id).await?;
        tracing::info!(
            event_name = EventName::InboundReceived.as_str(),
            organisation = hint.organisation.as_str(),
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            event.kind = kind.as_str(),
            is_first,
            "an inbound post was received"
        );
        if !is_first {
            return Ok(());
        }
        Ok(self.send_out_alone(event, metrics).await?)
    }
}
