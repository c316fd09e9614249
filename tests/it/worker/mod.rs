//! What action-worker asks for, and in which order: its library with the Salestrekker stand-in and a table, without a deployed stack.

mod batches;
mod creates;
mod fates;
mod paused;
mod slow;
mod table;

use action_worker::{Invocation, Looks, Worker};
use anyhow::{Context as _, Result};
use automations::aws::batch::SourceQueue;
use automations::aws::secret::Secrets;
use automations::aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use automations::json::{from_json, to_json};
use automations::model::action::PlannedAction;
use automations::model::speed::Speed;
use automations::notice::{Links, Notices};
use automations::salestrekker::{Client, Limits};
use automations::store::{Done, Outcome, Pauses, Store};
use automations::telemetry::metric::SourceKind;
use automations::{aws, clock};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use end_to_end::stand_in;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use table::{Aws, text};
use tokio::net::TcpListener;

/// An instance of the worker, and what is around it.
struct Fixture {
    worker: Worker,
    source: SourceQueue,
    aws: Aws,
    api: Api,
    address: String,
    http: reqwest::Client,
}

/// The requests of the worker to Salestrekker, and how far away that is.
#[derive(Clone, Default)]
struct Api {
    requests: Arc<AtomicU64>,
    ms: Arc<AtomicU64>,
}

impl Fixture {
    async fn new() -> Result<Self> {
        let api = Api::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = stand_in::server().layer(from_fn_with_state(api.clone(), far_away));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build()?;
        let known =
            control(&http, &address, Method::POST, "organisations", &json!({ "name": "north" })).await?;
        let query = "mutation($key: String!) { authenticate(apiKey: $key) { token } }";
        let body = json!({ "query": query, "variables": { "key": known["api_key"] } });
        let endpoint = format!("{address}/graphql");
        let signed_in: Value = http.post(&endpoint).json(&body).send().await?.json().await?;
        let token = &signed_in["data"]["authenticate"]["token"];
        let secret = json!({ "endpoint": endpoint, "token": token, "rehearsal": "accepted" });
        let (aws, config) = Aws::start(&secret).await?;
        let secrets = || Secrets::new(aws::secrets_manager(&config), "a".to_owned());
        let links =
            Links { ticket: "https://{host}/{ticket}".parse()?, board: "https://{host}/{workflow}".parse()? };
        let worker = Worker {
            client: Client::new(secrets(), Limits::default())?,
            store: Store::new(aws::dynamodb(&config), "a-store".to_owned()),
            pauses: Pauses::new(Store::new(aws::dynamodb(&config), "a-store".to_owned())),
            secrets: secrets(),
            notices: Notices::new(secrets(), links)?,
            looks: Looks::default(),
            speed: Speed::default(),
        };
        let queue = |name: &str| format!("http://127.0.0.1/{name}.fifo");
        let name = "action-worker".to_owned();
        let source =
            SourceQueue::new(aws::sqs(&config), SourceKind::Actions, name, queue("q"), queue("dead"));
        let fixture = Self { worker, source, aws, api, address, http };
        for label in 0..10 {
            fixture.post("duplicates/north", &json!({ "label": format!("l{label}") })).await?;
        }
        Ok(fixture)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        control(&self.http, &self.address, Method::POST, path, body).await
    }

    async fn new_ticket(&self) -> Result<String> {
        let ticket = self.post("tickets", &json!({ "organisation": "north", "stage": "Approved" })).await?;
        Ok(ticket["id"].as_str().context("no id")?.to_owned())
    }

    async fn ticket(&self, id: &str) -> Result<Value> {
        control(&self.http, &self.address, Method::GET, &format!("tickets/{id}"), &json!({})).await
    }

    /// The next requests for an update have this fault.
    async fn fault(&self, is: Value, times: u32) -> Result<()> {
        self.fault_on("ticketUpdate", is, times).await
    }

    /// The next requests that contain this text have this fault.
    async fn fault_on(&self, text: &str, is: Value, times: u32) -> Result<()> {
        let fault = json!([{ "organisation": "north", "on": text, "times": times, "is": is }]);
        control(&self.http, &self.address, Method::POST, "faults", &fault).await.map(drop)
    }

