//! One organisation on a stack: its tickets at the stand-in, its webhooks, what became of them.

use super::Stack;
use crate::stand_in::Payload;
use anyhow::{Context as _, Result, bail};
use automations::Event;
use automations::aws::secret::Kind;
use automations::clock::Timestamp;
use automations::id::{ActionId, OrganisationId, TicketId};
use automations::json::to_json;
use automations::model::check_schedule::CheckSchedule;
use automations::model::diff::Snapshot;
use automations::store::{Done, ItemKey, ItemKind, Known};
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// An organisation with its secrets and its API key.
#[derive(Debug)]
pub struct Organisation<'a> {
    /// The stack that it is on.
    pub stack: &'a Stack,
    /// Its name.
    pub name: String,
    /// What its webhook URLs end in.
    pub webhook_token: String,
    /// What its webhooks hold.
    pub payload: Payload,
}

/// A mutation that came to the stand-in.
#[derive(Debug, Clone, Deserialize)]
pub struct Mutation {
    /// Its field, for example `ticketUpdate`.
    pub mutation: String,
    /// Its variables.
    pub variables: Value,
    /// What it answered; null where it failed.
    pub result: Value,
    /// The header `User-Agent`.
    pub user_agent: String,
    /// The header `Accept-Encoding`.
    pub accept_encoding: String,
    /// Milliseconds since 1970 began.
    pub received_at: u64,
}

impl Stack {
    /// Makes an organisation: at the stand-in, and its three secrets.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn organisation(&self, name: &str) -> Result<Organisation<'_>> {
        let (api_key, token) = self.sign_in(name).await?;
        let endpoint = self.api();
        let webhook_token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let payload = Payload::default();
        let organisation = Organisation { stack: self, name: name.to_owned(), webhook_token, payload };
        let webhook = json!({ "token": organisation.webhook_token });
        organisation.create_secret(Kind::WebhookToken, &webhook).await?;
        organisation
            .create_secret(Kind::ApiKey, &json!({ "endpoint": endpoint, "api_key": api_key }))
            .await?;
        organisation.create_secret(Kind::ApiToken, &json!({ "endpoint": endpoint, "token": token })).await?;
        Ok(organisation)
    }

    /// The organisation that the stack was seeded with.
    pub fn seeded_organisation(&self) -> Organisation<'_> {
        let webhook_token = super::last_part(&self.place.webhook_url, '/');
        let name = self.place.organisation.clone();
        Organisation { stack: self, name, webhook_token, payload: Payload::default() }
    }

    /// A request to the stand-in's control API.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/control/{path}", self.place.salestrekker_url);
        let answer = self.http.request(method, url).json(body).send().await?;
        if !answer.status().is_success() {
            bail!("the stand-in answers {} to {path}: {}", answer.status(), answer.text().await?);
        }
        Ok(answer.json().await?)
    }

    /// The API's address.
    pub fn api(&self) -> String {
        format!("{}/graphql", self.place.salestrekker_url)
    }

    /// An organisation's API key, and a token for it; the organisation is made where there is none.
    async fn sign_in(&self, organisation: &str) -> Result<(String, String)> {
        let known = self.control(Method::POST, "organisations", &json!({ "name": organisation })).await?;
        let api_key = known.get("api_key").and_then(Value::as_str).context("the stand-in gave no API key")?;
        let query = "mutation($key: String!) { authenticate(apiKey: $key) { token } }";
        let body = json!({ "query": query, "variables": { "key": api_key } });
        let answer: Value = self.http.post(self.api()).json(&body).send().await?.json().await?;
        let token = answer.pointer("/data/authenticate/token").and_then(Value::as_str);
        Ok((api_key.to_owned(), token.context("the stand-in gave no token")?.to_owned()))
    }
}

