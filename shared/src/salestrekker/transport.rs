//! One GraphQL request over HTTP.

use super::document::Document;
use super::response::{Effect, GraphQlResponse, check_status, read};
use super::{Error, Limits};
use crate::endpoint::Endpoint;
use crate::http;
use reqwest::{Response, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Sends requests. Create one per process: it holds the connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
    limits: Limits,
}

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
        let http = http::client()
            .connect_timeout(limits.connect())
            .timeout(limits.request())
            .user_agent(concat!("salestrekker-automations/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, limits })
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
        let mut http = self.http.post(endpoint.url().clone()).timeout(time);
        if let Some(token) = token {
            #[expect(clippy::disallowed_methods, reason = "this is where the token is sent")]
            let token = token.expose_secret();
            http = http.bearer_auth(token);
        }
        let body = Body { query: document.text(), variables };
        let response = http.json(&body).send().await.map_err(|error| send_error(&error, *effect))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        check_status(status, retry_after, *effect)?;
        let bytes = self.bytes(response, *effect).await?;
        read(status, &bytes, *effect, self.limits.max_response_depth.get())
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

fn send_error(error: &reqwest::Error, effect: Effect) -> Error {
    if error.is_connect() {
        Error::Unavailable { why: "no connection" }
    } else if error.is_timeout() {
        effect.error_without_response("no response in time")
    } else {
        effect.error_without_response("the connection broke")
    }
}
