//! What can be made to go wrong with a request: each unknown of the vendor's answers is a switch
//! (salestrekker-facts.md, sections 2 and 7).

use async_graphql::futures_util::stream;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// Something that is to go wrong with the next `times` requests that fit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    /// Only for this organisation, by name; for all where absent.
    #[serde(default)]
    pub(super) organisation: Option<String>,
    /// Only for requests whose document holds this text, for example `ticketCreate`.
    #[serde(default)]
    pub(super) on: Option<String>,
    /// How often; once where absent.
    #[serde(default = "once")]
    pub(super) times: u32,
    /// What.
    #[serde(rename = "is")]
    pub(super) kind: Kind,
}

fn once() -> u32 {
    1
}

/// What goes wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Kind {
    /// Nothing is done; an HTML page with this status, which may be 200.
    Status {
        /// For example 503.
        code: u16,
        /// The header `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// Nothing is done; the token is refused, with this status, which may be 200.
    Refuse {
        /// For example 401.
        code: u16,
    },
    /// Nothing is done; 200 with an error and no data.
    Errors {
        /// What it says.
        message: String,
        /// Its `extensions.code`.
        #[serde(default)]
        code: Option<String>,
    },
    /// Nothing is done; 200 with just this answer: for what the reconstructed schema does not have.
    Answer(Value),
    /// Nothing is done; an answer of so many bytes.
    Large {
        /// How many, at least.
        bytes: usize,
    },
    /// Nothing is done; an answer of so many lists in each other.
    Deep {
        /// How many.
        levels: usize,
    },
    /// Nothing is done, and the connection breaks.
    CutBefore,
    /// It is done, and the connection breaks before the answer.
    CutAfter,
    /// It is done, and answered so many milliseconds later.
    Slow {
        /// How many.
        ms: u64,
    },
    /// It is done, and answered a byte a second.
    Trickle,
    /// It is done, but for the first so many fields, which are null with an error each.
    Partial {
        /// How many.
        fields: usize,
        /// Whether the errors leave out whose they are.
        #[serde(default)]
        pathless: bool,
    },
    /// It is done, and answered with `data` null and no error.
    NullData,
    /// It is done and answered as if all were well, but these fields of the ticket stay as they were.
    Drop(Vec<String>),
}

impl Kind {
    /// The answer, where nothing is to be done.
    pub(super) fn instead(&self) -> Option<Response> {
        let answer = match self {
            Self::Status { code, retry_after } => {
                let mut response = (status(*code), "<html>out of order</html>").into_response();
                if let Some(value) = retry_after.and_then(|seconds| seconds.to_string().parse().ok()) {
                    response.headers_mut().insert(header::RETRY_AFTER, value);
                }
                response
            }
            Self::Refuse { code } => (status(*code), Json(refusal())).into_response(),
            Self::Errors { message, code } => {
                let error = json!({ "message": message, "extensions": { "code": code } });
                Json(json!({ "data": null, "errors": [error] })).into_response()
            }
            Self::Large { bytes } => {
                Json(json!({ "data": { "result": "x".repeat(*bytes) } })).into_response()
            }
            Self::Deep { levels } => {
                let deep = format!("{}{}", "[".repeat(*levels), "]".repeat(*levels));
                format!("{{\"data\": {{\"answer\": {deep}}}}}").into_response()
            }
            Self::Answer(answer) => Json(answer).into_response(),
            Self::CutBefore => cut(),
            _ => return None,
        };
        Some(answer)
    }

    /// The answer, where the request was done and answered with this.
    pub(super) async fn afterwards(&self, mut answer: Value) -> Response {
        match self {
            Self::CutAfter => return cut(),
            Self::Trickle => return trickle(&answer),
            Self::Slow { ms } => pause(Duration::from_millis(*ms)).await,
            Self::NullData => answer = json!({ "data": null }),
            Self::Partial { fields, pathless } => spoil(&mut answer, *fields, *pathless),
            _ => {}
        }
        Json(answer).into_response()
    }

    /// The fields of a ticket that an update leaves as they were.
    pub(super) fn dropped(&self) -> &[String] {
        if let Self::Drop(fields) = self { fields } else { &[] }
    }
}

/// What the stand-in says to a bad token.
pub(super) fn refusal() -> Value {
    json!({ "errors": [{ "message": "not signed in", "extensions": { "code": "UNAUTHENTICATED" } }] })
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An answer that breaks off before its first byte.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(io::Error::other("cut by a fault")) });
    Body::from_stream(broken).into_response()
}

fn trickle(answer: &Value) -> Response {
    let bytes = answer.to_string().into_bytes();
    let trickling = stream::unfold(bytes.into_iter(), |mut bytes| async move {
        let byte = bytes.next()?;
        pause(Duration::from_secs(1)).await;
        Some((Ok::<_, io::Error>(Bytes::from(vec![byte])), bytes))
    });
    Body::from_stream(trickling).into_response()
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "being slow is what was asked for")]
    tokio::time::sleep(time).await;
}

fn spoil(answer: &mut Value, fields: usize, pathless: bool) {
    let mut errors = Vec::new();
    let data = answer.get_mut("data").and_then(Value::as_object_mut);
    for (name, value) in data.into_iter().flatten().take(fields) {
        *value = Value::Null;
        let path = if pathless { Value::Null } else { json!([name]) };
        errors.push(json!({ "message": "a part of it failed", "path": path }));
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("errors".to_owned(), Value::Array(errors));
    }
}
