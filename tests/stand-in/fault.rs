//! Faults that tests inject into requests: one for each unknown of the vendor's behaviour (salestrekker-facts.md, sections 2
//! and 7).

use async_graphql::futures_util::stream;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// A fault of the next `times` requests that match.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// Only for the organisation with this name; for all if absent.
    #[serde(default)]
    pub(super) organisation: Option<String>,
    /// Only for requests whose document or variables contain this text, for example `ticketCreate` or an id.
    #[serde(default)]
    pub(super) on: Option<String>,
    /// The number of requests; 1 if absent.
    #[serde(default = "once")]
    pub(super) times: u32,
    /// The kind of fault.
    #[serde(rename = "is")]
    pub(super) kind: Kind,
}

fn once() -> u32 {
    1
}

/// A kind of fault. "Not performed" means that the request has no effect; "performed" that it has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Kind {
    /// Not performed; an HTML page with this status, which may be 200.
    Status {
        /// For example 503.
        code: u16,
        /// The header `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// Not performed; the token is rejected with this status, which may be 200.
    Reject {
        /// For example 401.
        code: u16,
    },
    /// Not performed; 200 with an error and no data.
    Errors {
        /// The message of the error.
        message: String,
        /// Its `extensions.code`.
        #[serde(default)]
        code: Option<String>,
    },
    /// Not performed; 200 with this response, for example with fields that the reconstructed schema does not have.
    Respond(Value),
    /// Not performed; a response of this size.
    Large {
        /// The smallest size in bytes.
        bytes: usize,
    },
    /// Not performed; a response of nested lists.
    Deep {
        /// The depth.
        levels: usize,
    },
    /// Not performed, and the connection breaks.
    CutBefore,
    /// Performed, and the connection breaks before the response.
    CutAfter,
    /// Performed only after a delay: until then, reads show everything as before.
    Late {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// Performed, with a delayed response.
    Slow {
        /// The delay in milliseconds.
        ms: u64,
    },
    /// Performed; the response arrives at one byte per second.
    Trickle,
    /// Performed; the first fields of the response are null, with an error each.
    Partial {
        /// The number of fields.
        fields: usize,
        /// Whether the errors have no `path`.
        #[serde(default)]
        pathless: bool,
    },
    /// Performed; the response has `data` null and no error.
    NullData,
    /// Performed with a normal response, but these fields of the ticket keep their value.
    Drop(Vec<String>),
}

impl Kind {
    /// The response if the request is not performed.
    pub(super) fn early_response(&self) -> Option<Response> {
        let response = match self {
            Self::Status { code, retry_after } => {
                let mut response = (status(*code), "<html>out of order</html>").into_response();
                if let Some(value) = retry_after.and_then(|seconds| seconds.to_string().parse().ok()) {
                    response.headers_mut().insert(header::RETRY_AFTER, value);
                }
                response
            }
            Self::Reject { code } => (status(*code), Json(unauthenticated())).into_response(),
            Self::Errors { message, code } => {
                let error = json!({ "message": message, "extensions": { "code": code } });
                Json(json!({ "data": null, "errors": [error] })).into_response()
            }
            Self::Large { bytes } => {
                Json(json!({ "data": { "result": "x".repeat(*bytes) } })).into_response()
            }
            Self::Deep { levels } => {
                let deep = format!("{}{}", "[".repeat(*levels), "]".repeat(*levels));
                format!("{{\"data\": {{\"result\": {deep}}}}}").into_response()
            }
            Self::Respond(response) => Json(response).into_response(),
            Self::CutBefore => cut(),
            _ => return None,
        };
        Some(response)
    }

    /// Waits before the request is performed, if it is performed late.
    pub(super) async fn wait(&self) {
        if let Self::Late { ms } = self {
            pause(Duration::from_millis(*ms)).await;
        }
    }

    /// The response to a request that was performed with this response.
    pub(super) async fn late_response(&self, mut response: Value) -> Response {
        match self {
            Self::CutAfter => return cut(),
            Self::Trickle => return trickle(&response),
            Self::Slow { ms } => pause(Duration::from_millis(*ms)).await,
            Self::NullData => response = json!({ "data": null }),
            Self::Partial { fields, pathless } => nullify(&mut response, *fields, *pathless),
            _ => {}
        }
        Json(response).into_response()
    }

    /// The fields of a ticket that an update does not change.
    pub(super) fn dropped(&self) -> &[String] {
        if let Self::Drop(fields) = self { fields } else { &[] }
    }
}

/// The response to a request with an invalid token.
pub(super) fn unauthenticated() -> Value {
    json!({ "errors": [{ "message": "not signed in", "extensions": { "code": "UNAUTHENTICATED" } }] })
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A response that breaks off before its first byte.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::other("cut by a fault")) });
    Body::from_stream(broken).into_response()
}

fn trickle(response: &Value) -> Response {
    let bytes = response.to_string().into_bytes();
    let trickling = stream::unfold(bytes.into_iter(), |mut bytes| async move {
        let byte = bytes.next()?;
        pause(Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(Bytes::from(vec![byte])), bytes))
    });
    Body::from_stream(trickling).into_response()
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the delay is the fault")]
    tokio::time::sleep(time).await;
}

fn nullify(response: &mut Value, fields: usize, pathless: bool) {
    let mut errors = Vec::new();
    let data = response.get_mut("data").and_then(Value::as_object_mut);
    for (name, value) in data.into_iter().flatten().take(fields) {
        *value = Value::Null;
        let path = if pathless { Value::Null } else { json!([name]) };
        errors.push(json!({ "message": "a field failed", "path": path }));
    }
    if let Some(response) = response.as_object_mut() {
        response.insert("errors".to_owned(), Value::Array(errors));
    }
}
