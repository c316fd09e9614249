//! An organisation with a Salestrekker client, as a function uses it.

use anyhow::{Context as _, Result};
use automations::aws::secret::Secrets;
use automations::clock::{self, Timestamp};
use automations::failure::Failure as _;
use automations::id::{OrganisationId, TicketId};
use automations::private::Private;
use automations::salestrekker::{Client, Error, FullTicket, Limits, NewTicket, Session};
use end_to_end::stack::{Organisation, Stack};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// An organisation and its client.
pub(crate) struct ClientFixture<'a> {
    pub(crate) organisation: Organisation<'a>,
    pub(crate) id: OrganisationId,
    pub(crate) client: Client,
}

impl<'a> ClientFixture<'a> {
    pub(crate) async fn new(stack: &'a Stack, name: &str, limits: Limits) -> Result<Self> {
        let secrets = Secrets::new(stack.secrets.clone(), stack.addresses.stack.clone());
        let (id, client) = (OrganisationId::parse(name)?, Client::new(secrets, limits)?);
        Ok(Self { organisation: stack.organisation(name).await?, id, client })
    }

    /// A session that ends after this many seconds.
    pub(crate) fn session(&self, seconds: u64) -> Session<'_> {
        self.client.session(&self.id, in_seconds(seconds))
    }

    /// Injects a fault into this organisation's next requests whose document contains `on`.
    pub(crate) async fn fault(&self, on: &str, times: u32, is: Value) -> Result<()> {
        let fault = json!([{ "organisation": self.organisation.name, "on": on, "times": times, "is": is }]);
        self.organisation.stack.control(Method::POST, "faults", &fault).await.map(drop)
    }

    pub(crate) async fn ticket(&self) -> Result<TicketId> {
        Ok(TicketId::parse(self.organisation.new_ticket(json!({})).await?)?)
    }

    /// The input of `ticketCreate` for a ticket like this one.
    pub(crate) async fn like(&self, id: &TicketId) -> Result<NewTicket> {
        let FullTicket { id_owner, id_workflow, id_stage, .. } = self.session(20).ticket(id).await?;
        Ok(NewTicket {
            id_owner: id_owner.context("no owner")?,
            id_workflow: id_workflow.context("no workflow")?,
            id_stage: id_stage.context("no stage")?,
            id_clients: Vec::new(),
            is_active: true,
            name: Private::new("Citizen".to_owned()),
            ticket_client_types: Vec::new(),
            once_off: 1.into(),
            description: Some(Private::new("a follow-up".to_owned())),
        })
    }

    pub(crate) async fn mutations(&self, name: &str) -> Result<usize> {
        let all = self.organisation.mutations().await?;
        Ok(all.iter().filter(|mutation| mutation.mutation == name).count())
    }
}

pub(crate) fn in_seconds(seconds: u64) -> Timestamp {
    clock::now().later(Duration::from_secs(seconds))
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> &'static str {
    result.map_or_else(|error| error.reason().as_str(), |_| "no error")
}
