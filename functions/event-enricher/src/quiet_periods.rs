//! Quiet periods that ended, and lists that handlers collected and that are due: what waited becomes one event, which is stored, and then
//! published. No ticket is fetched for it.

use crate::deadline::before;
use crate::enricher::{Enricher, RequestedTicket, Result};
use automations::aws::batch::MessageError;
use automations::clock::Timestamp;
use automations::futures::{StreamExt as _, stream};
use automations::id::{OrganisationId, TicketId};
use automations::store::StoredDeferral;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, tracing};
use std::collections::{BTreeMap, HashMap};

/// The quiet periods of this number of tickets are ended at once.
const TICKETS_AT_ONCE: usize = 8;

impl Enricher {
    /// Publishes the events of quiet periods that ended, of the tickets of which the reconciler found something due; the tickets for which
    /// that failed. They are still due.
    pub(crate) async fn end_quiet_periods(
        &self,
        organisation: &OrganisationId,
        tickets: &BTreeMap<TicketId, RequestedTicket>,
        (now, until): (Timestamp, Timestamp),
        metrics: &Metrics,
    ) -> HashMap<TicketId, MessageError> {
        let wanted = tickets.iter().filter(|(_, requested)| requested.reminder);
        let ended = wanted.map(async |(id, _)| {
            let work = Box::pin(self.end_quiet_periods_of(organisation, id, now, metrics));
            let ended = before(until, work).await;
            ended.err().map(|error| (id.clone(), error))
        });
        let failed: Vec<Option<_>> = stream::iter(ended).buffered(TICKETS_AT_ONCE).collect().await;
        failed.into_iter().flatten().collect()
    }

    async fn end_quiet_periods_of(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let deferrals = self.store.deferrals(organisation, ticket).await?;
        self.end_deferrals(organisation, deferrals, now, metrics).await
    }

    /// Publishes the lists that handlers collected in an organisation and that are due.
    pub(crate) async fn end_collections(
        &self,
        organisation: &OrganisationId,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let collections = self.store.collections(organisation).await?;
        self.end_deferrals(organisation, collections, now, metrics).await
    }

    async fn end_deferrals(
        &self,
        organisation: &OrganisationId,
        deferrals: Vec<StoredDeferral>,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let mut result = Ok(());
        for mut stored in deferrals {
            // One that fails delays no other.
            result = result.and(self.end_deferral(organisation, &mut stored, now, metrics).await);
        }
        result
    }

    async fn end_deferral(
        &self,
        organisation: &OrganisationId,
        stored: &mut StoredDeferral,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        // An event of an earlier check comes first.
        if let Some(event) = stored.deferral.unpublished(now) {
            self.publish_deferred(organisation, stored, event, metrics).await?;
        }
        if stored.deferral.end(now) {
            self.store.replace_deferral(organisation, stored).await?;
            if let Some(event) = stored.deferral.unpublished(now) {
                self.publish_deferred(organisation, stored, event, metrics).await?;
            }
        }
        Ok(())
    }

    /// Publishes an event that is stored. After a crash before that is noted, it is published again, with the same id.
    async fn publish_deferred(
        &self,
        organisation: &OrganisationId,
        stored: &mut StoredDeferral,
        event: Event,
        metrics: &Metrics,
    ) -> Result<()> {
        self.publish_one(event.clone(), metrics).await?;
        stored.deferral.published(&event.id);
        self.store.replace_deferral(organisation, stored).await?;
        let (event_name, events) = match (event.collapsed(), event.collected()) {
            (Some(collapsed), _) => (EventName::QuietPeriodEnded, Some(collapsed.count)),
            (None, collected) => (EventName::CollectionEnded, collected.map(|collected| collected.count)),
        };
        tracing::info!(
            event_name = event_name.as_str(),
            organisation = organisation.as_str(),
            ticket.id = stored.ticket.as_ref().map(TicketId::as_str),
            handler = stored.handler(),
            hint.id = event.cause.hint().as_str(),
            event.id = event.id.as_str(),
            event.kind = event.kind.name(),
            events,
            late_s = event.collected().map(|collected| collected.late_by),
            "one event was published for all that waited for a handler"
        );
        Ok(())
    }
}
