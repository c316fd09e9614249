//! A fake of the AWS services that accepts every call after a set latency and counts it. An emulator takes tens of
//! milliseconds per operation under load, which would hide the functions' own time. The end-to-end tests check the calls'
//! effects on the emulator.

mod table;

use crate::counts::Counts;
use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use table::Table;
use tokio::net::TcpListener;

/// All services at one address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aws {
    /// Number of calls, by operation.
    pub(crate) calls: Counts,
    /// Number of calls that the fake cannot perform, by operation: what they would have cost is not counted.
    pub(crate) rejected: Counts,
    table: Table,
    sent: Arc<Mutex<Sent>>,
    ms: Arc<AtomicU64>,
    secrets: Arc<BTreeMap<String, Value>>,
}

/// What SQS and SNS accepted.
#[derive(Debug, Default)]
struct Sent {
    messages: Vec<Message>,
    published_at: Option<Instant>,
}

/// A message that a queue or the topic accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The message.
    pub(crate) body: String,
    /// Its message group; empty on a standard queue.
    pub(crate) group: String,
}

impl Aws {
    /// Starts the services with these secrets; returns them and their address.
    pub(crate) async fn start(secrets: BTreeMap<String, Value>) -> Result<(Self, SocketAddr)> {
        let aws = Self { secrets: Arc::new(secrets), ..Self::default() };
        let router = Router::new().fallback(respond).layer(DefaultBodyLimit::disable());
        let router = router.with_state(aws.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((aws, address))
    }

    /// Sets the latency of each call.
    pub(crate) fn set_latency(&self, time: Duration) {
        self.ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Deletes all items.
    pub(crate) fn clear(&self) {
        self.table.clear();
    }

    /// DynamoDB's units since the last call: `write`, and `read` in halves.
    pub(crate) fn take_units(&self) -> BTreeMap<String, u64> {
        self.table.units.take()
    }

    /// The messages that were accepted since the last call, in their order.
    pub(crate) fn take_messages(&self) -> Vec<Message> {
        std::mem::take(&mut self.sent().messages)
    }

    /// When the topic last accepted something.
    pub(crate) fn published_at(&self) -> Option<Instant> {
        self.sent().published_at
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn perform(&self, operation: &str, request: &Value) -> Option<Value> {
        Some(match operation {
            "GetSecretValue" => {
                let name = request.get("SecretId")?.as_str()?;
                json!({ "Name": name, "SecretString": self.secrets.get(name)?.to_string(), "VersionId": "1" })
            }
            "SendMessageBatch" => {
                let entries = request.get("Entries")?.as_array()?;
                let text = |entry: &Value, name| entry.get(name).and_then(Value::as_str).map(str::to_owned);
                self.sent().messages.extend(entries.iter().filter_map(|entry| {
                    let group = text(entry, "MessageGroupId").unwrap_or_default();
                    Some(Message { body: text(entry, "MessageBody")?, group })
                }));
                let accepted = entries
                    .iter()
                    .map(|entry| json!({ "Id": entry.get("Id"), "MessageId": "m", "MD5OfMessageBody": "" }));
                json!({ "Successful": accepted.collect::<Vec<_>>(), "Failed": [] })
            }
            "GetQueueAttributes" => json!({ "Attributes": {
                "ApproximateNumberOfMessages": "0",
                "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0",
            } }),
            "Query" if is_of_organisations(request) => self.listed(),
            _ => return self.table.perform(operation, request),
        })
    }

    /// The list of organisations: those with a webhook token, and their inbound webhooks. Their list query is not due.
    fn listed(&self) -> Value {
        let items = self.secrets.keys().filter_map(|name| {
            let organisation = name.strip_suffix("/webhook-token")?;
            let own = self.secrets.keys().filter_map(|it| it.strip_prefix(organisation)?.strip_prefix('/'));
            let inbound: Vec<&str> = own.filter(|last| last.starts_with("inbound-")).collect();
            let (_, organisation) = organisation.rsplit_once('/')?;
            Some(json!({
                "pk": { "S": "ORGANISATIONS" },
                "sk": { "S": organisation },
                "listed_at": { "N": "9999999999999" },
                "inbound": { "SS": inbound },
            }))
        });
        json!({ "Items": items.collect::<Vec<_>>() })
    }
}

fn is_of_organisations(query: &Value) -> bool {
    query.pointer("/ExpressionAttributeValues/:pk/S").is_some_and(|pk| pk == "ORGANISATIONS")
}

async fn respond(State(aws): State<Aws>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    // SNS takes a form instead.
    let form: Vec<_> = if target.is_empty() { form_urlencoded::parse(&body).collect() } else { Vec::new() };
    let action = form.iter().find(|(name, _)| name == "Action").map(|(_, action)| action.to_string());
    let operation = action.unwrap_or_else(|| target.rsplit('.').next().unwrap_or_default().to_owned());
    aws.calls.add(&operation, 1);
    crate::counts::pause(Duration::from_millis(aws.ms.load(Ordering::Relaxed))).await;
    if operation == "PublishBatch" {
        let mut sent = aws.sent();
        sent.messages.extend(messages(&form));
        sent.published_at = Some(Instant::now());
        return ([(header::CONTENT_TYPE, "text/xml")], published(&form)).into_response();
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    if let Some(response) = aws.perform(&operation, &request) {
        return (json, response.to_string()).into_response();
    }
    // A secret that does not exist is a response; anything else would be missing from the counts.
    if operation != "GetSecretValue" {
        aws.rejected.add(&operation, 1);
    }
    let error = json!({ "__type": "ResourceNotFoundException" });
    (StatusCode::BAD_REQUEST, json, error.to_string()).into_response()
}

/// The messages of a batch for the topic, in their order.
fn messages(form: &[(Cow<'_, str>, Cow<'_, str>)]) -> Vec<Message> {
    let value = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.to_string());
    let fields = form.iter().filter_map(|(name, body)| Some((name.strip_suffix(".Message")?, body)));
    fields
        .map(|(entry, body)| Message {
            body: body.to_string(),
            group: value(&format!("{entry}.MessageGroupId")).unwrap_or_default(),
        })
        .collect()
}

/// SNS accepts every entry.
fn published(form: &[(Cow<'_, str>, Cow<'_, str>)]) -> String {
    let ids = form.iter().filter(|(name, _)| name.ends_with(".Id")).map(|(_, id)| id);
    let entries = ids.map(|id| format!("<member><Id>{id}</Id><MessageId>m</MessageId></member>"));
    let successful = entries.collect::<String>();
    format!(
        "<PublishBatchResponse><PublishBatchResult><Successful>{successful}</Successful><Failed/></PublishBatchResult></PublishBatchResponse>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_queue_and_the_topic_accept_is_there_to_be_delivered() {
        let aws = Aws::default();
        let entry = json!({ "Id": "0", "MessageBody": "b", "MessageGroupId": "g" });
        let accepted = aws.perform("SendMessageBatch", &json!({ "Entries": [entry] })).unwrap();
        assert_eq!(accepted["Successful"][0]["Id"], "0");
        let message = |body: &str, group: &str| Message { body: body.to_owned(), group: group.to_owned() };
        assert_eq!(aws.take_messages(), [message("b", "g")]);
        let fields = [("member.1.Id", "1"), ("member.1.Message", "m"), ("member.1.MessageGroupId", "g")];
        let form = fields.map(|(name, value)| (name.into(), value.into()));
        assert_eq!(messages(&form), [message("m", "g")]);
    }
}
