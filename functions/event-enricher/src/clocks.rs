//! Firings of handlers' schedules: each becomes an event for every organisation of the list, and no ticket is checked.

use crate::deadline::before;
use crate::enricher::{Enricher, Result};
use automations::aws::batch::Message;
use automations::clock::Timestamp;
use automations::model::firing::{Firing, QueuedHint};
use automations::model::hint::Hint;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, tracing};

impl Enricher {
    /// Publishes the firings of a batch until the invocation's deadline; one result for each.
    pub(crate) async fn publish_firings(
        &self,
        firings: Vec<Message<Firing>>,
        (now, until): (Timestamp, Timestamp),
        metrics: &Metrics,
    ) -> Vec<(Message<()>, Result<()>)> {
        let mut results = Vec::with_capacity(firings.len());
        // One after the other: several of a clock are mostly one that waited and its successors.
        for firing in firings {
            let (firing, message) = firing.take();
            results.push((message, before(until, self.publish_firing(&firing, now, metrics)).await));
        }
        results
    }

    /// Publishes the newest firing of a clock, unless it was. It is recorded afterwards: after a crash in between, it is published again,
    /// with the ids that it had.
    async fn publish_firing(&self, firing: &Firing, now: Timestamp, metrics: &Metrics) -> Result<()> {
        let last = self.store.last_fired(&firing.clock).await?;
        let Some(fired) = firing.newest(last.as_ref(), now) else {
            let at = firing.scheduled_at.map(tracing::field::display);
            let clock = firing.clock.as_str();
            tracing::info!(
                event_name = EventName::ClockDuplicate.as_str(),
                event.kind = clock,
                scheduled_at = at,
                "a firing of a schedule was delivered again, or is older than the last one, and was dropped"
            );
            return Ok(());
        };
        let organisations = self.store.listings().await?;
        let events: Vec<Event> = organisations
            .iter()
            .map(|listing| Event::of_firing(&listing.organisation, now, &fired))
            .collect();
        let lists: Vec<&[Event]> = events.iter().map(std::slice::from_ref).collect();
        self.publish_all(&lists, metrics).await.into_iter().collect::<std::result::Result<(), _>>()?;
        self.store.record_fired(&fired, &firing.schedule, now).await?;
        for event in &events {
            tracing::info!(
                event_name = EventName::ClockFired.as_str(),
                organisation = event.organisation.as_str(),
                hint.id = event.cause.hint().as_str(),
                event.id = event.id.as_str(),
                event.kind = event.kind.name(),
                scheduled_at = %fired.at,
                missed = fired.missed,
                "a handler's schedule was due"
            );
        }
        Ok(())
    }
}

/// The hints and the firings of a batch.
pub(crate) fn apart(messages: Vec<Message<QueuedHint>>) -> (Vec<Message<Hint>>, Vec<Message<Firing>>) {
    let (mut hints, mut firings) = (Vec::new(), Vec::new());
    for message in messages {
        match message.take() {
            (QueuedHint::Hint(hint), message) => hints.push(message.with(*hint)),
            (QueuedHint::Firing(firing), message) => firings.push(message.with(*firing)),
        }
    }
    // The oldest first, so that the first firing of all counts those after it as missed.
    firings.sort_by_key(|firing| firing.body.scheduled_at);
    (hints, firings)
}
