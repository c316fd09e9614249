//! One GraphQL request over HTTP.

use super::document::Document;
use super::response::{Effect, GraphQlResponse, check_status, read};
use super::{Error, Limits};
use crate::clock::{self, Timestamp};
use crate::endpoint::Endpoint;
use crate::http;
use reqwest::{RequestBuilder, Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Sends requests. Create one per process: it holds the connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    /// The same without reuse of connections.
    unpooled: reqwest::Client,
    /// When the last response came that was not by `unpooled`.
    last_response: Arc<Mutex<Option<Timestamp>>>,
    limits: Limits,
}

/// A connection that was unused for longer may have been closed by the other side without our notice, as a function is frozen
/// between invocations. Servers commonly close idle connections after 5 seconds.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) document: Document,
    pub(super) variables: Value,
    pub(super) effect: Effect,
}

#[derive(Serialize)]
struct Body<'a> {
    query: &'a str,
    variables: &'a Value,
}

impl Transport {
    /// A transport with its own connections.
    ///
    /// # Errors
    /// If TLS cannot be set up; fatal in init.
    pub fn new(limits: Limits) -> Result<Self, reqwest::Error> {
        let client = || {
            http::client()
                .connect_timeout(limits.connect())
                .timeout(limits.request())
                .user_agent(concat!("salestrekker-automations/", env!("CARGO_PKG_VERSION")))
                .pool_idle_timeout(MAX_IDLE)
        };
        let (http, unpooled) = (client().build()?, client().pool_max_idle_per_host(0).build()?);
        Ok(Self { http, unpooled, last_response: Arc::default(), limits })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Sends a request and reads its response, within `time` and the limit of one request.
    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        token: Option<&SecretString>,
        request: &Request,
        time: Duration,
    ) -> Result<GraphQlResponse, Error> {
        let Request { document, variables, effect } = request;
        let time = time.min(self.limits.request());
        let is_pooled = *effect != Effect::NonIdempotent || !self.is_idle();
        let client = if is_pooled { &self.http } else { &self.unpooled };
        let http = post(client, endpoint, token, document, variables, time);
        let response = http.send().await.map_err(|error| send_error(&error, *effect))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        check_status(status, retry_after, *effect)?;
        let bytes = self.bytes(response, *effect).await?;
        if is_pooled {
            *self.last_response.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock::now());
        }
        read(status, &bytes, *effect, self.limits.max_response_depth.get())
    }

    /// A request for the shape of its answer alone.
    pub(super) fn post(
        &self,
        endpoint: &Endpoint,
        token: Option<&SecretString>,
        document: &Document,
        variables: &Value,
        time: Duration,
    ) -> RequestBuilder {
        post(&self.http, endpoint, token, document, variables, time)
    }

    /// Whether every pooled connection may be dead. What must not be repeated is not sent on one: its outcome would be unknown.
    fn is_idle(&self) -> bool {
        let last = *self.last_response.lock().unwrap_or_else(PoisonError::into_inner);
        // By the wall clock: the other one may stop while the function is frozen.
        last.is_none_or(|last| clock::now().since(last) > MAX_IDLE)
    }

    async fn bytes(&self, mut response: Response, effect: Effect) -> Result<Vec<u8>, Error> {
        let max_bytes = self.limits.max_response_bytes.get();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| send_error(&error, effect))? {
            if bytes.len().saturating_add(chunk.len()) > max_bytes {
                return Err(Error::InvalidResponse {
                    at: format!("a response of more than {max_bytes} bytes"),
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn post(
    client: &reqwest::Client,
    endpoint: &Endpoint,
    token: Option<&SecretString>,
    document: &Document,
    variables: &Value,
    time: Duration,
) -> RequestBuilder {
    let mut http = client.post(endpoint.url().clone()).timeout(time);
    if let Some(token) = token {
        #[expect(clippy::disallowed_methods, reason = "this is where the token is sent")]
        let token = token.expose_secret();
        http = http.bearer_auth(token);
    }
    http.json(&Body { query: document.text(), variables })
}

fn send_error(error: &reqwest::Error, effect: Effect) -> Error {
    if error.is_connect() {
        Error::Unavailable { why: "no connection" }
    } else if error.is_timeout() {
        effect.error_without_response("no response in time")
    } else {
        effect.error_without_response("the connection broke")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salestrekker::document::{LABELS, TICKET_CREATE};
    use serde_json::json;
    use std::num::NonZeroU64;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use url::Url;

    /// A server that responds to the first request of each connection; then the connection is dead, without a word.
    async fn forgetful() -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut request = vec![0; 16_384];
                    let _ = connection.read(&mut request).await;
                    let body = r#"{"data": {"result": "t-1"}}"#;
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    let _ = connection.write_all(format!("{head}{body}").as_bytes()).await;
                    while connection.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {}
                });
            }
        });
        Endpoint::try_from(Url::parse(&format!("http://{address}/graphql")).unwrap()).unwrap()
    }

    /// F23 of the field faults.
    #[tokio::test]
    async fn a_create_after_a_pause_is_not_sent_on_a_connection_that_may_be_dead() {
        let limits = Limits { request_ms: NonZeroU64::MIN.saturating_add(1_499), ..Limits::default() };
        let (transport, api) = (Transport::new(limits).unwrap(), forgetful().await);
        let send = async |document: Document, effect: Effect| {
            let request = Request { document, variables: json!({}), effect };
            let response = transport.send(&api, None, &request, Duration::from_secs(9)).await?;
            response.single::<String>(effect)
        };
        assert_eq!(send(LABELS, Effect::ReadOnly).await.unwrap(), "t-1");
        // The function was frozen for ten seconds.
        let before = clock::now().earlier(Duration::from_secs(10));
        *transport.last_response.lock().unwrap() = Some(before);
        assert_eq!(send(TICKET_CREATE, Effect::NonIdempotent).await.unwrap(), "t-1");
        let again = send(TICKET_CREATE, Effect::NonIdempotent).await;
        assert_eq!(again.unwrap(), "t-1", "a second one has a connection of its own too");
    }
}
