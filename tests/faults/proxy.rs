//! The proxy: forwards each request to the engine, with or without a fault.
//!
//! | request | does |
//! |---|---|
//! | `PUT /_faults` | begins anew: `{"on": true, "seed": 1, "times": 1.0, "rules": [...]}`; without `rules`, those of rules.yaml |
//! | `GET /_faults` | the number of calls, and of those with a fault by rule |

use crate::call::{Call, Service};
use crate::injector::{Injector, Settings};
use crate::rule::Fault;
use crate::{dynamodb, entries, error};
use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, http};
use fastrand::Rng;
use futures::stream;
use serde_json::{Value, json};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Clone)]
struct Proxy {
    /// `http://127.0.0.1:{port}`.
    engine: String,
    client: reqwest::Client,
    injector: Arc<Mutex<Injector>>,
}

/// The proxy in front of the engine at this address.
pub(crate) fn server(engine: String) -> Result<Router> {
    // The engine closes idle connections after 5 s; a request on a closed one would be a fault that no rule has.
    let client = reqwest::Client::builder().no_gzip().pool_idle_timeout(Duration::from_secs(2)).build()?;
    let proxy = Proxy { engine, client, injector: Arc::default() };
    Ok(Router::new().route("/_faults", get(counts).put(set)).fallback(forward).with_state(proxy))
}

async fn counts(State(proxy): State<Proxy>) -> Json<Value> {
    let injector = proxy.injector();
    Json(json!({ "calls": injector.calls, "injected": injector.injected }))
}

async fn set(State(proxy): State<Proxy>, Json(settings): Json<Settings>) -> (StatusCode, String) {
    match proxy.injector().set(settings) {
        Ok(()) => (StatusCode::OK, "{}".to_owned()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")),
    }
}

async fn forward(
    State(proxy): State<Proxy>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let call = Call::read(&headers, &body);
    let request = Request { method, uri, headers };
    let injected = call.as_ref().and_then(|call| proxy.injector().next(call));
    match (call, injected) {
        (Some(call), Some((fault, random))) => {
            let request = Request { headers: as_root(&request.headers), ..request };
            proxy.inject(&request, call, fault, random).await
        }
        _ => proxy.send(&request, body.to_vec()).await.into_response(),
    }
}

/// A request without its body.
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

/// A response of the engine, or instead of it.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Proxy {
    fn injector(&self) -> MutexGuard<'_, Injector> {
        self.injector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the request to the engine as it is, but for its body; the signature is of the address that the client called.
    async fn send(&self, request: &Request, body: Vec<u8>) -> Reply {
        let path = request.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let url = format!("{}{path}", self.engine);
        let response = self
            .client
            .request(request.method.clone(), url)
            .headers(end_to_end(&request.headers))
            .body(body)
            .send();
        match response.await {
            Ok(response) => Reply::of(response).await,
            Err(error) => Reply::unavailable(&error),
        }
    }

    async fn inject(
        &self,
        request: &Request,
        mut call: Call,
        fault: Fault,
        mut random: Rng,
    ) -> Response<Body> {
        match fault {
            Fault::Error { status, code, query_code } => {
                error::response(call.service, status, &code, query_code.as_deref(), None)
            }
            Fault::TransactionCancelled { reasons } => {
                let reasons = dynamodb::reasons(&reasons, dynamodb::count_writes(&call), &mut random);
                let more = Some(("CancellationReasons", reasons));
                error::response(call.service, 400, "TransactionCanceledException", None, more)
            }
            Fault::ResponseLost => {
                self.send(request, call.to_bytes()).await;
                broken_connection()
            }
            Fault::Slow { ms: (from, to) } => {
                pause(random.u64(from..=to)).await;
                self.send(request, call.to_bytes()).await.into_response()
            }
            Fault::EntryFails { code } => {
                let index = random.usize(..entries::count(&call).max(1));
                let Some(taken) = entries::take(&mut call, index) else {
                    return self.send(request, call.to_bytes()).await.into_response();
                };
                let reply = self.send_rest(request, &call).await;
                reply.changed(|body| entries::with_failed(body, &taken, &code)).into_response()
            }
            Fault::SentTwice => {
                let again = one_of(&call, &mut random);
                let reply = self.send(request, call.to_bytes()).await;
                self.send(request, again.to_bytes()).await;
                reply.into_response()
            }
            Fault::Delayed { seconds: (from, to) } => {
                let seconds = random.u64(from..=to);
                delay_one(&mut call, seconds, &mut random);
                self.send(request, call.to_bytes()).await.into_response()
            }
            Fault::KeysUnprocessed => {
                let keys = dynamodb::take_keys(&mut call, &mut random);
                let reply = self.send(request, call.to_bytes()).await;
                reply.changed(|body| dynamodb::with_unprocessed(body, keys?)).into_response()
            }
            Fault::StatementFails { code } => {
                let taken = dynamodb::take_statement(&mut call, &mut random);
                let reply = self.send(request, call.to_bytes()).await;
                reply.changed(|body| dynamodb::with_failed_statement(body, taken?, &code)).into_response()
            }
            Fault::ItemsMissing => {
                let reply = self.send(request, call.to_bytes()).await;
                reply.changed(|body| dynamodb::without_last_items(body, &mut random)).into_response()
            }
        }
    }

    /// Sends what is left of a batch.
    async fn send_rest(&self, request: &Request, call: &Call) -> Reply {
        if entries::count(call) == 0 {
            Reply::without_entries(call.service)
        } else {
            self.send(request, call.to_bytes()).await
        }
    }
}

