//! What `automations organisation rehearse` asks of an API that has no description: the shape of its answers, and everything
//! that can be read of one ticket.

use super::document::{CONTACT, Document, LABELS, TICKET};
use super::graphql_error::THROTTLING_CODES;
use super::operations::ticket_update;
use super::transport::Transport;
use super::{Error, FullTicket, Session};
use crate::endpoint::Endpoint;
use crate::id::{StageId, TicketId};
use crate::json;
use crate::private::Private;
use futures::future::join_all;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// An id that no ticket, no contact and no stage has.
const NO_ID: &str = "00000000-0000-4000-8000-000000000000";

/// A request whose answer is looked at, and not its data.
#[derive(Debug)]
pub enum Probe<'a> {
    /// A token that the API never issued.
    InvalidToken,
    /// A ticket that does not exist.
    UnknownTicket,
    /// A ticket of another organisation.
    ForbiddenTicket(&'a TicketId),
    /// An update of this ticket to a stage that does not exist.
    BadValue(&'a FullTicket),
}

/// The shape of an answer: nothing that the vendor wrote in words, and no data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The HTTP status; none if there was no response.
    pub status: Option<u16>,
    /// What the body has.
    pub content: Content,
    /// The codes of its errors, if they look like codes.
    pub codes: Vec<String>,
    /// Whether it has the header `Retry-After`.
    pub has_retry_after: bool,
}

/// What a body has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// It is not GraphQL.
    NotGraphql,
    /// Data that is not null.
    Data,
    /// Data that is not null, and errors.
    DataAndErrors,
    /// Errors and no data.
    Errors,
    /// Neither data nor errors.
    Nothing,
}

impl Answer {
    /// Whether the API asks for fewer requests.
    pub fn is_throttled(&self) -> bool {
        self.status == Some(429) || self.codes.iter().any(|code| THROTTLING_CODES.contains(&code.as_str()))
    }

    fn of(status: Option<u16>, has_retry_after: bool, body: &[u8]) -> Self {
        let body: Option<Value> = json::from_json(body).ok();
        let errors = body.as_ref().and_then(|body| body.get("errors")).and_then(Value::as_array);
        let data = body.as_ref().and_then(|body| body.get("data"));
        let is_code = |code: &&str| {
            code.len() <= 60 && code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        };
        let code =
            |error: &Value| error.pointer("/extensions/code")?.as_str().filter(is_code).map(str::to_owned);
        // A list of nulls has none of what was asked for.
        let is_something =
            |value: &Value| value.as_object().is_some_and(|fields| !fields.values().all(Value::is_null));
        let has_errors = errors.is_some_and(|errors| !errors.is_empty());
        let content = match (data.is_some_and(is_something), has_errors) {
            _ if errors.is_none() && data.is_none() => Content::NotGraphql,
            (true, false) => Content::Data,
            (true, true) => Content::DataAndErrors,
            (false, true) => Content::Errors,
            (false, false) => Content::Nothing,
        };
        Self {
            status,
            content,
            codes: errors.into_iter().flatten().filter_map(code).collect(),
            has_retry_after,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(status) = self.status else { return f.write_str("no response") };
        let content = match self.content {
            Content::NotGraphql => "not GraphQL",
            Content::Data => "data",
            Content::DataAndErrors => "data and errors",
            Content::Errors => "errors",
            Content::Nothing => "nothing",
        };
        write!(f, "HTTP {status}, {content}")?;
        if !self.codes.is_empty() {
            write!(f, " ({})", self.codes.join(", "))?;
        }
        f.write_str(if self.has_retry_after { ", Retry-After" } else { "" })
    }
}

impl Transport {
    /// Sends a document and looks at the shape of the answer.
    async fn shape(
        &self,
        endpoint: &Endpoint,
        token: &SecretString,
        document: &Document,
        variables: &Value,
        time: Duration,
    ) -> Answer {
        let Ok(response) = self.post(endpoint, Some(token), document, variables, time).send().await else {
            return Answer::of(None, false, b"");
        };
        let (status, has_retry_after) =
            (response.status().as_u16(), response.headers().contains_key("retry-after"));
        let body = response.bytes().await.unwrap_or_default();
        Answer::of(Some(status), has_retry_after, &body)
    }
}

impl Session<'_> {
    /// The shape of the answer to a probe.
    ///
    /// # Errors
    /// If the organisation's token cannot be read, or the ticket lacks what an update must send.
    pub async fn probe(&self, probe: &Probe<'_>) -> Result<Answer, Error> {
        let token = self.client.secrets.api_token(self.organisation).await?;
        let ticket = |id: &str| (TICKET.batch(1), json!({ "id0": id }));
        let (document, variables) = match probe {
            Probe::InvalidToken | Probe::UnknownTicket => ticket(NO_ID),
            Probe::ForbiddenTicket(id) => ticket(id.as_str()),
            Probe::BadValue(before) => {
                let mut bad = FullTicket::clone(before);
                bad.id_stage = StageId::parse(NO_ID).ok();
                let filled = ticket_update(bad)?;
                (filled.document, filled.variables)
            }
        };
        let dropped = self.client.dropped_fields.of(self.organisation);
        let document = document.without(&dropped);
        let invalid = SecretString::from("e30.e30.invalid");
        let token_sent = if matches!(probe, Probe::InvalidToken) { &invalid } else { &token.token };
        let transport = &self.client.transport;
        let time = transport.limits().request();
        Ok(transport.shape(&token.endpoint, token_sent, &document, &variables, time).await)
    }

