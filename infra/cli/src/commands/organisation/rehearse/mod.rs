//! `automations organisation rehearse`: learns on one test deal how the API behaves, before anything is written for a client.

mod command;
mod difference;
mod finding;
mod steps;
mod webhooks;

pub(super) use command::{Arguments, run};
use finding::Finding;
pub use finding::{Answered, Rehearsed};
pub use steps::Person;
pub use webhooks::Patience;
use webhooks::Watching;

use super::Organisations;
use anyhow::Result;
use automations::aws::secret::{Rehearsal, Secrets};
use automations::clock;
use automations::id::{OrganisationId, TicketId};
use automations::salestrekker::{Client, Limits};
use std::time::Duration;

/// The longest that the requests of a rehearsal may take together.
const LONGEST: Duration = Duration::from_mins(4);
/// The longest that its watch of webhooks may take.
const LONGEST_WATCH: Duration = Duration::from_mins(10);

impl Organisations {
    /// Rehearses on this ticket, restores what it changed, stores whether it passed, and watches its webhooks if a person is there.
    ///
    /// # Errors
    /// If the ticket cannot be read, or a request to AWS fails; what the API does is in the result.
    pub async fn rehearse(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        foreign: Option<&TicketId>,
        person: &mut impl Person,
        patience: Patience,
    ) -> Result<Rehearsed> {
        let client = Client::new(Secrets::new(self.secrets.clone(), self.stack.clone()), Limits::default())?;
        let session = client.session(organisation, clock::now().later(LONGEST));
        let mut rehearsed = steps::rehearse(session, ticket, foreign, person).await?;
        let verdict = if rehearsed.passed() { Rehearsal::Passed } else { Rehearsal::Missing };
        self.set_rehearsal(organisation, verdict).await?;
        let longest = clock::now().later(LONGEST_WATCH);
        let session = client.session(organisation, longest);
        let mut watching = Watching { organisations: self, organisation, session, ticket, patience, person };
        if let Err(error) = watching.rehearse(&mut rehearsed).await {
            rehearsed.add("webhooks", Answered::Note, format!("could not be watched: {error:#}"));
        }
        Ok(rehearsed)
    }
}
