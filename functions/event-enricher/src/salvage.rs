//! What the table knows of tickets, with what could be salvaged of items that cannot be read. One such item fails alone.

use crate::enricher::{Enricher, Result};
use automations::aws::batch::MessageError;
use automations::clock::Timestamp;
use automations::failure::Remedy;
use automations::id::{OrganisationId, TicketId};
use automations::store::{Known, Rebuild, Salvaged};
use std::collections::HashMap;
use std::time::Duration;

/// When a ticket is due again whose item only another version of the program can read, or none.
const NEXT_CHECK_OF_UNKNOWN_KIND: Duration = Duration::from_hours(1);
const NEXT_CHECK_OF_LOST: Duration = Duration::from_hours(24);

/// What is known of some tickets. A ticket that is in none of these was never seen.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) known: HashMap<TicketId, Known>,
    /// Tickets whose snapshot is to be rebuilt, each with the error for the case that the API does not know it either.
    pub(crate) rebuilds: HashMap<TicketId, (Rebuild, MessageError)>,
    /// Tickets of which nothing can be said now.
    pub(crate) failed: HashMap<TicketId, MessageError>,
}

impl Enricher {
    /// Reads what the table knows.
    pub(crate) async fn stored(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
        now: Timestamp,
    ) -> Result<Stored> {
        let mut stored = Stored::default();
        for (ticket, read) in self.store.known(organisation, tickets).await? {
            let damaged = match read {
                Ok(known) => {
                    stored.known.insert(ticket, known);
                    continue;
                }
                Err(damaged) => *damaged,
            };
            let unreadable = MessageError::from(damaged.error.clone());
            match self.store.salvage(organisation, &ticket, damaged).await {
                Ok(Salvaged::Known(known)) => {
                    stored.known.insert(ticket, *known);
                }
                Ok(Salvaged::Lost(rebuild)) => {
                    stored.rebuilds.insert(ticket, (rebuild, unreadable));
                }
                Err(error) => {
                    let error = MessageError::from(error);
                    if error.remedy == Remedy::OtherVersion {
                        self.postpone(organisation, &ticket, now.later(NEXT_CHECK_OF_UNKNOWN_KIND)).await;
                    }
                    stored.failed.insert(ticket, error);
                }
            }
        }
        Ok(stored)
    }

    /// The API does not know a ticket whose snapshot is to be rebuilt: its hint fails, and the next check is in a day.
    pub(crate) async fn postpone_lost(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        now: Timestamp,
    ) {
        self.postpone(organisation, ticket, now.later(NEXT_CHECK_OF_LOST)).await;
    }

    async fn postpone(&self, organisation: &OrganisationId, ticket: &TicketId, until: Timestamp) {
        // If this fails, the reconciler sends another hint in a minute, which does no harm.
        let _ = self.store.postpone(organisation, ticket, until).await;
    }
}
