//! One batch of hints: the tickets that they name are checked together, and each hint has a result of its own.

use crate::enricher::{Enricher, FetchOutcome, RequestedTicket, Result};
use crate::list::asks_for_list;
use automations::aws::batch::{Message, MessageError};
use automations::clock::Timestamp;
use automations::id::{OrganisationId, TicketId, WebhookAction};
use automations::model::event::UnrecognisedReason;
use automations::model::hint::Hint;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, EventKind, tracing};
use std::collections::{BTreeMap, HashMap};

/// The webhook actions whose URL says that the ticket is new.
const CREATIONS: [&str; 1] = ["ticket-created"];

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
        let mut organisations: BTreeMap<OrganisationId, BTreeMap<TicketId, RequestedTicket>> =
            BTreeMap::new();
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
        let mut lists = HashMap::new();
        for hint in messages.iter().map(|message| &message.body).filter(|hint| asks_for_list(hint)) {
            let tickets = organisations.entry(hint.organisation.clone()).or_default();
            if !lists.contains_key(&hint.organisation) {
                let listed = self.list(&hint.organisation, hint, tickets, until).await;
                lists.insert(hint.organisation.clone(), listed);
            }
        }
        let mut results = HashMap::new();
        for (organisation, tickets) in organisations {
            let visited = match MessageError::if_out_of_time(until) {
                Some(late) => Err(late),
                None => self.visit_all(&organisation, &tickets, (now, until), metrics).await,
            };
            results.insert(organisation, visited);
        }
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

fn says_new(action: &WebhookAction) -> bool {
    CREATIONS.contains(&action.as_str())
}
