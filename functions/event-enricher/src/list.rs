//! Tickets that no webhook named: if a query that lists tickets is configured, those that the table does not know.

use crate::enricher::{Enricher, RequestedTicket, Result};
use automations::clock::Timestamp;
use automations::id::{OrganisationId, TicketId};
use automations::model::hint::Hint;
use automations::telemetry::EventName;
use automations::tracing;
use std::collections::BTreeMap;

/// This many tickets are checked for one hint; the next one finds the rest.
const MAX_LISTED: usize = 500;

fn requested(hint: &Hint) -> RequestedTicket {
    RequestedTicket { cause: hint.cause(), is_new: false, reminder: false }
}

/// Whether a hint asks for the list query, rather than for a ticket.
pub(crate) fn asks_for_list(hint: &Hint) -> bool {
    hint.ticket.is_none() && hint.action.is_none()
}

impl Enricher {
    /// Adds to `tickets` those that the API lists and the table does not know, or knows with events that may be unpublished.
    pub(crate) async fn list(
        &self,
        organisation: &OrganisationId,
        hint: &Hint,
        tickets: &mut BTreeMap<TicketId, RequestedTicket>,
        until: Timestamp,
    ) -> Result<()> {
        let Some(query) = &self.list_query else { return Ok(()) };
        let listed = self.client.session(organisation, until).listed_tickets(query).await?;
        let known = self.store.known(organisation, &listed).await?;
        let (count, mut unknown) = (listed.len(), listed);
        // A crash may have left a ticket that it listed in an earlier attempt with events in its outbox: no other hint is sure to name it.
        unknown.retain(|ticket| match known.get(ticket) {
            Some(Ok(known)) => !known.outbox.is_empty(),
            Some(Err(_)) => false,
            None => true,
        });
        tracing::info!(
            event_name = EventName::TicketsListed.as_str(),
            organisation = organisation.as_str(),
            listed = count,
            unknown = unknown.len(),
            "the list query returned tickets"
        );
        for ticket in unknown.into_iter().take(MAX_LISTED) {
            tickets.entry(ticket).or_insert_with(|| requested(hint));
        }
        Ok(())
    }
}
