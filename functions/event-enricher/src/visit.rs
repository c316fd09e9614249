//! One visit to all the tickets that a batch names in one organisation: each step is made for all of them together.

use crate::plan::{Plan, plan};
use crate::{Enricher, FetchOutcome, RequestedTicket, Result};
use automations::aws::batch::MessageError;
use automations::aws::secret::Access;
use automations::clock::Timestamp;
use automations::futures::{StreamExt as _, stream};
use automations::id::{OrganisationId, TicketId};
use automations::model::diff::{Seen, change};
use automations::salestrekker;
use automations::store::{Known, Version};
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, tracing};
use std::collections::{BTreeMap, HashMap};

/// So many looks that found nothing are noted at once.
const NOTES_AT_ONCE: usize = 8;

/// What a visit to a ticket leads to, as far as it is known.
type Visit<'a> = (&'a TicketId, Result<Option<Plan>>);

impl Enricher {
    pub(crate) async fn visit_all(
        &self,
        organisation: &OrganisationId,
        tickets: &BTreeMap<TicketId, RequestedTicket>,
        (now, until): (Timestamp, Timestamp),
        metrics: &Metrics,
    ) -> Result<HashMap<TicketId, Result<FetchOutcome>>> {
        let ids: Vec<TicketId> = tickets.keys().cloned().collect();
        let session = self.client.session(organisation, until);
        if session.access().await? == Access::WriteOnly {
            return Ok(ids.into_iter().map(|id| (id, Ok(FetchOutcome::Hidden))).collect());
        }
        let mut known = self.store.known(organisation, &ids).await?;
        let looked = session.look(&ids).await?;
        let news = ids.iter().zip(&looked).filter(|(id, seen)| is_news(known.get(*id), seen));
        let news: Vec<TicketId> = news.map(|(id, _)| id.clone()).collect();
        let mut ours = self.store.ours(organisation, &news).await?;
        let visits = tickets.iter().zip(looked).map(|((id, named), seen)| {
            let ours = ours.remove(id).unwrap_or_default();
            let plan = seen
                .map(|seen| plan(organisation, known.remove(id), seen, named, &ours, &self.thresholds, now));
            (id, plan.map_err(MessageError::from))
        });
        let mut visits: Vec<Visit<'_>> = visits.collect();
        self.note(organisation, &mut visits).await;
        self.store(organisation, &mut visits, now).await;
        self.publish(organisation, &mut visits, now, metrics).await;
        let results = visits.into_iter().map(|(id, visit)| {
            (
                id.clone(),
                visit.map(|plan| if plan.is_some() { FetchOutcome::Ticket } else { FetchOutcome::Nothing }),
            )
        });
        Ok(results.collect())
    }

    /// Notes the looks that were due and found nothing.
    async fn note(&self, organisation: &OrganisationId, visits: &mut [Visit<'_>]) {
        let due = visits.iter().enumerate().filter_map(|(place, (id, visit))| {
            let plan = visit.as_ref().ok()?.as_ref()?;
            Some((place, *id, plan.version, plan.verified?))
        });
        let notes = due.map(|(place, id, version, watch)| async move {
            (place, self.store.verified(organisation, id, version, watch).await)
        });
        let results: Vec<_> = stream::iter(notes).buffered(NOTES_AT_ONCE).collect().await;
        fail(visits, results);
    }

    /// Stores the new versions.
    async fn store(&self, organisation: &OrganisationId, visits: &mut [Visit<'_>], now: Timestamp) {
        let mut places = Vec::new();
        let mut versions = Vec::new();
        for (place, (_, visit)) in visits.iter().enumerate() {
            let Ok(Some(Plan { change: Some((snapshot, events)), outbox, .. })) = visit else { continue };
            places.push(place);
            versions.push(Version { snapshot, events, outbox });
        }
        let stored = self.store.write_each(organisation, &versions, now).await;
        for (version, _) in versions.iter().zip(&stored).filter(|(_, stored)| stored.is_ok()) {
            for event in version.events {
                tracing::info!(
                    event_name = EventName::ChangeStored.as_str(),
                    organisation = organisation.as_str(),
                    ticket.id = version.snapshot.ticket.id.as_str(),
                    ticket.version = version.snapshot.ticket.version,
                    event.id = event.id.as_str(),
                    event.kind = event.kind.name(),
                    cause.by = event.cause.by(),
                    hint.id = event.cause.hint().as_str(),
                    "a change was stored"
                );
            }
        }
        fail(visits, places.into_iter().zip(stored));
    }

    /// Publishes the outboxes of what is stored, and empties those that went out whole.
    async fn publish(
        &self,
        organisation: &OrganisationId,
        visits: &mut [Visit<'_>],
        now: Timestamp,
        metrics: &Metrics,
    ) {
        let full = visits.iter().enumerate().filter_map(|(place, (id, visit))| {
            let plan = visit.as_ref().ok()?.as_ref()?;
            (!plan.outbox.is_empty()).then_some((place, *id, plan))
        });
        let full: Vec<(usize, &TicketId, &Plan)> = full.collect();
        let outboxes: Vec<&[Event]> = full.iter().map(|(_, _, plan)| plan.outbox.as_slice()).collect();
        let published = self.send_out(&outboxes, metrics).await;
        let went_out = full.iter().zip(&published).filter(|(_, published)| published.is_ok());
        let went_out: Vec<(usize, (&TicketId, u64))> =
            went_out.map(|((place, id, plan), _)| (*place, (*id, plan.version))).collect();
        let (places, versions): (Vec<usize>, Vec<_>) = went_out.into_iter().unzip();
        let emptied = self.store.published(organisation, &versions, now).await;
        let published: Vec<_> = full.iter().map(|(place, ..)| *place).zip(published).collect();
        fail(visits, published);
        fail(visits, places.into_iter().zip(emptied));
    }
}

/// Lets the visits at these places fail where their results say so.
fn fail<F>(visits: &mut [Visit<'_>], results: impl IntoIterator<Item = (usize, std::result::Result<(), F>)>)
where
    MessageError: From<F>,
{
    for (place, result) in results {
        if let (Some((_, visit)), Err(error)) = (visits.get_mut(place), result) {
            *visit = Err(error.into());
        }
    }
}

/// Whether a look found a difference.
fn is_news(known: Option<&Known>, seen: &std::result::Result<Option<Seen>, salestrekker::Error>) -> bool {
    let Ok(seen) = seen else { return false };
    change(known.map(|known| &known.snapshot), seen.clone(), false).is_some()
}
