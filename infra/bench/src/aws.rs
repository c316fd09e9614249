//! A fake of the AWS services that accepts every call after a set latency and counts it. An emulator takes tens of
//! milliseconds per operation under load, which would hide the functions' own time. The end-to-end tests check the calls'
//! effects on the emulator.
//!
//! The fake of DynamoDB stores items and ignores conditions: there is no other writer.

use crate::counts::Counts;
use crate::units::write_units;
use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// All services at one address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aws {
    /// Number of calls, by operation.
    pub(crate) calls: Counts,
    /// DynamoDB's read and write units; a read item's size is that of its JSON.
    pub(crate) units: Counts,
    ms: Arc<AtomicU64>,
    items: Arc<Mutex<HashMap<(String, String), Value>>>,
    secrets: Arc<BTreeMap<String, Value>>,
}

impl Aws {
    /// Starts the services with these secrets; returns them and their URL.
    pub(crate) async fn start(secrets: BTreeMap<String, Value>) -> Result<(Self, String)> {
        let aws = Self { secrets: Arc::new(secrets), ..Self::default() };
        let router = Router::new().fallback(respond).layer(DefaultBodyLimit::disable());
        let router = router.with_state(aws.clone());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((aws, address))
    }

    /// Sets the latency of each call.
    pub(crate) fn set_latency(&self, time: Duration) {
        self.ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Deletes all items.
    pub(crate) fn clear(&self) {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn perform(&self, operation: &str, request: &Value) -> Option<Value> {
        let entries = || request.get("Entries").and_then(Value::as_array).into_iter().flatten();
        Some(match operation {
            "GetSecretValue" => {
                let name = request.get("SecretId")?.as_str()?;
                json!({ "Name": name, "SecretString": self.secrets.get(name)?.to_string(), "VersionId": "1" })
            }
            "SendMessageBatch" => {
                let accepted = entries()
                    .map(|entry| json!({ "Id": entry.get("Id"), "MessageId": "m", "MD5OfMessageBody": "" }));
                json!({ "Successful": accepted.collect::<Vec<_>>(), "Failed": [] })
            }
            "BatchGetItem" => {
                let tables = request.get("RequestItems")?.as_object()?.iter();
                let found: Map<String, Value> =
                    tables.map(|(table, wanted)| (table.clone(), self.items(wanted))).collect();
                json!({ "Responses": found, "UnprocessedKeys": {} })
            }
            "GetItem" => {
                self.item(request.get("Key")?).map_or_else(|| json!({}), |item| json!({ "Item": item }))
            }
            "GetQueueAttributes" => json!({ "Attributes": {
                "ApproximateNumberOfMessages": "0",
                "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0",
            } }),
            "Query" => {
                let partition = request.pointer("/ExpressionAttributeValues/:pk/S").and_then(Value::as_str);
                if partition == Some("ORGANISATIONS") {
                    self.listed()
                } else {
                    json!({ "Items": [], "Count": 0 })
                }
            }
            "PutItem" | "UpdateItem" => {
                self.write(request, false);
                json!({})
            }
            "TransactWriteItems" => {
                for item in request.get("TransactItems")?.as_array()?.iter().filter_map(Value::as_object) {
                    item.values().for_each(|write| {
                        self.write(write, true);
                    });
                }
                json!({})
            }
            _ => json!({}),
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

    fn items(&self, wanted: &Value) -> Value {
        let keys = wanted.get("Keys").and_then(Value::as_array).into_iter().flatten();
        keys.filter_map(|key| self.item(key)).collect()
    }

    fn item(&self, key: &Value) -> Option<Value> {
        // A consistent read costs one unit per 4 KiB. A missing item costs as much as a small one.
        let item = self.items.lock().unwrap_or_else(PoisonError::into_inner).get(&primary_key(key)?).cloned();
        let bytes = item.as_ref().map_or(1, |item| item.to_string().len());
        self.units.add("read", u64::try_from(bytes.div_ceil(4_096)).unwrap_or(u64::MAX));
        item
    }

    /// Performs a put, or an update of the form `SET a = :x, #b = :y REMOVE c`, and counts its units.
    fn write(&self, request: &Value, is_in_transaction: bool) -> Option<()> {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let key = request.get("Item").or_else(|| request.get("Key"))?;
        let (position, before) = (primary_key(key)?, items.get(&primary_key(key)?).cloned());
        let after = match request.get("Item") {
            Some(item) => item.clone(),
            None => updated(before.as_ref().unwrap_or(key), request)?,
        };
        self.units.add("write", write_units(before.as_ref(), &after, is_in_transaction));
        items.insert(position, after);
        Some(())
    }
}

fn updated(before: &Value, request: &Value) -> Option<Value> {
    let mut item = before.clone();
    let names = request.get("ExpressionAttributeNames");
    let values = request.get("ExpressionAttributeValues")?;
    let update = request.get("UpdateExpression")?.as_str()?.strip_prefix("SET ")?;
    let (set, removed) = update.split_once(" REMOVE ").unwrap_or((update, ""));
    for name in removed.split(", ") {
        item.as_object_mut()?.remove(name);
    }
    for change in set.split(", ") {
        let (name, value) = change.split_once(" = ")?;
        let name = names.and_then(|names| names.get(name)?.as_str()).unwrap_or(name);
        item.as_object_mut()?.insert(name.to_owned(), values.get(value)?.clone());
    }
    Some(item)
}

fn primary_key(key: &Value) -> Option<(String, String)> {
    let part = |name: &str| Some(key.get(name)?.get("S")?.as_str()?.to_owned());
    Some((part("pk")?, part("sk")?))
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
        return ([(header::CONTENT_TYPE, "text/xml")], published(&form)).into_response();
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let json = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match aws.perform(&operation, &request) {
        Some(response) => (json, response.to_string()).into_response(),
        None => (StatusCode::BAD_REQUEST, json, json!({ "__type": "ResourceNotFoundException" }).to_string())
            .into_response(),
    }
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
    fn a_query_of_an_index_finds_nothing_and_one_of_the_organisations_finds_their_names() {
        let secrets = BTreeMap::from([("bench/acme/webhook-token".to_owned(), json!({}))]);
        let aws = Aws { secrets: Arc::new(secrets), ..Aws::default() };
        let found = |name: &str, value: &str| {
            let values = json!({ name: { "S": value } });
            aws.perform("Query", &json!({ "ExpressionAttributeValues": values })).unwrap()["Items"].clone()
        };
        assert_eq!(found(":shard", "3"), json!([]));
        assert_eq!(found(":pk", "SNAPSHOT"), json!([]));
        assert_eq!(found(":pk", "ORGANISATIONS")[0]["sk"]["S"], "acme");
    }

    #[test]
    fn what_a_transaction_put_and_an_update_set_is_read_back() {
        let aws = Aws::default();
        let key = json!({ "pk": { "S": "p" }, "sk": { "S": "s" } });
        let item = json!({ "pk": { "S": "p" }, "sk": { "S": "s" }, "outbox": { "S": "full" }, "unpublished": { "N": "1" } });
        aws.perform("TransactWriteItems", &json!({ "TransactItems": [{ "Put": { "Item": item } }] }));
        let update = json!({
            "Key": key,
            "UpdateExpression": "SET #o = :empty, next_check = :next REMOVE unpublished, unpublished_since",
            "ExpressionAttributeNames": { "#o": "outbox" },
            "ExpressionAttributeValues": { ":empty": { "S": "[]" }, ":next": { "N": "7" } },
        });
        aws.perform("TransactWriteItems", &json!({ "TransactItems": [{ "Update": update }] }));
        let read =
            aws.perform("BatchGetItem", &json!({ "RequestItems": { "t": { "Keys": [key] } } })).unwrap();
        let item = read.pointer("/Responses/t/0").unwrap();
        assert_eq!((&item["outbox"]["S"], &item["next_check"]["N"]), (&json!("[]"), &json!("7")));
        assert!(item.get("unpublished").is_none(), "{item}");
    }
}
