//! A Runtime API of our own, one for each function that it starts: an emulator's 50 to 100 ms an invocation would hide
//! what is measured here.

use crate::usage;
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

/// No start and no invocation takes longer.
const LONGEST: Duration = Duration::from_mins(2);

/// A function that runs, as Lambda would run it. It ends when this goes.
#[derive(Debug)]
pub(crate) struct Instance {
    child: Child,
    server: JoinHandle<()>,
    log: PathBuf,
    /// From its start to its first question for work.
    pub(crate) ready_after: Duration,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Answer>,
}

/// What a function answered, and how long it took.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// From handing out the event to the answer's last byte.
    pub(crate) took: Duration,
    /// The answer.
    pub(crate) answer: Value,
}

#[derive(Debug)]
struct Answer {
    at: Instant,
    outcome: Result<Bytes, String>,
}

#[derive(Clone)]
struct Api {
    asked: mpsc::Sender<Instant>,
    events: Arc<Mutex<mpsc::Receiver<Bytes>>>,
    answers: mpsc::Sender<Answer>,
}

impl Instance {
    /// Starts a binary with these variables and nothing else in its environment; its log goes into a file.
    pub(crate) async fn start(
        binary: &Path,
        variables: &BTreeMap<String, String>,
        log: &Path,
    ) -> Result<Self> {
        let (asked, mut first) = mpsc::channel(1_000);
        let (events, receiver) = mpsc::channel(1);
        let (sender, answers) = mpsc::channel(1);
        let api = Api { asked, events: Arc::new(Mutex::new(receiver)), answers: sender };
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
        let asked = tokio::time::timeout(LONGEST, first.recv()).await;
        let Ok(Some(asked)) = asked else {
            bail!("{} does not ask for work; {} says why", binary.display(), log.display());
        };
        // Later questions need no reading; the channel must only not fill.
        tokio::spawn(async move { while first.recv().await.is_some() {} });
        let ready_after = asked.duration_since(start);
        Ok(Self { child, server, log: log.to_owned(), ready_after, events, answers })
    }

    /// Has it work on one event.
    pub(crate) async fn invoke(&mut self, event: &Bytes) -> Result<Invoked> {
        let start = Instant::now();
        self.events.send(event.clone()).await.context("the function is gone")?;
        let answer = tokio::time::timeout(LONGEST, self.answers.recv()).await;
        let Ok(Some(Answer { at, outcome })) = answer else {
            bail!("a function does not answer; {} says why", self.log.display());
        };
        match outcome {
            Ok(bytes) => {
                let answer = serde_json::from_slice(&bytes).context("a function answers with no JSON")?;
                Ok(Invoked { took: at.duration_since(start), answer })
            }
            Err(error) => bail!("a function failed: {error}; see {}", self.log.display()),
        }
    }

    /// The most memory that it has had, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64> {
        usage::peak_kib(self.pid()?)
    }

    /// The CPU time that it has had.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        usage::cpu(self.pid()?)
    }

    /// The bytes that it has logged.
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
    let _ = api.asked.send(Instant::now()).await;
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
    let _ = api.answers.send(Answer { at: Instant::now(), outcome: Ok(body) }).await;
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Api>, body: Bytes) -> StatusCode {
    let outcome = Err(String::from_utf8_lossy(&body).into_owned());
    let _ = api.answers.send(Answer { at: Instant::now(), outcome }).await;
    StatusCode::ACCEPTED
}
