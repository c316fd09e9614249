//! One organisation on a stack: its tickets in the stand-in, its webhooks, its events and actions.

use super::Stack;
use crate::stand_in::Payload;
use anyhow::{Context as _, Result, bail};
use automations::Event;
use automations::aws::secret::{Kind, Rehearsal};
use automations::clock::Timestamp;
use automations::id::{ActionId, OrganisationId, TicketId, WebhookAction};
use automations::json::to_json;
use automations::model::check_schedule::CheckSchedule;
use automations::model::snapshot::Snapshot;
use automations::store::{Done, ItemKey, ItemKind, Known, REFRESH_INTERVAL};
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// An organisation with its secrets and its API key.
#[derive(Debug)]
pub struct Organisation<'a> {
    /// The stack.
    pub stack: &'a Stack,
    /// Its name.
    pub name: String,
    /// The token at the end of its webhook URLs.
    pub webhook_token: String,
    /// The content of its webhooks' bodies.
    pub payload: Payload,
}

/// A mutation that the stand-in received.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutation {
    /// The field, for example `ticketUpdate`.
    pub mutation: String,
    /// The variables.
    pub variables: Value,
    /// The result; null if it failed.
    pub result: Value,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// The header `Accept-Encoding`.
    pub accept_encoding: String,
    /// Milliseconds since 1970.
    pub received_at: u64,
}

impl Stack {
    /// Creates an organisation in the stand-in, and its three secrets.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn organisation(&self, name: &str) -> Result<Organisation<'_>> {
        let (api_key, token) = self.sign_in(name).await?;
        let endpoint = self.api();
        let webhook_token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let payload = Payload::default();
        let organisation = Organisation { stack: self, name: name.to_owned(), webhook_token, payload };
        let webhook = json!({ "token": organisation.webhook_token });
        organisation.create_secret(Kind::WebhookToken, &webhook).await?;
        let accepted = Rehearsal::Accepted;
        let key = json!({ "endpoint": endpoint, "api_key": api_key, "rehearsal": accepted });
        organisation.create_secret(Kind::ApiKey, &key).await?;
        let token = json!({ "endpoint": endpoint, "token": token, "rehearsal": accepted });
        organisation.create_secret(Kind::ApiToken, &token).await?;
        let added = self.store().add_listing(&OrganisationId::parse(name)?).await?;
        known_everywhere(added).await;
        Ok(organisation)
    }

    /// The organisation that the stack was seeded with.
    pub fn seeded_organisation(&self) -> Organisation<'_> {
        let webhook_token = super::last_part(&self.addresses.webhook_url, '/');
        let name = self.addresses.organisation.clone();
        Organisation { stack: self, name, webhook_token, payload: Payload::default() }
    }

    /// A request to the stand-in's control API.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/control/{path}", self.addresses.salestrekker_url);
        let response = self.http.request(method, url).json(body).send().await?;
        if !response.status().is_success() {
            bail!("the stand-in responds {} to {path}: {}", response.status(), response.text().await?);
        }
        Ok(response.json().await?)
    }

    /// The API's URL.
    pub fn api(&self) -> String {
        format!("{}/graphql", self.addresses.salestrekker_url)
    }

    /// An organisation's API key and a token; creates the organisation if it does not exist.
    async fn sign_in(&self, organisation: &str) -> Result<(String, String)> {
        let known = self.control(Method::POST, "organisations", &json!({ "name": organisation })).await?;
        let api_key =
            known.get("api_key").and_then(Value::as_str).context("the stand-in returned no API key")?;
        let query = "mutation($key: String!) { authenticate(apiKey: $key) { token } }";
        let body = json!({ "query": query, "variables": { "key": api_key } });
        let response: Value = self.http.post(self.api()).json(&body).send().await?.json().await?;
        let token = response.pointer("/data/authenticate/token").and_then(Value::as_str);
        Ok((api_key.to_owned(), token.context("the stand-in returned no token")?.to_owned()))
    }
}