impl Organisation<'_> {
    /// The URL to paste into Salestrekker for this action.
    pub fn webhook_url(&self, action: &str) -> String {
        format!("{}/hooks/{}/{action}/{}", self.stack.ingest_url(), self.name, self.webhook_token)
    }

    /// The name of one of its secrets.
    pub fn secret_name(&self, kind: Kind) -> String {
        format!("{}/{}/{}", self.stack.place.stack, self.name, kind.as_str())
    }

    /// Puts another token into its secret, as rotation does.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn set_token(&self, token: &str) -> Result<()> {
        let value = json!({ "endpoint": self.stack.api(), "token": token }).to_string();
        let request = self.stack.secrets.put_secret_value().secret_id(self.secret_name(Kind::ApiToken));
        request.secret_string(value).send().await.context("a secret cannot be changed")?;
        Ok(())
    }

    /// Puts a fresh token into its secret.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn renew_token(&self) -> Result<()> {
        let (_, token) = self.stack.sign_in(&self.name).await?;
        self.set_token(&token).await
    }

    /// Sends a webhook as Salestrekker probably does: a POST with the ticket's id.
    ///
    /// # Errors
    /// Where it is not accepted.
    pub async fn webhook(&self, action: &str, ticket: &str) -> Result<Value> {
        let shown = match self.payload {
            Payload::Ticket => self.ticket(ticket).await?,
            _ => json!({ "id": ticket }),
        };
        let (content_type, body) = self.payload.body(action, &shown);
        let answer = self.send(Method::POST, &self.webhook_url(action), content_type, body.into()).await?;
        if answer.status() != 202 {
            bail!("the webhook is answered with {}: {}", answer.status(), answer.text().await?);
        }
        Ok(answer.json().await?)
    }

    /// Sends any request.
    ///
    /// # Errors
    /// Where no answer comes.
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

    /// A new ticket at the stand-in; its id.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn new_ticket(&self, mut fields: Value) -> Result<String> {
        fields
            .as_object_mut()
            .context("fields are an object")?
            .insert("organisation".to_owned(), json!(self.name));
        let ticket = self.stack.control(Method::POST, "tickets", &fields).await?;
        Ok(ticket.get("id").and_then(Value::as_str).context("a ticket without an id")?.to_owned())
    }

    /// Changes a ticket at the stand-in, as a person at the screen would.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn change(&self, ticket: &str, fields: Value) -> Result<Value> {
        self.stack.control(Method::PATCH, &format!("tickets/{ticket}"), &fields).await
    }

    /// A ticket at the stand-in.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn ticket(&self, ticket: &str) -> Result<Value> {
        self.stack.control(Method::GET, &format!("tickets/{ticket}"), &json!({})).await
    }

    /// The mutations that came in its name and took effect.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn mutations(&self) -> Result<Vec<Mutation>> {
        let path = format!("mutations?organisation={}", self.name);
        let all: Vec<Mutation> =
            serde_json::from_value(self.stack.control(Method::GET, &path, &json!({})).await?)?;
        Ok(all.into_iter().filter(|mutation| !mutation.result.is_null()).collect())
    }

    /// A ticket's events as journalled, oldest first.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn journal(&self, ticket: &str) -> Result<Vec<Event>> {
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        Ok(self.stack.store().journal_of(&id, &ticket).await?)
    }

    /// What the table knows of a ticket.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn known(&self, ticket: &str) -> Result<Option<Known>> {
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        Ok(self.stack.store().known(&id, std::slice::from_ref(&ticket)).await?.remove(&ticket))
    }

    /// The record of an action of this handler's on an event, where it is done.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn done(&self, event: &Event, handler: &str, position: usize) -> Result<Option<Done>> {
        let action = ActionId::of(&event.id, handler, position)?;
        Ok(self.stack.store().done(&event.organisation, &action).await?)
    }

    /// Lets a ticket be due since long ago, whatever its version.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn let_be_due(&self, ticket: &str) -> Result<()> {
        let Some(known) = self.known(ticket).await? else { return Ok(()) };
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        let long_ago = Timestamp::from_millis(1);
        let interval = Duration::from_hours(1);
        let schedule = CheckSchedule { last_checked: long_ago, next_check: long_ago, interval };
        let version = known.snapshot.ticket.version;
        Ok(self.stack.store().record_check(&id, &ticket, version, schedule).await?)
    }

    /// Lets a ticket have stood in its stage since this moment.
    ///
    /// # Errors
    /// As a request fails, or where the ticket is not known.
    pub async fn let_stand_since(&self, ticket: &str, since: Timestamp) -> Result<()> {
        let known = self.known(ticket).await?.context("an unknown ticket")?;
        let snapshot = Snapshot { stage_since: Some(since), ..known.snapshot };
        let (id, ticket) = (OrganisationId::parse(self.name.as_str())?, TicketId::parse(ticket)?);
        let key = ItemKey::new(&id, ItemKind::Snapshot(ticket)).attributes();
        let request = self.stack.dynamodb.update_item().table_name(&self.stack.place.table);
        let request = request.set_key(Some(key)).update_expression("SET #snapshot = :snapshot");
        let request = request.expression_attribute_names("#snapshot", "snapshot");
        let snapshot = AttributeValue::S(to_json(&snapshot));
        request.expression_attribute_values(":snapshot", snapshot).send().await?;
        Ok(())
    }

    /// Makes a secret by the last part of its name.
    ///
    /// # Errors
    /// As the request fails.
    pub async fn set_secret(&self, last: &str, value: &Value) -> Result<()> {
        let name = format!("{}/{}/{last}", self.stack.place.stack, self.name);
        let request = self.stack.secrets.create_secret().name(name).secret_string(value.to_string());
        request.send().await.context("a secret cannot be created")?;
        Ok(())
    }

    async fn create_secret(&self, kind: Kind, value: &Value) -> Result<()> {
        let request = self.stack.secrets.create_secret().name(self.secret_name(kind));
        request.secret_string(value.to_string()).send().await.context("a secret cannot be created")?;
        Ok(())
    }
}