impl Reply {
    async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), end_to_end(response.headers()));
        match response.bytes().await {
            Ok(body) => Self { status, headers, body: body.to_vec() },
            Err(error) => Self::unavailable(&error),
        }
    }

    fn unavailable(error: &reqwest::Error) -> Self {
        let body = format!("the engine does not respond: {error}").into_bytes();
        Self { status: StatusCode::BAD_GATEWAY, headers: HeaderMap::new(), body }
    }

    fn without_entries(service: Service) -> Self {
        let body = entries::response_without_entries(service).into_bytes();
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body }
    }

    /// With another body, if `change` finds in it what it expects; an error stays as it is.
    fn changed(mut self, change: impl FnOnce(&str) -> Option<String>) -> Self {
        let text = std::str::from_utf8(&self.body).ok().filter(|_| self.status.is_success());
        if let Some(body) = text.and_then(change) {
            self.body = body.into_bytes();
            // DynamoDB's checksum of the body, which the SDK verifies if it is there.
            self.headers.remove("x-amz-crc32");
        }
        self
    }

    fn into_response(self) -> Response<Body> {
        (self.status, self.headers, self.body).into_response()
    }
}

/// The engine checks signatures, which a changed body does not fit. It checks none of its root user, whose key is `test`; so it judges
/// the permissions of the calls without a fault only.
fn as_root(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove("x-amz-security-token");
    let signed = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
        let (before, credential) = value.split_once("Credential=")?;
        let (_, scope) = credential.split_once('/')?;
        format!("{before}Credential=test/{scope}").parse().ok()
    });
    if let Some(signed) = signed {
        headers.insert(AUTHORIZATION, signed);
    }
    headers
}

/// Headers that are not of one connection alone.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// A response whose body breaks off, so that the client gets none.
fn broken_connection() -> Response<Body> {
    let broken = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
    ([(CONTENT_LENGTH, "100")], Body::from_stream(broken)).into_response()
}

/// A call that sends one of this call's messages.
fn one_of(call: &Call, random: &mut Rng) -> Call {
    let count = entries::count(call);
    let taken = (count > 0).then(|| entries::take(&mut call.clone(), random.usize(..count))).flatten();
    taken.map_or_else(|| call.clone(), |taken| taken.alone)
}

/// Delays one of this call's messages.
fn delay_one(call: &mut Call, seconds: u64, random: &mut Rng) {
    let count = entries::count(call);
    let crate::call::Body::Json(json) = &mut call.body else { return };
    let path = if count > 0 { format!("/Entries/{}", random.usize(..count)) } else { String::new() };
    if let Some(message) = json.pointer_mut(&path).and_then(Value::as_object_mut) {
        message.insert("DelaySeconds".to_owned(), json!(seconds));
    }
}