    /// The names of the mutations that arrived.
    async fn mutations(&self) -> Result<Vec<Value>> {
        let (path, nothing) = ("mutations?organisation=north", json!({}));
        let all = control(&self.http, &self.address, Method::GET, path, &nothing).await?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }

    /// One invocation with these messages: the ids of those that are not acknowledged.
    async fn work(&self, owner: &str, planned: &[PlannedAction]) -> Result<Vec<String>> {
        self.aws.take_calls();
        self.api.requests.store(0, Ordering::Relaxed);
        let mut event = SqsEvent::default();
        event.records =
            planned.iter().enumerate().map(|(number, planned)| message(number, planned)).collect();
        let until = clock::now().later(Duration::from_mins(1));
        let work = self.source.in_groups(event, until, async |groups| {
            Box::pin(self.worker.work(groups, Invocation { owner, until })).await;
        });
        let response = Box::pin(work).await?;
        Ok(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
    }

    /// The number of requests to Salestrekker in the last invocation, and of calls of AWS, but for secrets.
    fn cost(&self) -> (u64, usize) {
        let calls = self.aws.take_calls().into_iter().filter(|(call, _)| call != "GetSecretValue");
        (self.api.requests.load(Ordering::Relaxed), calls.count())
    }

    /// The outcome of an action; none if it is not done.
    fn outcome(&self, planned: &PlannedAction) -> Option<Outcome> {
        let item = self.aws.action(planned.id.as_str())?;
        let done: Done = from_json(text(&item, "result").ok()?.as_bytes()).ok()?;
        Some(done.outcome)
    }

    fn outcomes(&self, planned: &[PlannedAction]) -> Vec<Option<Outcome>> {
        planned.iter().map(|planned| self.outcome(planned)).collect()
    }
}

/// An action of one decision.
fn planned(position: usize, action: &Value) -> Result<PlannedAction> {
    let planned = json!({
        "id": format!("e.h.{position}"), "organisation": "north", "event": "e", "handler": "h", "attempt": 1,
        "ticket_version": 1, "decided_at": "2026-09-21T14:13:20.000Z", "action": action,
    });
    Ok(from_json(planned.to_string().as_bytes())?)
}

/// A claim in the table: until this time of the clock.
fn claim(id: &str, owner: &str, lease: u64) -> Value {
    json!({
        "pk": { "S": format!("ACTION#north#{id}") }, "sk": { "S": "RESULT" }, "state": { "S": "claimed" },
        "owner": { "S": owner }, "lease": { "N": lease.to_string() },
    })
}

fn label(position: usize, ticket: &str, label: &str) -> Result<PlannedAction> {
    planned(position, &json!({ "do": "add_label", "ticket": ticket, "label": label }))
}

fn message(number: usize, planned: &PlannedAction) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(format!("m{number}"));
    record.receipt_handle = Some(format!("r{number}"));
    record.body = Some(to_json(planned));
    let attributes = [
        ("ApproximateReceiveCount", "1".to_owned()),
        ("MessageGroupId", planned.message_group().to_string()),
        ("SentTimestamp", clock::now().as_millis().to_string()),
    ];
    record.attributes.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    record
}

async fn control(
    http: &reqwest::Client,
    address: &str,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<Value> {
    let response = http.request(method, format!("{address}/control/{path}")).json(body).send().await?;
    let text = response.error_for_status()?.text().await?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// Counts a request to the API, which is performed at once and answered when its time has passed.
async fn far_away(State(api): State<Api>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/graphql" {
        return next.run(request).await;
    }
    api.requests.fetch_add(1, Ordering::Relaxed);
    let start = Instant::now();
    let response = next.run(request).await;
    let left = Duration::from_millis(api.ms.load(Ordering::Relaxed)).saturating_sub(start.elapsed());
    #[expect(clippy::disallowed_methods, reason = "it is the latency of the API")]
    tokio::time::sleep(left).await;
    response
}