    /// The answers to this number of harmless queries at once.
    ///
    /// # Errors
    /// If the organisation's token cannot be read.
    pub async fn burst(&self, queries: usize) -> Result<Vec<Answer>, Error> {
        let token = self.client.secrets.api_token(self.organisation).await?;
        let transport = &self.client.transport;
        let (variables, time) = (json!({}), transport.limits().request());
        let all =
            (0..queries).map(|_| transport.shape(&token.endpoint, &token.token, &LABELS, &variables, time));
        Ok(join_all(all).await)
    }

    /// The inferred fields that the API lacks: what one read of a ticket and of a contact that do not exist shows.
    ///
    /// # Errors
    /// If a whole request fails.
    pub async fn missing_fields(&self) -> Result<Vec<String>, Error> {
        // The result of an id that nothing has is its own, whatever it is.
        self.request_each::<IgnoredAny>(&TICKET, &[NO_ID]).await?;
        self.request_each::<IgnoredAny>(&CONTACT, &[NO_ID]).await?;
        Ok(self.dropped_fields())
    }

    /// The inferred fields that the API has shown not to have.
    pub fn dropped_fields(&self) -> Vec<String> {
        self.client.dropped_fields.of(self.organisation).into_iter().collect()
    }

    /// Everything that can be read of a ticket by one query: what an introspection of the schema shows, three levels deep; without
    /// one, what the documents read.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none; else the request's error.
    pub async fn whole_view(&self, id: &TicketId, schema: Option<&Value>) -> Result<Private<Value>, Error> {
        if let Some(selection) = schema.and_then(selection) {
            let text = format!("query Ticket($id: ID!) {{\n  result: ticket(id: $id) {selection}\n}}\n");
            let found = self.request_each::<Value>(&Document::of_handler(text), &[id.as_str()]).await?;
            if let Some(Ok(Some(view))) = found.into_iter().next() {
                return Ok(Private::new(view));
            }
        }
        let ticket = self.ticket(id).await?;
        let mut view = serde_json::to_value(ticket).unwrap_or_default();
        // Nothing that an automation depends on: a view without it is a view.
        if let (Some(fields), Ok(extras)) = (view.as_object_mut(), self.ticket_extras_as_received(id).await) {
            fields.extend(extras.reveal().clone());
        }
        Ok(Private::new(view))
    }
}

/// Nested deeper than this, nothing is looked at.
const MAX_DEPTH: u32 = 3;

/// A selection of everything of the type that the query `ticket` returns, from an introspection.
fn selection(schema: &Value) -> Option<String> {
    let schema = schema.pointer("/data/__schema")?;
    let query = schema.pointer("/queryType/name")?.as_str()?;
    let ticket = fields_of(schema, query)?.iter().find(|field| is_named(field, "ticket"))?;
    select(schema, named_type(ticket.get("type")?)?, MAX_DEPTH)
}

