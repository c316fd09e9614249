//! Hints in, events out: look at the tickets, compare with what is stored, tell the difference.
//!
//! The order of the steps is the promise. The snapshot is read before the ticket is looked at, so that whatever is
//! written under its version is newer than it. Events are stored with the snapshot, in one transaction, before they are
//! published; what a crash leaves unpublished stands in the snapshot's outbox and goes out on the next visit.

mod list;
mod plan;
mod post;
mod publish;
mod visit;

use automations::aws::batch::{Letter, Trouble};
use automations::aws::bus::Bus;
use automations::clock::Moment;
use automations::id::{OrganisationId, TicketId, WebhookAction};
use automations::model::event::{Cause, UnrecognisedReason};
use automations::model::hint::Hint;
use automations::model::stage_age::Marks;
use automations::salestrekker::Client;
use automations::store::Store;
use automations::telemetry::metric::Figures;
use automations::{Event, What, tracing};
use list::asks_for_list;
use std::collections::{BTreeMap, HashMap};

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
    /// The days in a stage that are told.
    pub marks: Marks,
}

type Result<T> = std::result::Result<T, Trouble>;

/// A ticket that hints name, and what it is like to have been named by them.
#[derive(Debug, Clone)]
struct Named {
    cause: Cause,
    is_new: bool,
}

impl Enricher {
    /// Works through a batch of hints, until the invocation's deadline; each one's own result. What is published is added to
    /// the invocation's figures.
    pub async fn work(
        &self,
        letters: Vec<Letter<Hint>>,
        now: Moment,
        until: Moment,
        figures: &Figures,
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
                None => self.visit_all(&organisation, &tickets, (now, until), figures).await,
            };
            results.insert(organisation, visited);
        }
        let mut worked = Vec::with_capacity(letters.len());
        for letter in letters {
            let hint = &letter.body;
            let result = match lists.get(&hint.organisation) {
                Some(listed) if asks_for_list(hint) => listed.clone(),
                _ => self.finish(hint, &results, now, figures).await,
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
        figures: &Figures,
    ) -> Result<()> {
        let inbound = hint.action.as_ref().and_then(WebhookAction::inbound);
        if let (Some(kind), Some(post)) = (inbound, &hint.post) {
            return self.pass_on(hint, (kind, post), now, figures).await;
        }
        let Some(ticket) = &hint.ticket else {
            return self.unrecognised(hint, UnrecognisedReason::NoTicketId, now, figures).await;
        };
        let Some(organisation) = results.get(&hint.organisation) else { return Ok(()) };
        let found = organisation.as_ref().map_err(Trouble::clone)?.get(ticket).cloned();
        match found.transpose()? {
            Some(Found::Hidden) => {
                self.unrecognised(hint, UnrecognisedReason::NoReadAccess, now, figures).await
            }
            Some(Found::Nothing) => {
                self.unrecognised(hint, UnrecognisedReason::UnknownTicket, now, figures).await
            }
            Some(Found::Ticket) | None => Ok(()),
        }
    }

    async fn unrecognised(
        &self,
        hint: &Hint,
        reason: UnrecognisedReason,
        now: Moment,
        figures: &Figures,
    ) -> Result<()> {
        // The reconciler asks only for tickets that have a snapshot.
        let Some(action) = hint.action.clone() else { return Ok(()) };
        let what = What::WebhookUnrecognised { action, reason };
        let event = Event::of_hint(&hint.organisation, now, &hint.cause(), what);
        tracing::info!(
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            ?reason,
            "a webhook led to no ticket"
        );
        Ok(self.send_out_alone(event, figures).await?)
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

fn says_new(action: &WebhookAction) -> bool {
    CREATIONS.contains(&action.as_str())
}
