//! The Salestrekker stand-in behind a proxy that counts requests and adds a latency.

use crate::counts::{Counts, pause};
use anyhow::{Context as _, Result, bail};
use automations::futures::{StreamExt as _, TryStreamExt as _, stream};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use reqwest::Method;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// The fields of a ticket that the functions request.
const FIELDS: &str = "id name idOwner idWorkflow idStage idLabels idClients values { onceOff } isActive";
/// The clients of each ticket.
const CLIENTS: [&str; 2] = ["5f0c8e6a-3b1d-5c59-9d0a-6f2f6a1c7b10", "a41d7c52-90de-5c7e-8f43-2b9d0e1f6c35"];
/// The organisation of the tickets.
pub(crate) const ORGANISATION: &str = "bench";

/// The running stand-in and its proxy. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Vendor {
    _child: Child,
    direct: String,
    http: reqwest::Client,
    /// Number of requests.
    pub(crate) requests: Counts,
    /// The proxy's address.
    pub(crate) address: SocketAddr,
    /// The API's URL through the proxy, for the functions.
    pub(crate) endpoint: String,
    /// An access token for the API.
    pub(crate) token: String,
    ms: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Proxy {
    http: reqwest::Client,
    api: String,
    requests: Counts,
    ms: Arc<AtomicU64>,
}

impl Vendor {
    /// Starts an empty stand-in, and the proxy.
    pub(crate) async fn start(binary: &Path) -> Result<Self> {
        let port = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(binary);
        command.args(["--empty", "--port", &port.to_string()]).kill_on_drop(true);
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.with_context(|| format!("{} cannot be started", binary.display()))?;
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if start.elapsed() > Duration::from_secs(30) {
                bail!("the Salestrekker stand-in does not listen on port {port} after 30 s");
            }
            pause(Duration::from_millis(20)).await;
        }
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build()?;
        let (requests, ms) = (Counts::default(), Arc::default());
        let direct = format!("http://127.0.0.1:{port}");
        let api = format!("{direct}/graphql");
        let proxy =
            Proxy { http: http.clone(), api: api.clone(), requests: requests.clone(), ms: Arc::clone(&ms) };
        let router = Router::new().fallback(forward).layer(DefaultBodyLimit::disable()).with_state(proxy);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let endpoint = format!("http://{address}/graphql");
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut vendor =
            Self { _child: child, direct, http, requests, address, endpoint, token: String::new(), ms };
        vendor.token = vendor.sign_in().await?;
        Ok(vendor)
    }

    /// Sets the latency of each request.
    pub(crate) fn set_latency(&self, time: Duration) {
        self.ms.store(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Creates tickets as brokers have them, with two labels and two clients, in the stage `Approved`, and returns their ids, which
    /// are UUIDs. Their names have `bytes` bytes: the enricher reads the name for its digest.
    pub(crate) async fn tickets(&self, count: usize, bytes: usize) -> Result<Vec<String>> {
        let fields = json!({
            "organisation": ORGANISATION, "name": "x".repeat(bytes), "stage": "Approved",
            "labels": ["Client", "Refinance"], "idClients": CLIENTS,
        });
        let create = (0..count).map(|_| async {
            let ticket = self.control(Method::POST, "tickets", &fields).await?;
            let id = ticket
                .get("id")
                .and_then(Value::as_str)
                .context("the stand-in returned a ticket without an id")?;
            anyhow::Ok(id.to_owned())
        });
        stream::iter(create).buffer_unordered(4).try_collect().await
    }

    /// Moves each ticket to another stage: to `Settled` in even rounds, to `Approved` in odd ones.
    pub(crate) async fn change(&self, tickets: &[String], round: u32) -> Result<()> {
        let fields = json!({ "stage": if round.is_multiple_of(2) { "Settled" } else { "Approved" } });
        for ticket in tickets {
            self.control(Method::PATCH, &format!("tickets/{ticket}"), &fields).await?;
        }
        Ok(())
    }

    /// Adds labels of these names to the organisation's.
    pub(crate) async fn add_labels(&self, names: &[String]) -> Result<()> {
        for name in names {
            self.control(Method::POST, &format!("duplicates/{ORGANISATION}"), &json!({ "label": name }))
                .await?;
        }
        Ok(())
    }

    /// The shortest of five requests for 25 tickets through the proxy, on an open connection.
    pub(crate) async fn round_trip(&self, tickets: &[String]) -> Result<Duration> {
        let mut query = String::from("query {");
        for (index, id) in tickets.iter().take(25).enumerate() {
            let _ = write!(query, "a{index}: ticket(id: \"{id}\") {{ {FIELDS} }} ");
        }
        query.push('}');
        let mut shortest = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            let request = self.http.post(format!("http://{}/graphql", self.address)).bearer_auth(&self.token);
            let response = request.json(&json!({ "query": query })).send().await?;
            response.error_for_status()?.bytes().await?;
            shortest = shortest.min(start.elapsed());
        }
        Ok(shortest)
    }

    async fn sign_in(&self) -> Result<String> {
        let organisation =
            self.control(Method::POST, "organisations", &json!({ "name": ORGANISATION })).await?;
        let query = "mutation($key: String!) { authenticate(apiKey: $key) { token } }";
        let body = json!({ "query": query, "variables": { "key": organisation.get("api_key") } });
        let url = format!("{}/graphql", self.direct);
        let response: Value = self.http.post(url).json(&body).send().await?.json().await?;
        let token = response.pointer("/data/authenticate/token").and_then(Value::as_str);
        Ok(token.context("the stand-in returned no token")?.to_owned())
    }

    async fn control(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/control/{path}", self.direct);
        let response = self.http.request(method, url).json(body).send().await?;
        Ok(response.error_for_status()?.json().await?)
    }
}

async fn forward(State(proxy): State<Proxy>, headers: HeaderMap, body: Bytes) -> Response {
    proxy.requests.add("request", 1);
    let wait = pause(Duration::from_millis(proxy.ms.load(Ordering::Relaxed)));
    let mut request = proxy.http.post(&proxy.api).body(body);
    for name in [header::AUTHORIZATION, header::CONTENT_TYPE, header::USER_AGENT] {
        if let Some(value) = headers.get(&name) {
            request = request.header(name, value);
        }
    }
    let (response, ()) = automations::futures::join!(request.send(), wait);
    let response = match response {
        Ok(response) => (response.status(), response.bytes().await),
        Err(_) => return StatusCode::BAD_GATEWAY.into_response(),
    };
    let (status, Ok(bytes)) = response else { return StatusCode::BAD_GATEWAY.into_response() };
    (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}
