//! The responses: small JSON with a reason code and the request's id, never with the content of a request.

use crate::challenge::Answer;
use automations::id::{HintId, OrganisationId, WebhookAction};
use automations::json;
use automations::lambda_http::http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use automations::lambda_http::http::{HeaderValue, StatusCode};
use automations::lambda_http::{Body, Response};
use automations::telemetry::metric::RejectionReason;
use std::collections::BTreeMap;

/// The response to a rejected request. The status codes are those of RFC 9110; a 405 says which methods are allowed, a 415
/// which encodings, a 503 after how many seconds to retry.
pub(crate) fn rejected(rejection: RejectionReason, request_id: &str) -> Response<Body> {
    let (status, header) = match rejection {
        RejectionReason::NotFound => (StatusCode::NOT_FOUND, None),
        RejectionReason::Unauthorised | RejectionReason::InvalidSignature => (StatusCode::UNAUTHORIZED, None),
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

/// What the sender should know of a request that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// The body names tickets.
    Tickets,
    /// No ticket's id was found in the body.
    NoTicketId,
    /// A later request with the same id is dropped.
    RepeatedById,
    /// A later request with the same body is dropped, within ten minutes.
    RepeatedByBody,
    /// No later request is taken for a repetition.
    NotRepeated,
}

/// 202: every hint is on the queue.
pub(crate) fn accepted(first: Option<&HintId>, hints: usize, note: Note) -> Response<Body> {
    let (first, hints) = (first.map(ToString::to_string).unwrap_or_default(), hints.to_string());
    let mut fields = BTreeMap::from([("hint", first.as_str()), ("hints", &hints)]);
    fields.extend(match note {
        Note::Tickets => None,
        Note::NoTicketId => Some(("unrecognised", "no_ticket_id")),
        Note::RepeatedById => Some(("duplicate_if", "same_id")),
        Note::RepeatedByBody => Some(("duplicate_if", "same_body")),
        Note::NotRepeated => Some(("duplicate_if", "never")),
    });
    json(StatusCode::ACCEPTED, None, &fields)
}

/// 500 to a webhook that was accepted, as a rehearsal wants to know what the sender does then.
pub(crate) fn rehearsed_failure(request_id: &str) -> Response<Body> {
    let fields = [("error", "rehearsal"), ("request", request_id)];
    json(StatusCode::INTERNAL_SERVER_ERROR, None, &BTreeMap::from(fields))
}

/// 200 to a sender that asks whether the URL is ours: its challenge, in the form that it expects.
pub(crate) fn challenge(answer: &Answer) -> Response<Body> {
    let mut response = match answer {
        Answer::Json(name, value) => json(StatusCode::OK, None, &BTreeMap::from([(*name, value.as_str())])),
        Answer::Text(value) => {
            let mut response = json(StatusCode::OK, None, &BTreeMap::new());
            *response.body_mut() = Body::Text(value.clone());
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
            response
        }
    };
    // What a sender sent is never shown as a page.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
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
        response.headers_mut().insert(name, HeaderValue::from_static(value));
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

    /// F8 of the field faults: the sender learns what of its is taken for a repetition.
    #[test]
    fn a_post_that_is_accepted_says_when_a_later_one_is_a_duplicate() {
        for (note, word) in [
            (Note::RepeatedById, "same_id"),
            (Note::RepeatedByBody, "same_body"),
            (Note::NotRepeated, "never"),
        ] {
            let response = accepted(None, 1, note);
            assert!(text(&response).contains(&format!(r#""duplicate_if":"{word}""#)), "{response:?}");
        }
    }

    #[test]
    fn a_challenge_is_answered_as_what_it_is_and_never_as_a_page() {
        let of = |answer| {
            let response = challenge(&answer);
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            (text(&response).to_owned(), header("content-type"), header("x-content-type-options"))
        };
        let (text, kind, options) = of(Answer::Text("<b>".to_owned()));
        assert_eq!(
            (text.as_str(), kind.as_str(), options.as_str()),
            ("<b>", "text/plain; charset=utf-8", "nosniff")
        );
        let (text, kind, _) = of(Answer::Json("challenge", "a\"b".to_owned()));
        assert_eq!((text.as_str(), kind.as_str()), (r#"{"challenge":"a\"b"}"#, "application/json"));
    }

    /// F21 of the field faults.
    #[test]
    fn a_webhook_without_a_ticket_is_accepted_and_says_so() {
        let hint = HintId::parse("r.0").unwrap();
        assert_eq!(
            text(&accepted(Some(&hint), 1, Note::NoTicketId)),
            r#"{"hint":"r.0","hints":"1","unrecognised":"no_ticket_id"}"#
        );
        assert_eq!(text(&accepted(Some(&hint), 2, Note::Tickets)), r#"{"hint":"r.0","hints":"2"}"#);
    }
}
