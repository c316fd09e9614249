//! An own Lambda Runtime API for each function instance. An emulator adds 50 to 100 ms to an invocation, which would hide
//! what is measured here.

use crate::process;
use anyhow::{Context as _, Result, bail};
use automations::clock;
use automations::serde_json::Value;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// The timeout of a start and of an invocation.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A running function, as Lambda would run it. Dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Instance {
    child: Child,
    server: JoinHandle<()>,
    log: PathBuf,
    /// The time from the start of the process to its first request for an event.
    pub(crate) ready_after: Duration,
    events: mpsc::Sender<Bytes>,
    outcomes: mpsc::Receiver<Outcome>,
}

/// A successful invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The time from handing out the event to the last byte of the response.
    pub(crate) duration: Duration,
    /// The response.
    pub(crate) response: Value,
}

#[derive(Debug)]
struct Outcome {
    at: Instant,
    result: Result<Bytes, String>,
}

#[derive(Clone)]
struct Api {
    polls: mpsc::Sender<Instant>,
    events: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    outcomes: mpsc::Sender<Outcome>,
}

impl Instance {
    /// Starts a binary with exactly these environment variables; its log goes into a file.
    pub(crate) async fn start(
        binary: &Path,
        variables: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Self> {
        let (polls, mut polled) = mpsc::channel(1_000);
        let (events, receiver) = mpsc::channel(1);
        let (sender, outcomes) = mpsc::channel(1);
        let api = Api { polls, events: Arc::new(Mutex::new(receiver)), outcomes: sender };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, routes(api)).await;
        });
        let mut command = Command::new(binary);
        command.env_clear().envs(variables).env("AWS_LAMBDA_RUNTIME_API", address);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(log)?).kill_on_drop(true);
        let start = Instant::now();
        let child = command.spawn().with_context(|| format!("{} cannot be started", binary.display()))?;
        let first = tokio::time::timeout(TIMEOUT, polled.recv()).await;
        let Ok(Some(first)) = first else {
            bail!("{} does not ask for an event; see {}", binary.display(), log.display());
        };
        // Later polls are of no interest, but the channel must not fill up.
        tokio::spawn(async move { while polled.recv().await.is_some() {} });
        let ready_after = first.duration_since(start);
        Ok(Self { child, server, log: log.to_owned(), ready_after, events, outcomes })
    }

    /// Invokes the function with one event.
    ///
    /// # Errors
    /// If the function fails, or does not respond in time.
    pub(crate) async fn invoke(&mut self, event: &Bytes) -> Result<Invocation> {
        let start = Instant::now();
        self.events.send(event.clone()).await.context("the function has ended")?;
        let outcome = tokio::time::timeout(TIMEOUT, self.outcomes.recv()).await;
        let Ok(Some(Outcome { at, result })) = outcome else {
            bail!("a function does not respond; see {}", self.log.display());
        };
        match result {
            Ok(bytes) => {
                let response =
                    serde_json::from_slice(&bytes).context("a function's response is not valid JSON")?;
                Ok(Invocation { duration: at.duration_since(start), response })
            }
            Err(error) => bail!("a function failed: {error}; see {}", self.log.display()),
        }
    }

    /// Peak resident memory in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64> {
        process::peak_kib(self.pid()?)
    }

    /// CPU time since the start.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu(self.pid()?)
    }

    /// Bytes of log output since the start.
    pub(crate) fn logged(&self) -> Result<u64> {
        Ok(std::fs::metadata(&self.log)?.len())
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the function has ended")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn routes(api: Api) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(error))
        .layer(DefaultBodyLimit::disable())
        .with_state(api)
}

async fn next(State(api): State<Api>) -> Response {
    let _ = api.polls.send(Instant::now()).await;
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline = clock::now().as_millis().saturating_add(60_000);
    let mut headers = HeaderMap::new();
    let id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd";
    headers.insert("lambda-runtime-aws-request-id", HeaderValue::from_static(id));
    headers.insert("lambda-runtime-deadline-ms", HeaderValue::from(deadline));
    let arn = "arn:aws:lambda:ap-southeast-2:000000000000:function:bench";
    headers.insert("lambda-runtime-invoked-function-arn", HeaderValue::from_static(arn));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    (headers, event).into_response()
}

async fn response(State(api): State<Api>, body: Bytes) -> StatusCode {
    let _ = api.outcomes.send(Outcome { at: Instant::now(), result: Ok(body) }).await;
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Api>, body: Bytes) -> StatusCode {
    let result = Err(String::from_utf8_lossy(&body).into_owned());
    let _ = api.outcomes.send(Outcome { at: Instant::now(), result }).await;
    StatusCode::ACCEPTED
}