impl Organisation<'_> {
    /// The URL to paste into Salestrekker for this action.
    pub fn webhook_url(&self, action: &str) -> String {
        format!("{}/hooks/{}/{action}/{}", self.stack.ingest_url(), self.name, self.webhook_token)
    }

    /// The name of one of its secrets.
    pub fn secret_name(&self, kind: Kind) -> String {
        format!("{}/{}/{}", self.stack.addresses.stack, self.name, kind.as_str())
    }

    /// Stores another token in its secret, as rotation does.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn set_token(&self, token: &str) -> Result<()> {
        let rehearsal = Rehearsal::Accepted;
        let value =
            json!({ "endpoint": self.stack.api(), "token": token, "rehearsal": rehearsal }).to_string();
        let request = self.stack.secrets.put_secret_value().secret_id(self.secret_name(Kind::ApiToken));
        request.secret_string(value).send().await.context("a secret cannot be changed")?;
        Ok(())
    }

    /// Stores a new token in its secret.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn renew_token(&self) -> Result<()> {
        let (_, token) = self.stack.sign_in(&self.name).await?;
        self.set_token(&token).await
    }

    /// Sends a webhook as Salestrekker probably does: a POST with the ticket's id.
    ///
    /// # Errors
    /// If the webhook is not accepted.
    pub async fn webhook(&self, action: &str, ticket: &str) -> Result<Value> {
        let json = match self.payload {
            Payload::Ticket => self.ticket(ticket).await?,
            _ => json!({ "id": ticket }),
        };
        let (content_type, body) = self.payload.body(action, &json);
        let response = self.send(Method::POST, &self.webhook_url(action), content_type, body.into()).await?;
        if response.status() != 202 {
            bail!("the response to the webhook is {}: {}", response.status(), response.text().await?);
        }
        Ok(response.json().await?)
    }

    /// Sends any request.
    ///
    /// # Errors
    /// If there is no response.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<Response> {
        Ok(self
            .stack
            .http
            .request(method, url)
            .header("content-type", content_type)
            .body(body)
            .send()
            .await?)
    }

    /// Creates a ticket in the stand-in; returns its id.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn new_ticket(&self, mut fields: Value) -> Result<String> {
        fields
            .as_object_mut()
            .context("fields must be an object")?
            .insert("organisation".to_owned(), json!(self.name));
        let ticket = self.stack.control(Method::POST, "tickets", &fields).await?;
        Ok(ticket.get("id").and_then(Value::as_str).context("a ticket without an id")?.to_owned())
    }

    /// Changes a ticket in the stand-in, as a person in Salestrekker would.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn change(&self, ticket: &str, fields: Value) -> Result<Value> {
        self.stack.control(Method::PATCH, &format!("tickets/{ticket}"), &fields).await
    }

    /// A ticket in the stand-in.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn ticket(&self, ticket: &str) -> Result<Value> {
        self.stack.control(Method::GET, &format!("tickets/{ticket}"), &json!({})).await
    }

    /// The mutations of this organisation that succeeded.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn mutations(&self) -> Result<Vec<Mutation>> {
        let path = format!("mutations?organisation={}", self.name);
        let all: Vec<Mutation> =
            serde_json::from_value(self.stack.control(Method::GET, &path, &json!({})).await?)?;
        Ok(all.into_iter().filter(|mutation| !mutation.result.is_null()).collect())
    }

    /// A ticket's events in the journal, oldest first.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn journal(&self, ticket: &str) -> Result<Vec<Event>> {
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        Ok(self.stack.store().journal_of(&id, &ticket).await?.events)
    }

    /// A ticket in the table.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn known(&self, ticket: &str) -> Result<Option<Known>> {
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        let known = self.stack.store().known(&id, std::slice::from_ref(&ticket)).await?.remove(&ticket);
        Ok(known.transpose().map_err(|damaged| damaged.error)?)
    }

    /// The record of this handler's action on an event, if it is done.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn done(&self, event: &Event, handler: &str, position: usize) -> Result<Option<Done>> {
        let action = ActionId::of(&event.id, handler, position)?;
        Ok(self.stack.store().done(&event.organisation, &action).await?)
    }

    /// Makes a ticket due for a check, whatever its version.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn make_due(&self, ticket: &str) -> Result<()> {
        let Some(known) = self.known(ticket).await? else { return Ok(()) };
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        let long_ago = Some(Timestamp::from_millis(1));
        let schedule = CheckSchedule { extra: long_ago, ..known.schedule };
        let version = known.snapshot.ticket.version;
        Ok(self.stack.store().reschedule(&id, &ticket, (version, schedule)).await?)
    }

    /// Sets the time since which a ticket is in its stage.
    ///
    /// # Errors
    /// If a request fails, or the ticket is not in the table.
    pub async fn set_stage_since(&self, ticket: &str, since: Timestamp) -> Result<()> {
        let known = self.known(ticket).await?.context("the ticket is not in the table")?;
        let snapshot = Snapshot { stage_since: Some(since), ..known.snapshot };
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        let key = ItemKey::new(&id, ItemKind::Snapshot(ticket)).attributes();
        let request = self.stack.dynamodb.update_item().table_name(&self.stack.addresses.table);
        let request = request.set_key(Some(key)).update_expression("SET #snapshot = :snapshot");
        let request = request.expression_attribute_names("#snapshot", "snapshot");
        let snapshot = AttributeValue::S(to_json(&snapshot));
        request.expression_attribute_values(":snapshot", snapshot).send().await?;
        Ok(())
    }

    /// Creates a secret; `last` is the last part of its name.
    ///
    /// # Errors
    /// If the request fails.
    pub async fn set_secret(&self, last: &str, value: &Value) -> Result<()> {
        let name = format!("{}/{}/{last}", self.stack.addresses.stack, self.name);
        let request = self.stack.secrets.create_secret().name(name).secret_string(value.to_string());
        request.send().await.context("a secret cannot be created")?;
        if last.starts_with("inbound-") {
            let (organisation, action) =
                (OrganisationId::parse(self.name.as_str())?, WebhookAction::parse(last)?);
            known_everywhere(self.stack.store().add_inbound(&organisation, &action).await?).await;
        }
        Ok(())
    }

    async fn create_secret(&self, kind: Kind, value: &Value) -> Result<()> {
        let request = self.stack.secrets.create_secret().name(self.secret_name(kind));
        request.secret_string(value.to_string()).send().await.context("a secret cannot be created")?;
        Ok(())
    }
}

/// Waits until every instance of webhook-ingest has the name that was added to the list, if it is new.
async fn known_everywhere(is_new: bool) {
    if is_new {
        #[expect(clippy::disallowed_methods, reason = "instances read the list at most this often")]
        tokio::time::sleep(REFRESH_INTERVAL).await;
    }
}
