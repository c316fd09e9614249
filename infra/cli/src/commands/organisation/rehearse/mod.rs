//! `automations organisation rehearse`: learns on one test deal how the API behaves, before anything is written for a client.

mod command;
mod difference;
mod finding;
mod steps;

pub(super) use command::{Arguments, run};
use finding::Finding;
pub use finding::{Answered, Rehearsed};
pub use steps::Person;

use super::Organisations;
use anyhow::Result;
use automations::aws::secret::{Rehearsal, Secrets};
use automations::clock;
use automations::id::{OrganisationId, TicketId};
use automations::salestrekker::{Client, Limits};
use std::time::Duration;

/// The longest that the requests of a rehearsal may take together.
const LONGEST: Duration = Duration::from_mins(4);

impl Organisations {
    /// Rehearses on this ticket, restores what it changed, and stores whether it passed.
    ///
    /// # Errors
    /// If the ticket cannot be read, or a request to AWS fails; what the API does is in the result.
    pub async fn rehearse(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        foreign: Option<&TicketId>,
        person: &mut impl Person,
    ) -> Result<Rehearsed> {
        let client = Client::new(Secrets::new(self.secrets.clone(), self.stack.clone()), Limits::default())?;
        let session = client.session(organisation, clock::now().later(LONGEST));
        let rehearsed = steps::rehearse(session, ticket, foreign, person).await?;
        let verdict = if rehearsed.passed() { Rehearsal::Passed } else { Rehearsal::Missing };
        self.set_rehearsal(organisation, verdict).await?;
        Ok(rehearsed)
    }
}
