//! The responses: small JSON with a reason code and the request's id, never with the content of a request.

use automations::id::{HintId, OrganisationId, WebhookAction};
use automations::json;
use automations::lambda_http::http::StatusCode;
use automations::lambda_http::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use automations::lambda_http::{Body, Response};
use automations::telemetry::metric::RejectionReason;
use std::collections::BTreeMap;

/// The response to a rejected request. The status codes are those of RFC 9110; a 405 says which methods are allowed, a 503
/// after how many seconds to retry.
pub(crate) fn rejected(rejection: RejectionReason, request_id: &str) -> Response<Body> {
    let (status, header) = match rejection {
        RejectionReason::NotFound => (StatusCode::NOT_FOUND, None),
        RejectionReason::Unauthorised => (StatusCode::UNAUTHORIZED, None),
        RejectionReason::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Some((ALLOW, "GET, POST"))),
        RejectionReason::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        RejectionReason::UnsupportedBody => (StatusCode::BAD_REQUEST, None),
        RejectionReason::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some((RETRY_AFTER, "5"))),
    };
    json(status, header, &BTreeMap::from([("error", rejection.reason().as_str()), ("request", request_id)]))
}

/// 202: every hint is on the queue.
pub(crate) fn accepted(first: Option<&HintId>, hints: usize) -> Response<Body> {
    let (first, hints) = (first.map(ToString::to_string).unwrap_or_default(), hints.to_string());
    json(StatusCode::ACCEPTED, None, &BTreeMap::from([("hint", first.as_str()), ("hints", &hints)]))
}

/// 200 to a GET: the URL is right, as a person who opens it in a browser can see.
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