fn select(schema: &Value, kind: &str, depth: u32) -> Option<String> {
    let fields = fields_of(schema, kind)?;
    let is_required =
        |argument: &Value| argument.pointer("/type/kind").is_some_and(|kind| kind == "NON_NULL");
    let needs_nothing = |field: &&Value| {
        field.get("args").and_then(Value::as_array).is_none_or(|arguments| !arguments.iter().any(is_required))
    };
    let selected = fields.iter().filter(needs_nothing).filter_map(|field| {
        let (name, kind) = (field.get("name")?.as_str()?, named_type(field.get("type")?)?);
        match fields_of(schema, kind) {
            None => Some(name.to_owned()),
            Some(_) if depth == 0 => None,
            Some(_) => Some(format!("{name} {}", select(schema, kind, depth.saturating_sub(1))?)),
        }
    });
    let selected: Vec<String> = selected.collect();
    (!selected.is_empty()).then(|| format!("{{ {} }}", selected.join(" ")))
}

/// The fields of an object type; `None` for a leaf.
fn fields_of<'a>(schema: &'a Value, kind: &str) -> Option<&'a Vec<Value>> {
    let types = schema.get("types")?.as_array()?;
    types.iter().find(|one| is_named(one, kind))?.get("fields")?.as_array()
}

fn is_named(value: &Value, name: &str) -> bool {
    value.get("name").is_some_and(|own| own == name)
}

fn named_type(kind: &Value) -> Option<&str> {
    kind.get("name").and_then(Value::as_str).or_else(|| named_type(kind.get("ofType")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_shape_and_none_of_the_vendors_words() {
        let answer = |status, body: &str| Answer::of(Some(status), false, body.as_bytes()).to_string();
        assert_eq!(answer(200, r#"{"data": {"a0": {"id": "t"}}}"#), "HTTP 200, data");
        let denied = r#"{"data": {"a0": null}, "errors": [{"message": "no Jane", "extensions": {"code": "FORBIDDEN"}}]}"#;
        assert_eq!(answer(200, denied), "HTTP 200, errors (FORBIDDEN)");
        assert_eq!(
            answer(400, r#"{"errors": [{"message": "x", "extensions": {"code": "Jane Citizen"}}]}"#),
            "HTTP 400, errors"
        );
        assert_eq!(answer(200, r#"{"data": {"a0": null}}"#), "HTTP 200, nothing");
        assert_eq!(answer(502, "<html>Jane"), "HTTP 502, not GraphQL");
        assert_eq!(Answer::of(None, false, b"").to_string(), "no response");
        assert!(Answer::of(Some(429), true, b"").is_throttled());
    }

    #[test]
    fn everything_of_a_ticket_that_needs_no_argument_is_selected() {
        let of = |kind: &str| json!({ "kind": "SCALAR", "name": kind });
        let list = |kind: &str| json!({ "kind": "LIST", "ofType": { "kind": "NON_NULL", "ofType": { "name": kind } } });
        let field = |name: &str, kind: Value| json!({ "name": name, "args": [], "type": kind });
        let needs =
            json!({ "name": "page", "args": [{ "type": { "kind": "NON_NULL" } }], "type": of("String") });
        let schema = json!({ "data": { "__schema": { "queryType": { "name": "Q" }, "types": [
            { "name": "Q", "fields": [field("ticket", of("Deal"))] },
            { "name": "Deal", "fields": [field("id", of("ID")), field("custom", list("Custom")), needs, field("deal", of("Deal"))] },
            { "name": "Custom", "fields": [field("key", of("String"))] },
            { "name": "ID", "fields": null }, { "name": "String", "fields": null },
        ] } } });
        let three = "{ id custom { key } deal { id custom { key } deal { id custom { key } deal { id } } } }";
        assert_eq!(selection(&schema).as_deref(), Some(three));
        assert_eq!(selection(&json!({})), None);
    }
}
