//! One GraphQL request over HTTP, and every way in which it can end.

use super::Error;
use crate::endpoint::Endpoint;
use crate::private::Private;
use crate::wire;
use reqwest::{Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Whether sending a request twice is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// A query: nothing changes.
    None,
    /// A mutation: where no answer comes, it may have taken effect.
    Mutation,
}

/// The answer to a request: its data, and the errors that came with it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) data: Value,
    pub(super) errors: Vec<GraphQlError>,
}

/// One element of an answer's `errors` (GraphQL specification, section 7.1.2).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct GraphQlError {
    #[serde(default)]
    pub(super) message: Private<String>,
    #[serde(default)]
    pub(super) path: Vec<Value>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Debug, Clone, Deserialize)]
struct Extensions {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Option<Vec<GraphQlError>>,
}

/// Sends requests. One per process: it keeps its connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: reqwest::Client,
}

/// An answer larger than this is not read to its end: 25 full tickets are far below it.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

impl Transport {
    /// A transport with connections of its own: 3 s to connect, 15 s for a whole exchange.
    ///
    /// # Errors
    /// Where the system's TLS set-up is unusable; fatal in init.
    pub fn new() -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("salestrekker-automations/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http })
    }

    pub(super) async fn send(
        &self,
        endpoint: &Endpoint,
        token: Option<&SecretString>,
        document: &str,
        variables: &Value,
        effect: Effect,
    ) -> Result<Answer, Error> {
        let mut request = self.http.post(endpoint.url().clone());
        if let Some(token) = token {
            #[expect(clippy::disallowed_methods, reason = "this is where the token is sent")]
            let token = token.expose_secret();
            request = request.bearer_auth(token);
        }
        let body = serde_json::json!({ "query": document, "variables": variables });
        let response = request.json(&body).send().await.map_err(|error| unanswered(&error, effect))?;
        refuse_by_status(&response, effect)?;
        let refused = response.status().is_client_error();
        let bytes = read(response, effect).await?;
        let Ok(envelope) = wire::from_json::<Envelope>(&bytes) else {
            return Err(unusable_body(refused, effect));
        };
        let errors = envelope.errors.unwrap_or_default();
        if errors.iter().any(GraphQlError::refuses_credential) {
            return Err(Error::CredentialRefused);
        }
        match envelope.data {
            Some(data) if !data.is_null() => Ok(Answer { data, errors }),
            _ if errors.is_empty() => Err(Error::Malformed { at: "data".to_owned() }),
            _ => Err(rejected(errors)),
        }
    }
}

impl Answer {
    /// The one field `name`, where the request had no other; any error of the answer is this field's.
    pub(super) fn field<T: DeserializeOwned>(mut self, name: &str) -> Result<T, Error> {
        if !self.errors.is_empty() {
            return Err(rejected(self.errors));
        }
        let value = self.data.get_mut(name).map(Value::take).unwrap_or_default();
        fit(value, name)
    }
}

/// A part of an answer as its type.
pub(super) fn fit<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Error::Malformed { at: format!("{at}.{}", error.path()) })
}

/// A refusal, with the vendor's words kept private.
pub(super) fn rejected(errors: Vec<GraphQlError>) -> Error {
    Error::Rejected {
        messages: Private::new(errors.into_iter().map(|error| error.message.reveal().clone()).collect()),
    }
}

impl GraphQlError {
    fn refuses_credential(&self) -> bool {
        // What the vendor answers to a bad token is not known (salestrekker-facts.md, section 2): the codes and words
        // that GraphQL servers use.
        let code = self.code();
        let message = self.message.reveal().to_ascii_lowercase();
        matches!(code, "UNAUTHENTICATED" | "UNAUTHORIZED" | "INVALID_TOKEN" | "TOKEN_EXPIRED")
            || [
                "unauthenticated",
                "unauthorized",
                "unauthorised",
                "invalid token",
                "token expired",
                "jwt expired",
            ]
            .iter()
            .any(|words| message.contains(words))
    }

    /// Whether it says that the thing asked for does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        self.code() == "NOT_FOUND"
    }

    fn code(&self) -> &str {
        self.extensions.as_ref().and_then(|extensions| extensions.code.as_deref()).unwrap_or_default()
    }
}

fn refuse_by_status(response: &Response, effect: Effect) -> Result<(), Error> {
    let status = response.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::CredentialRefused),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Throttled { retry_after: retry_after(response) }),
        // 503 says that nothing was done; after any other 5xx a gateway may have passed the mutation on.
        StatusCode::SERVICE_UNAVAILABLE => Err(Error::Unavailable { why: "it answered 503" }),
        _ if status.is_server_error() && effect == Effect::Mutation => Err(Error::Ambiguous),
        _ if status.is_server_error() => Err(Error::Unavailable { why: "it answered 5xx" }),
        _ if status.is_redirection() => {
            Err(Error::Malformed { at: "a redirect; see the API's address".to_owned() })
        }
        _ => Ok(()),
    }
}

/// `Retry-After` in seconds (RFC 9110, section 10.2.3); the form with a date is not worth a clock here.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read(mut response: Response, effect: Effect) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unanswered(&error, effect))? {
        if bytes.len().saturating_add(chunk.len()) > LARGEST_ANSWER {
            return Err(Error::Malformed { at: "an answer of more than 16 MiB".to_owned() });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unanswered(error: &reqwest::Error, effect: Effect) -> Error {
    if error.is_connect() {
        Error::Unavailable { why: "no connection" }
    } else if effect == Effect::Mutation {
        Error::Ambiguous
    } else if error.is_timeout() {
        Error::Unavailable { why: "no answer in time" }
    } else {
        Error::Unavailable { why: "the connection broke" }
    }
}

fn unusable_body(refused: bool, effect: Effect) -> Error {
    match effect {
        _ if refused => Error::Rejected { messages: Private::default() },
        Effect::Mutation => Error::Ambiguous,
        Effect::None => Error::Unavailable { why: "its answer is no GraphQL" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_words_do_not_print() {
        let errors = vec![GraphQlError {
            message: Private::new("no such client: Jane Citizen".into()),
            path: Vec::new(),
            extensions: None,
        }];
        let error = rejected(errors);
        assert!(!format!("{error} {error:?}").contains("Jane"));
    }

    #[test]
    fn a_body_that_is_no_graphql_is_ambiguous_after_a_mutation_only() {
        assert!(matches!(unusable_body(false, Effect::Mutation), Error::Ambiguous));
        assert!(matches!(unusable_body(false, Effect::None), Error::Unavailable { .. }));
        assert!(matches!(unusable_body(true, Effect::Mutation), Error::Rejected { .. }));
    }
}
