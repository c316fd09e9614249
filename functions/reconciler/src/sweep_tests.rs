//! Whole runs, with fakes of DynamoDB and SQS.

use super::*;
use automations::aws::{dynamodb, load, sqs};
use automations::model::check_rounds::Cursor;
use automations::model::check_schedule::{Rhythm, Slice};
use automations::serde_json::{self, Value, json};
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use std::sync::{Arc, Mutex};

/// What the fakes have, and what they got.
#[derive(Debug, Default)]
struct Services {
    cursor: Option<Value>,
    /// The tickets of each partition of an index.
    indexes: BTreeMap<String, Vec<&'static str>>,
    /// The messages in the queue that can be received, and those that wait for their next delivery.
    queue: (u32, u32),
    rejects_hints: bool,
    hints: Vec<Hint>,
    queries: Vec<String>,
}

impl Services {
    fn respond(&mut self, operation: &str, request: &Value) -> Option<Value> {
        Some(match operation {
            "GetItem" => self.cursor.clone().map_or(json!({}), |item| json!({ "Item": item })),
            "PutItem" => {
                self.cursor = request.get("Item").cloned();
                json!({})
            }
            "Query" => self.query(request),
            "GetQueueAttributes" => {
                let (visible, hidden) = self.queue;
                let counts = [("", visible), ("NotVisible", hidden), ("Delayed", 0)];
                let counts =
                    counts.map(|(of, count)| (format!("ApproximateNumberOfMessages{of}"), count.to_string()));
                json!({ "Attributes": BTreeMap::from(counts) })
            }
            "SendMessageBatch" if self.rejects_hints => return None,
            "SendMessageBatch" => {
                let entries = request["Entries"].as_array().unwrap();
                let hint = |entry: &Value| {
                    json::from_json(entry["MessageBody"].as_str().unwrap().as_bytes()).unwrap()
                };
                self.hints.extend(entries.iter().map(hint));
                let accepted = entries
                    .iter()
                    .map(|entry| json!({ "Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "" }));
                json!({ "Successful": accepted.collect::<Vec<_>>(), "Failed": [] })
            }
            other => panic!("{other}"),
        })
    }

    fn query(&mut self, request: &Value) -> Value {
        let values = &request["ExpressionAttributeValues"];
        if values[":pk"]["S"] == "ORGANISATIONS" {
            // Its list query was asked for.
            let at = json!({ "N": "9999999999999" });
            return json!({ "Items": [{ "pk": { "S": "ORGANISATIONS" }, "sk": { "S": "north" }, "listed_at": at }] });
        }
        let index = request["IndexName"].as_str().unwrap_or("table");
        self.queries.push(index.to_owned());
        let sk = if index == "checks" { "SNAPSHOT" } else { "JOURNAL#0000000001" };
        let (part, since) =
            (values[":slot"]["S"].as_str().or(values[":day"]["S"].as_str()), &values[":since"]["N"]);
        let part = part.map(|part| since.as_str().map_or(part.to_owned(), |since| format!("{part} {since}")));
        let tickets = part.and_then(|part| self.indexes.get(&part));
        let row =
            |ticket: &&str| json!({ "pk": { "S": format!("TICKET#north#{ticket}") }, "sk": { "S": sk } });
        json!({ "Items": tickets.into_iter().flatten().map(row).collect::<Vec<_>>() })
    }

    fn tickets(&self) -> BTreeSet<&str> {
        self.hints.iter().filter_map(|hint| Some(hint.ticket.as_ref()?.as_str())).collect()
    }
}

async fn reconciler(services: &Arc<Mutex<Services>>) -> Reconciler {
    let services = Arc::clone(services);
    let router = Router::new().fallback(async move |headers: HeaderMap, body: Bytes| -> Response {
        let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let request: Value = serde_json::from_slice(&body).unwrap();
        let json = [("content-type", "application/x-amz-json-1.0")];
        match services.lock().unwrap().respond(operation, &request) {
            Some(response) => (json, response.to_string()).into_response(),
            None => (StatusCode::BAD_REQUEST, json, r#"{"__type":"AccessDeniedException"}"#).into_response(),
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("ap-southeast-2"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .http_client(load().unwrap().http_client().unwrap())
        .retry_config(RetryConfig::disabled())
        .endpoint_url(&url)
        .build();
    let hints = Queue::new(sqs(&config), format!("{url}/000000000000/hints"));
    Reconciler { store: Store::new(dynamodb(&config), "t".to_owned()), hints, budget: 200 }
}

fn now() -> Timestamp {
    "2026-11-25T09:40:30Z".parse().unwrap()
}

/// The slice whose turn it is.
fn slice() -> Slice {
    Slice::of(now().earlier(Duration::from_mins(10)))
}

/// A table with a ticket in the slot whose turn it is, and one that changed an hour before.
fn services() -> Arc<Mutex<Services>> {
    let an_hour_before = slice().earlier(Duration::from_hours(1)).start();
    let shard = format!("{}#3 {}", an_hour_before.as_seconds() / 86_400, an_hour_before.as_millis());
    let indexes = [(slice().slot(Rhythm::Daily).to_string(), vec!["t-1"]), (shard, vec!["t-2", "t-1"])];
    let services = Services { indexes: indexes.into(), ..Services::default() };
    Arc::new(Mutex::new(services))
}

#[tokio::test]
async fn the_cursor_moves_only_past_what_the_queue_accepted() {
    let services = services();
    let reconciler = reconciler(&services).await;
    reconciler.store.set_cursor(Cursor { slice: slice(), after: None }).await.unwrap();
    let before = services.lock().unwrap().cursor.clone();
    services.lock().unwrap().rejects_hints = true;
    assert!(matches!(reconciler.sweep("r", now()).await, Err(Error::Queue(_))));
    services.lock().unwrap().queue = (200, 0);
    assert!(reconciler.sweep("r", now()).await.unwrap().held_back);
    assert_eq!(services.lock().unwrap().cursor, before, "what was not sent is asked for again");
    {
        let mut services = services.lock().unwrap();
        (services.rejects_hints, services.queue) = (false, (0, 0));
    }
    assert_eq!(reconciler.sweep("r", now()).await.unwrap().hints, 2);
    assert_eq!(services.lock().unwrap().tickets(), BTreeSet::from(["t-1", "t-2"]));
    let moved = reconciler.store.cursor().await.unwrap().unwrap();
    assert_eq!(moved, Cursor { slice: slice().next(), after: None });
    services.lock().unwrap().queries.clear();
    assert_eq!(reconciler.sweep("r", now()).await.unwrap().hints, 0);
    let queries = services.lock().unwrap().queries.clone();
    assert!(
        queries.iter().all(|index| ["table", "due"].contains(&index.as_str())),
        "no turn has come: {queries:?}"
    );
}

#[tokio::test]
async fn a_budget_that_is_used_up_leaves_the_rest_for_the_next_run() {
    let services = services();
    let reconciler = Reconciler { budget: 1, ..reconciler(&services).await };
    reconciler.store.set_cursor(Cursor { slice: slice(), after: None }).await.unwrap();
    let mut hints = Vec::new();
    for _ in 0..3 {
        hints.push(reconciler.sweep("r", now()).await.unwrap().hints);
    }
    assert_eq!(hints, [1, 1, 0]);
    assert_eq!(services.lock().unwrap().tickets(), BTreeSet::from(["t-1", "t-2"]));
}

/// The starvation of the others by an organisation whose credential is refused: its hints fail and wait, and are not in the way.
#[tokio::test]
async fn hints_that_failed_and_wait_hold_back_no_other_organisation() {
    let services = services();
    let reconciler = reconciler(&services).await;
    services.lock().unwrap().queue = (199, 59_999);
    let swept = reconciler.sweep("r", now()).await.unwrap();
    assert!(!swept.held_back && swept.hints > 0, "{swept:?}");
    for queue in [(200, 0), (0, 60_000)] {
        services.lock().unwrap().queue = queue;
        assert!(reconciler.sweep("r", now()).await.unwrap().held_back, "{queue:?}");
    }
}
