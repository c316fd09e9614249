//! The answers: small JSON, an error's name and the request's id, never what was sent.

use automations::id::{HintId, OrganisationId, WebhookAction};
use automations::json;
use automations::lambda_http::http::StatusCode;
use automations::lambda_http::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use automations::lambda_http::{Body, Response};
use automations::telemetry::metric::Reason;
use std::collections::BTreeMap;

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not a webhook's path.
    Path,
    /// An unknown organisation or a wrong token: the same answer.
    Unauthorised,
    /// Neither GET nor POST.
    Method,
    /// More than a message can carry.
    TooLarge,
    /// A post that is not Salestrekker's and holds no fields.
    Unreadable,
    /// The queue or the secrets do not answer.
    Unavailable,
}

impl Refusal {
    /// As it is told in logs and metrics, and to the sender.
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::Path => Reason::NotFound,
            Self::Unauthorised => Reason::Unauthorised,
            Self::Method => Reason::MethodNotAllowed,
            Self::TooLarge => Reason::TooLarge,
            Self::Unreadable => Reason::Unreadable,
            Self::Unavailable => Reason::Unavailable,
        }
    }

    /// The answer. The status codes are RFC 9110's; a 405 says what is allowed, a 503 when to come back, in seconds.
    pub(crate) fn reply(self, request_id: &str) -> Response<Body> {
        let (status, header) = match self {
            Self::Path => (StatusCode::NOT_FOUND, None),
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, None),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, Some((ALLOW, "GET, POST"))),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
            Self::Unreadable => (StatusCode::BAD_REQUEST, None),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some((RETRY_AFTER, "5"))),
        };
        json(status, header, &BTreeMap::from([("error", self.reason().as_str()), ("request", request_id)]))
    }
}

/// 202: every hint is on the queue.
pub(crate) fn accepted(first: Option<&HintId>, hints: usize) -> Response<Body> {
    let (first, hints) = (first.map(ToString::to_string).unwrap_or_default(), hints.to_string());
    json(StatusCode::ACCEPTED, None, &BTreeMap::from([("hint", first.as_str()), ("hints", &hints)]))
}

/// 200 to a GET: whoever pasted the URL into a browser pasted the right one.
pub(crate) fn ready(organisation: &OrganisationId, action: &WebhookAction) -> Response<Body> {
    let fields = [("status", "ready"), ("organisation", organisation.as_str()), ("action", action.as_str())];
    json(StatusCode::OK, None, &BTreeMap::from(fields))
}

fn json(
    status: StatusCode,
    header: Option<(HeaderName, &'static str)>,
    fields: &BTreeMap<&str, &str>,
) -> Response<Body> {
    let mut response = Response::new(Body::Text(json::to_json(fields)));
    *response.status_mut() = status;
    let plain = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    for (name, value) in plain.into_iter().chain(header) {
        response.headers_mut().insert(name, automations::lambda_http::http::HeaderValue::from_static(value));
    }
    response
}