async fn pause(millis: u64) {
    #[expect(clippy::disallowed_methods, reason = "the delay is the fault")]
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    /// The requests that the stub of an engine got.
    type Received = Arc<Mutex<Vec<Value>>>;

    async fn serve(router: Router) -> String {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap()
    }

    /// A proxy with one fault in every call, in front of an engine that accepts everything.
    async fn proxy_with(service: &str, fault: Value) -> (String, Received) {
        let received = Received::default();
        let of_engine = Arc::clone(&received);
        let engine = Router::new().fallback(async move |body: Bytes| {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let ids = body["Entries"].as_array().cloned().unwrap_or_default();
            of_engine.lock().unwrap().push(body);
            Json(json!({ "Successful": ids, "Failed": [] }))
        });
        let url = serve(server(serve(engine).await).unwrap()).await;
        let rule = json!({ "name": "x", "service": service, "fault": fault, "in_1000": 1000, "burst": 1 });
        let settings = json!({ "on": true, "rules": [rule] });
        let set = client().put(format!("{url}/_faults")).json(&settings).send().await.unwrap();
        assert!(set.status().is_success());
        (url, received)
    }

    async fn send_batch(url: &str, queue: &str) -> reqwest::Result<(u16, Value)> {
        let body = json!({ "QueueUrl": queue, "Entries": [{ "Id": "0" }, { "Id": "1" }] });
        let request = client().post(url).header("x-amz-target", "AmazonSQS.SendMessageBatch");
        let response = request.json(&body).send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    #[tokio::test]
    async fn a_failed_entry_does_not_reach_the_engine_and_is_in_the_response() {
        let (url, received) = proxy_with("sqs", json!({ "entry_fails": { "code": "InternalError" } })).await;
        let (status, response) = send_batch(&url, "q.fifo").await.unwrap();
        assert_eq!(status, 200);
        let sent = received.lock().unwrap()[0]["Entries"].clone();
        assert_eq!(sent, response["Successful"]);
        assert_eq!((sent.as_array().unwrap().len(), response["Failed"].as_array().unwrap().len()), (1, 1));
        assert_ne!(sent[0]["Id"], response["Failed"][0]["Id"]);
    }

    #[tokio::test]
    async fn a_call_whose_response_is_lost_has_its_effect() {
        let (url, received) = proxy_with("sqs", json!("response_lost")).await;
        assert!(send_batch(&url, "q").await.is_err());
        assert_eq!(received.lock().unwrap().len(), 1);
        let counts = reqwest::get(format!("{url}/_faults")).await.unwrap().json::<Value>().await.unwrap();
        assert_eq!(counts, json!({ "calls": 1, "injected": { "x": 1 } }));
    }

    #[tokio::test]
    async fn an_error_has_no_effect_and_the_codes_of_both_protocols() {
        let fault = json!({ "error": { "status": 400, "code": "KmsThrottled", "query_code": "KMS.ThrottlingException" } });
        let (url, received) = proxy_with("sqs", fault).await;
        let (status, response) = send_batch(&url, "q").await.unwrap();
        assert_eq!((status, &response["__type"]), (400, &json!("com.amazonaws.sqs#KmsThrottled")));
        assert!(received.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_a_standard_queue_delivers_twice_and_late() {
        let (url, received) = proxy_with("sqs", json!("sent_twice")).await;
        send_batch(&url, "q.fifo").await.unwrap();
        assert_eq!(received.lock().unwrap().len(), 1);
        send_batch(&url, "q").await.unwrap();
        assert_eq!(received.lock().unwrap()[2]["Entries"].as_array().unwrap().len(), 1);
        let (url, received) = proxy_with("sqs", json!({ "delayed": { "seconds": [2, 2] } })).await;
        send_batch(&url, "q").await.unwrap();
        let delays = received.lock().unwrap()[0].to_string().matches("\"DelaySeconds\":2").count();
        assert_eq!(delays, 1);
    }

    #[tokio::test]
    async fn what_no_rule_is_for_is_forwarded_as_it_is() {
        let (url, received) = proxy_with("dynamodb", json!("response_lost")).await;
        let (status, response) = send_batch(&url, "q").await.unwrap();
        assert_eq!((status, response["Failed"].clone()), (200, json!([])));
        assert_eq!(received.lock().unwrap()[0]["Entries"], json!([{ "Id": "0" }, { "Id": "1" }]));
    }
}
