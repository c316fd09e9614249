//! Hints in, events out: look at the tickets, compare with what is stored, tell the difference.
//!
//! The order of the steps is the promise. The snapshot is read before the ticket is looked at, so that whatever is
//! written under its version is newer than it. Events are stored with the snapshot, in one transaction, before they are
//! published; what a crash leaves unpublished stands in the snapshot's outbox and goes out on the next visit.

mod list;
mod plan;

use automations::batch::{Letter, Trouble};
use automations::bus::Bus;
use automations::clock::Moment;
use automations::diff::{Seen, change};
use automations::event::{Cause, UnrecognisedReason};
use automations::futures::{StreamExt as _, stream};
use automations::hint::Hint;
use automations::id::{EventId, OrganisationId, TicketId, WebhookAction};
use automations::salestrekker::{self, Client};
use automations::secret::Access;
use automations::store::{Known, Store};
use automations::trace::Ours;
use automations::{Event, What, tracing};
use list::asks_for_list;
use plan::{Plan, plan};
use std::collections::{BTreeMap, HashMap};

/// So many tickets are written at once.
const WRITES_AT_ONCE: usize = 8;
/// The webhook actions whose URL says that the ticket is new.
const CREATIONS: [&str; 1] = ["ticket-created"];

/// The enricher, with what it needs.
#[derive(Debug)]
pub struct Enricher {
    /// Salestrekker.
    pub client: Client,
    /// Snapshots and journal.
    pub store: Store,
    /// Where events go.
    pub bus: Bus,
    /// A query that lists tickets, where the vendor's schema is known to have one.
    pub list_query: Option<String>,
}

type Result<T> = std::result::Result<T, Trouble>;

/// A ticket that hints name, and what it is like to have been named by them.
#[derive(Debug, Clone)]
struct Named {
    cause: Cause,
    is_new: bool,
}

impl Enricher {
    /// Works through a batch of hints, until the invocation's deadline; each one's own result.
    pub async fn work(
        &self,
        letters: Vec<Letter<Hint>>,
        now: Moment,
        until: Moment,
    ) -> Vec<(Letter<Hint>, Result<()>)> {
        let mut organisations: BTreeMap<OrganisationId, BTreeMap<TicketId, Named>> = BTreeMap::new();
        for hint in letters.iter().map(|letter| &letter.body) {
            if let Some(ticket) = &hint.ticket {
                let named = organisations.entry(hint.organisation.clone()).or_default();
                let is_new = hint.action.as_ref().is_some_and(says_new);
                let first =
                    named.entry(ticket.clone()).or_insert_with(|| Named { cause: hint.cause(), is_new });
                if is_new && !first.is_new {
                    *first = Named { cause: hint.cause(), is_new };
                }
            }
        }
        let mut lists = HashMap::new();
        for hint in letters.iter().map(|letter| &letter.body).filter(|hint| asks_for_list(hint)) {
            let tickets = organisations.entry(hint.organisation.clone()).or_default();
            if !lists.contains_key(&hint.organisation) {
                let listed = self.list(&hint.organisation, hint, tickets, until).await;
                lists.insert(hint.organisation.clone(), listed);
            }
        }
        let mut results = HashMap::new();
        for (organisation, tickets) in organisations {
            let visited = match Trouble::of_lateness(until) {
                Some(late) => Err(late),
                None => self.visit_all(&organisation, &tickets, now, until).await,
            };
            results.insert(organisation, visited);
        }
        let mut worked = Vec::with_capacity(letters.len());
        for letter in letters {
            let hint = &letter.body;
            let result = match lists.get(&hint.organisation) {
                Some(listed) if asks_for_list(hint) => listed.clone(),
                _ => self.finish(hint, &results, now).await,
            };
            worked.push((letter, result));
        }
        worked
    }

    /// What became of one hint: its ticket's result, or an event of its own where it led to no ticket.
    async fn finish(
        &self,
        hint: &Hint,
        results: &HashMap<OrganisationId, Result<HashMap<TicketId, Result<Found>>>>,
        now: Moment,
    ) -> Result<()> {
        let Some(ticket) = &hint.ticket else {
            return self.unrecognised(hint, UnrecognisedReason::NoTicketId, now).await;
        };
        let Some(organisation) = results.get(&hint.organisation) else { return Ok(()) };
        let found = organisation.as_ref().map_err(Trouble::clone)?.get(ticket).cloned();
        match found.transpose()? {
            Some(Found::Hidden) => self.unrecognised(hint, UnrecognisedReason::NoReadAccess, now).await,
            Some(Found::Nothing) => self.unrecognised(hint, UnrecognisedReason::UnknownTicket, now).await,
            Some(Found::Ticket) | None => Ok(()),
        }
    }

    async fn unrecognised(&self, hint: &Hint, reason: UnrecognisedReason, now: Moment) -> Result<()> {
        // The reconciler asks only for tickets that have a snapshot.
        let Some(action) = hint.action.clone() else { return Ok(()) };
        let what = What::WebhookUnrecognised { action, reason };
        let event = Event {
            id: EventId::of_hint(&hint.organisation, &hint.id, what.kind()),
            organisation: hint.organisation.clone(),
            observed_at: now,
            cause: hint.cause(),
            again: None,
            what,
        };
        tracing::info!(
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            ?reason,
            "a webhook led to no ticket"
        );
        Ok(self.bus.publish(&[event]).await.into_iter().collect::<std::result::Result<(), _>>()?)
    }

