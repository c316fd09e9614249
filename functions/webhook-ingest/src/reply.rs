//! The responses: small JSON with a reason code and the request's id, never with the content of a request.

use automations::id::{HintId, OrganisationId, WebhookAction};
use automations::json;
use automations::lambda_http::http::StatusCode;
use automations::lambda_http::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER,
};
use automations::lambda_http::{Body, Response};
use automations::telemetry::metric::RejectionReason;
use std::collections::BTreeMap;

/// The response to a rejected request. The status codes are those of RFC 9110; a 405 says which methods are allowed, a 415
/// which encodings, a 503 after how many seconds to retry.
pub(crate) fn rejected(rejection: RejectionReason, request_id: &str) -> Response<Body> {
    let (status, header) = match rejection {
        RejectionReason::NotFound => (StatusCode::NOT_FOUND, None),
        RejectionReason::Unauthorised => (StatusCode::UNAUTHORIZED, None),
        RejectionReason::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Some((ALLOW, "GET, POST"))),
        RejectionReason::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        RejectionReason::UnsupportedEncoding => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some((ACCEPT_ENCODING, "gzip")))
        }
        RejectionReason::UnsupportedBody => (StatusCode::BAD_REQUEST, None),
        RejectionReason::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some((RETRY_AFTER, "5"))),
    };
    json(status, header, &BTreeMap::from([("error", rejection.reason().as_str()), ("request", request_id)]))
}

/// 202: every hint is on the queue. A body in which no ticket's id was found is said to have none.
pub(crate) fn accepted(first: Option<&HintId>, hints: usize, unrecognised: bool) -> Response<Body> {
    let (first, hints) = (first.map(ToString::to_string).unwrap_or_default(), hints.to_string());
    let mut fields = BTreeMap::from([("hint", first.as_str()), ("hints", &hints)]);
    if unrecognised {
        fields.insert("unrecognised", "no_ticket_id");
    }
    json(StatusCode::ACCEPTED, None, &fields)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response<Body>) -> &str {
        let Body::Text(text) = response.body() else { return "" };
        text
    }

    /// F21 of the field faults.
    #[test]
    fn a_webhook_without_a_ticket_is_accepted_and_says_so() {
        let hint = HintId::parse("r.0").unwrap();
        assert_eq!(
            text(&accepted(Some(&hint), 1, true)),
            r#"{"hint":"r.0","hints":"1","unrecognised":"no_ticket_id"}"#
        );
        assert_eq!(text(&accepted(Some(&hint), 2, false)), r#"{"hint":"r.0","hints":"2"}"#);
    }
}
