//! One batch of hints: the tickets of an organisation are checked together, organisations side by side, and each hint has a
//! result of its own.

use crate::enricher::{Enricher, FetchOutcome, RequestedTicket, Result};
use crate::list::asks_for_list;
use crate::side_by_side::side_by_side;
use automations::aws::batch::{Message, MessageError};
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::id::{OrganisationId, TicketId, WebhookAction};
use automations::model::event::UnrecognisedReason;
use automations::model::hint::Hint;
use automations::reason::Reason;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, EventKind, tracing};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The webhook actions whose URL says that the ticket is new.
const CREATIONS: [&str; 1] = ["ticket-created"];

/// With less time than this, an organisation's tickets are hardly checked; a little more than what a message needs to be begun.
const LEAST_SHARE: Duration = Duration::from_secs(3);

/// The tickets of one organisation that hints name.
type Tickets = BTreeMap<TicketId, RequestedTicket>;

impl Enricher {
    /// Processes a batch of hints until the invocation's deadline; one result for each. What is published is added to the
    /// invocation's metrics.
    pub async fn work(
        &self,
        messages: Vec<Message<Hint>>,
        now: Timestamp,
        until: Timestamp,
        metrics: &Metrics,
    ) -> Vec<(Message<Hint>, Result<()>)> {
        let mut organisations: BTreeMap<OrganisationId, Tickets> = BTreeMap::new();
        for hint in messages.iter().map(|message| &message.body) {
            if let Some(ticket) = &hint.ticket {
                let named = organisations.entry(hint.organisation.clone()).or_default();
                let is_new = hint.action.as_ref().is_some_and(says_new);
                let first = named
                    .entry(ticket.clone())
                    .or_insert_with(|| RequestedTicket { cause: hint.cause(), is_new });
                if is_new && !first.is_new {
                    *first = RequestedTicket { cause: hint.cause(), is_new };
                }
            }
        }
        let mut lists: BTreeMap<OrganisationId, &Hint> = BTreeMap::new();
        for hint in messages.iter().map(|message| &message.body).filter(|hint| asks_for_list(hint)) {
            organisations.entry(hint.organisation.clone()).or_default();
            lists.entry(hint.organisation.clone()).or_insert(hint);
        }
        let names: Vec<OrganisationId> = organisations.keys().cloned().collect();
        let work = async |(organisation, mut tickets): (OrganisationId, Tickets), share| {
            let until = clock::now().later(share);
            if let Some(late) = MessageError::if_out_of_time(until) {
                return (Err(late.clone()), Err(late));
            }
            let listed = match lists.get(&organisation) {
                Some(hint) => self.list(&organisation, hint, &mut tickets, until).await,
                None => Ok(()),
            };
            (listed, self.visit_all(&organisation, &tickets, (now, until), metrics).await)
        };
        let time = until.since(clock::now());
        let done = side_by_side(organisations.into_iter().collect(), (time, LEAST_SHARE), work).await;
        let done = done.into_iter().map(|done| done.unwrap_or_else(|| (Err(too_slow()), Err(too_slow()))));
        let (listed, visited): (Vec<_>, Vec<_>) = done.unzip();
        let lists: HashMap<OrganisationId, Result<()>> = names.iter().cloned().zip(listed).collect();
        let results: HashMap<_, _> = names.into_iter().zip(visited).collect();
        let mut finished = Vec::with_capacity(messages.len());
        for message in messages {
            let hint = &message.body;
            let result = match lists.get(&hint.organisation) {
                Some(listed) if asks_for_list(hint) => listed.clone(),
                _ => self.finish(hint, &results, now, metrics).await,
            };
            finished.push((message, result));
        }
        finished
    }

    /// The result of one hint: its ticket's, or that of an event of its own if it names no ticket.
    async fn finish(
        &self,
        hint: &Hint,
        results: &HashMap<OrganisationId, Result<HashMap<TicketId, Result<FetchOutcome>>>>,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        let kind = hint.action.as_ref().and_then(WebhookAction::inbound);
        if let (Some(kind), Some(inbound)) = (kind, &hint.inbound) {
            return self.publish_inbound(hint, (kind, inbound), now, metrics).await;
        }
        let Some(ticket) = &hint.ticket else {
            return self.unrecognised(hint, UnrecognisedReason::NoTicketId, now, metrics).await;
        };
        let Some(organisation) = results.get(&hint.organisation) else { return Ok(()) };
        let found = organisation.as_ref().map_err(MessageError::clone)?.get(ticket).cloned();
        match found.transpose()? {
            Some(FetchOutcome::Hidden) => {
                self.unrecognised(hint, UnrecognisedReason::NoReadAccess, now, metrics).await
            }
            Some(FetchOutcome::Nothing) => {
                self.unrecognised(hint, UnrecognisedReason::UnknownTicket, now, metrics).await
            }
            Some(FetchOutcome::Ticket) | None => Ok(()),
        }
    }

    async fn unrecognised(
        &self,
        hint: &Hint,
        reason: UnrecognisedReason,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        // The reconciler sends hints only for tickets that have a snapshot.
        let Some(action) = hint.action.clone() else { return Ok(()) };
        let kind = EventKind::WebhookUnrecognised { action, reason };
        let event = Event::of_hint(&hint.organisation, now, &hint.cause(), kind);
        tracing::info!(
            event_name = EventName::WebhookUnrecognised.as_str(),
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            ?reason,
            "the webhook names no ticket that exists"
        );
        Ok(self.publish_one(event, metrics).await?)
    }
}

/// The organisation's share of the time was used up, although its requests have deadlines of their own.
fn too_slow() -> MessageError {
    let text = "the organisation's share of the invocation's time is used up".to_owned();
    MessageError { reason: Reason::TimedOut, remedy: Remedy::Retry { after: None }, text }
}

fn says_new(action: &WebhookAction) -> bool {
    CREATIONS.contains(&action.as_str())
}