    async fn visit_all(
        &self,
        organisation: &OrganisationId,
        tickets: &BTreeMap<TicketId, Named>,
        now: Moment,
        until: Moment,
    ) -> Result<HashMap<TicketId, Result<Found>>> {
        let ids: Vec<TicketId> = tickets.keys().cloned().collect();
        let session = self.client.session(organisation, until);
        if session.access().await? == Access::WriteOnly {
            return Ok(ids.into_iter().map(|id| (id, Ok(Found::Hidden))).collect());
        }
        let mut known = self.store.known(organisation, &ids).await?;
        let looked = session.look(&ids).await?;
        let news = ids.iter().zip(&looked).filter(|(id, seen)| is_news(known.get(*id), seen));
        let news: Vec<TicketId> = news.map(|(id, _)| id.clone()).collect();
        let mut ours = self.store.ours(organisation, &news).await?;
        let visits = tickets.iter().zip(looked).map(|((id, named), seen)| {
            let known = known.remove(id);
            let ours = ours.remove(id).unwrap_or_default();
            async move {
                let visit = self.store_change(organisation, id, known, &ours, seen, named, now).await;
                (id.clone(), visit)
            }
        });
        let visits: Vec<(TicketId, Result<Option<Plan>>)> =
            stream::iter(visits).buffered(WRITES_AT_ONCE).collect().await;
        Ok(self.publish_all(organisation, visits, now).await)
    }

    #[expect(clippy::too_many_arguments, reason = "all of it is one ticket's, gathered for the whole batch")]
    async fn store_change(
        &self,
        organisation: &OrganisationId,
        id: &TicketId,
        known: Option<Known>,
        ours: &Ours,
        seen: std::result::Result<Option<Seen>, salestrekker::Error>,
        named: &Named,
        now: Moment,
    ) -> Result<Option<Plan>> {
        let Named { cause, is_new } = named;
        let Some(plan) = plan(organisation, known, seen?, *is_new, ours, cause, now) else { return Ok(None) };
        if let Some(watch) = plan.verified {
            self.store.verified(organisation, id, plan.version, watch).await?;
        }
        if let Some((snapshot, events)) = &plan.change {
            self.store.write(organisation, snapshot, events, &plan.outbox, now).await?;
            for event in events {
                tracing::info!(
                    organisation = organisation.as_str(),
                    ticket.id = id.as_str(),
                    ticket.version = plan.version,
                    event.id = event.id.as_str(),
                    event.kind = event.what.kind(),
                    cause.by = event.cause.by(),
                    hint.id = event.cause.hint().as_str(),
                    "a change is stored"
                );
            }
        }
        Ok(Some(plan))
    }

    /// Publishes all outboxes together, and empties those that went out whole.
    async fn publish_all(
        &self,
        organisation: &OrganisationId,
        visits: Vec<(TicketId, Result<Option<Plan>>)>,
        now: Moment,
    ) -> HashMap<TicketId, Result<Found>> {
        let planned = |visit: &Result<Option<Plan>>| match visit {
            Ok(Some(plan)) => plan.outbox.clone(),
            _ => Vec::new(),
        };
        let events: Vec<Event> = visits.iter().flat_map(|(_, visit)| planned(visit)).collect();
        let mut published = self.bus.publish(&events).await.into_iter();
        let mut results = HashMap::new();
        let mut emptied = Vec::new();
        for (id, visit) in visits {
            let result = match visit {
                Ok(Some(plan)) => {
                    let own: std::result::Result<Vec<()>, _> =
                        published.by_ref().take(plan.outbox.len()).collect();
                    if own.is_ok() && !plan.outbox.is_empty() {
                        let ticket = id.clone();
                        emptied.push(async move {
                            let result = self.store.published(organisation, &ticket, plan.version, now).await;
                            (ticket, result)
                        });
                    }
                    own.map(|_| Found::Ticket).map_err(Trouble::from)
                }
                Ok(None) => Ok(Found::Nothing),
                Err(trouble) => Err(trouble),
            };
            results.insert(id, result);
        }
        let emptied: Vec<_> = stream::iter(emptied).buffered(WRITES_AT_ONCE).collect().await;
        for (ticket, result) in emptied {
            if let Err(error) = result {
                results.insert(ticket, Err(error.into()));
            }
        }
        results
    }
}

/// Whether there was a ticket to look at.
#[derive(Debug, Clone, Copy)]
enum Found {
    Ticket,
    Nothing,
    /// Nobody may look.
    Hidden,
}

/// Whether a look found a difference.
fn is_news(known: Option<&Known>, seen: &std::result::Result<Option<Seen>, salestrekker::Error>) -> bool {
    let Ok(seen) = seen else { return false };
    change(known.map(|known| &known.snapshot), seen.clone(), false).is_some()
}

fn says_new(action: &WebhookAction) -> bool {
    CREATIONS.contains(&action.as_str())
}
