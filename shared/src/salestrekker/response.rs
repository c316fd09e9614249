//! Parsing a response: every way in which it can fail. Pure functions, as the bytes come from outside.

use super::Error;
use super::depth::depth;
use super::graphql_error::{GraphQlError, THROTTLING_CODES};
use crate::clock::{self, Timestamp};
use crate::json;
use crate::private::Private;
use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Why there is no usable response if the API says that it failed.
pub(super) const INTERNAL_ERROR: &str = "an internal error of the API";

/// The effect of a request at Salestrekker, which decides what is safe after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// A query: it changes nothing.
    ReadOnly,
    /// A mutation that leaves the same state, no matter how often it is sent.
    Idempotent,
    /// A mutation that has a new effect each time, or that replaces what was read before, which may have changed.
    NonIdempotent,
}

impl Effect {
    /// Whether the request may be sent again after this error. Never after [`Error::OutcomeUnknown`], even if
    /// the mutation is idempotent: another user may have changed the ticket meanwhile, so the caller fetches
    /// it again first.
    pub(super) fn may_retry_after(self, error: &Error) -> bool {
        let not_done = matches!(error, Error::Throttled { .. } | Error::Unavailable { .. });
        match self {
            Self::ReadOnly | Self::Idempotent => not_done,
            Self::NonIdempotent => false,
        }
    }

    /// The error for a request that was sent and has no usable response.
    pub(super) fn error_without_response(self, why: &'static str) -> Error {
        match self {
            Self::ReadOnly => Error::Unavailable { why },
            Self::Idempotent | Self::NonIdempotent => Error::OutcomeUnknown,
        }
    }
}

/// A response: its data and its errors.
#[derive(Debug)]
pub(super) struct GraphQlResponse {
    pub(super) data: Value,
    pub(super) errors: Vec<GraphQlError>,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Option<Vec<GraphQlError>>,
}

/// The error of a response whose HTTP status alone is conclusive.
pub(super) fn check_status(
    status: StatusCode,
    retry_after: Option<&str>,
    effect: Effect,
) -> Result<(), Error> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Error::CredentialRefused),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Throttled {
            retry_after: retry_after.and_then(|value| retry_delay(value, clock::now())),
        }),
        // With these two, nothing was done; with any other 5xx, a gateway may have passed the mutation on.
        StatusCode::SERVICE_UNAVAILABLE => Err(Error::Unavailable { why: "HTTP status 503" }),
        StatusCode::REQUEST_TIMEOUT => Err(Error::Unavailable { why: "HTTP status 408" }),
        _ if status.is_server_error() => Err(effect.error_without_response("HTTP status 5xx")),
        _ if status.is_redirection() => Err(Error::InvalidResponse {
            at: "a redirect; check the endpoint in the secret api-key".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Parses the body of a response whose status is not conclusive.
pub(super) fn read(
    status: StatusCode,
    body: &[u8],
    effect: Effect,
    max_depth: usize,
) -> Result<GraphQlResponse, Error> {
    if depth(body) > max_depth {
        return Err(Error::InvalidResponse { at: format!("a response nested deeper than {max_depth}") });
    }
    let Ok(envelope) = json::from_json::<Envelope>(body) else {
        // A gateway's own page, for example while the vendor deploys: only GraphQL says something about this request. With a
        // 4xx status nothing was done.
        return Err(if status.is_client_error() {
            Error::Unavailable { why: "HTTP status 4xx, and the response is not GraphQL" }
        } else {
            effect.error_without_response("the response is not GraphQL")
        });
    };
    let errors = envelope.errors.unwrap_or_default();
    let of_everything = |error: &&GraphQlError| !error.is_of_one_field(envelope.data.as_ref());
    if errors.iter().filter(of_everything).any(GraphQlError::rejects_credential) {
        return Err(Error::CredentialRefused);
    }
    match envelope.data {
        Some(data) if !data.is_null() => Ok(GraphQlResponse { data, errors }),
        _ if errors.is_empty() => Err(Error::InvalidResponse { at: "data".to_owned() }),
        _ => Err(graphql_error(errors, effect)),
    }
}

impl GraphQlResponse {
    /// The request's one field, which every document calls `result`.
    pub(super) fn single<T: DeserializeOwned>(mut self, effect: Effect) -> Result<T, Error> {
        let value = self.data.get_mut("result").map(Value::take).unwrap_or_default();
        // A mutation whose field has a value took effect, despite any error; a query's value may lack a part.
        if !self.errors.is_empty() && (effect == Effect::ReadOnly || value.is_null()) {
            return Err(graphql_error(self.errors, effect));
        }
        decode(value, "result")
    }

    /// Checks that every field of a handler's mutation has a value, or that there is no error.
    pub(super) fn check_complete(self, effect: Effect) -> Result<(), Error> {
        let lacks = self.data.as_object().is_none_or(|fields| fields.values().any(Value::is_null));
        if lacks && !self.errors.is_empty() { Err(graphql_error(self.errors, effect)) } else { Ok(()) }
    }

    /// Whether every error names its alias. If one does not, any value of the batch may lack a part, so none
    /// can be trusted.
    pub(super) fn errors_name_their_alias(&self) -> bool {
        self.errors.iter().all(|error| error.alias().is_some())
    }

    /// The fields of a batch, one for each alias, in their order: the object, nothing, or its own error. An
    /// object with an error is not returned: a missing part would look like removed labels.
    pub(super) fn by_alias<T: DeserializeOwned>(
        mut self,
        aliases: impl IntoIterator<Item = String>,
    ) -> Vec<Result<Option<T>, Error>> {
        let mut results = Vec::new();
        for alias in aliases {
            let value = self.data.get_mut(&alias).map(Value::take).unwrap_or_default();
            let is_own = |error: &&GraphQlError| error.alias().is_none_or(|own| own == alias);
            let own: Vec<GraphQlError> = self.errors.iter().filter(is_own).cloned().collect();
            results.push(match value {
                Value::Null if own.iter().all(GraphQlError::is_not_found) => Ok(None),
                value if own.is_empty() => decode(value, &alias).map(Some),
                _ => Err(graphql_error(own, Effect::ReadOnly)),
            });
        }
        results
    }
}

/// Decodes a part of a response.
fn decode<T: DeserializeOwned>(value: Value, at: &str) -> Result<T, Error> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Error::InvalidResponse { at: format!("{at}.{}", json::path_text(error.path())) })
}

/// The error for a response without data; the vendor's messages stay private. What the vendor's errors look
/// like is not known (salestrekker-facts.md, section 7): these codes are common among GraphQL servers.
fn graphql_error(errors: Vec<GraphQlError>, effect: Effect) -> Error {
    let any = |codes: &[&str]| errors.iter().any(|error| codes.contains(&error.code()));
    if any(&THROTTLING_CODES) {
        Error::Throttled { retry_after: None }
    } else if any(&["INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE"]) {
        effect.error_without_response(INTERNAL_ERROR)
    } else {
        let lines = errors.iter().flat_map(GraphQlError::lines).collect();
        let is_final = effect != Effect::ReadOnly || errors.iter().any(GraphQlError::is_final);
        let messages = errors.into_iter().map(|error| error.message().to_owned()).collect();
        Error::Rejected { messages: Private::new(messages), lines, is_final }
    }
}

/// The longest delay that the API may ask for: an action's message waits at most that long, and is then tried.
const MAX_RETRY_DELAY: Duration = Duration::from_mins(15);

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date, which may be past. Anything else is ignored.
fn retry_delay(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let delay = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => Timestamp::from_http_date(value)?.since(now),
    };
    Some(delay.min(MAX_RETRY_DELAY))
}

/// Parses a response with this status and body; for the fuzz target.
///
/// # Errors
/// [`Error`], as for any request.
#[doc(hidden)]
pub fn read_any_response(status: u16, is_mutation: bool, body: &[u8]) -> Result<(), Error> {
    let effect = if is_mutation { Effect::NonIdempotent } else { Effect::ReadOnly };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    check_status(status, std::str::from_utf8(body).ok(), effect)?;
    let found: Vec<Result<Option<Value>, Error>> =
        read(status, body, effect, 64)?.by_alias(["a0".to_owned()]);
    found.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure as _;
    use crate::reason::Reason;
    use proptest::prelude::*;
    use serde_json::json;

    fn response(json: &Value, effect: Effect) -> Result<GraphQlResponse, Error> {
        read(StatusCode::OK, json.to_string().as_bytes(), effect, 64)
    }

    proptest! {
        #[test]
        fn each_id_of_a_batch_gets_exactly_its_own_result(fates in proptest::collection::vec(0..5_u8, 0..25)) {
            let (mut data, mut errors) = (json!({}), Vec::new());
            let alias = |position: usize| format!("a{position}");
            for (position, fate) in fates.iter().enumerate() {
                let alias = alias(position);
                match fate {
                    0 => data[&alias] = json!(position),
                    1 => data[&alias] = Value::Null,
                    2 => errors.push(json!({"message": "no", "path": [alias, "name"]})),
                    3 => data[&alias] = json!("no number"),
                    _ => errors.push(json!({"path": [alias], "extensions": {"code": "NOT_FOUND"}})),
                }
            }
            let response = response(&json!({ "data": data, "errors": errors }), Effect::ReadOnly).unwrap();
            let found: Vec<Result<Option<usize>, Error>> = response.by_alias((0..fates.len()).map(alias));
            prop_assert_eq!(found.len(), fates.len());
            for (position, (fate, found)) in fates.iter().zip(&found).enumerate() {
                match fate {
                    0 => prop_assert_eq!(found.as_ref().unwrap(), &Some(position)),
                    2 => prop_assert!(found.as_ref().is_err_and(|error| error.reason() == Reason::SalestrekkerRejected)),
                    3 => prop_assert!(found.as_ref().is_err_and(|error| error.reason() == Reason::InvalidResponse)),
                    _ => prop_assert_eq!(found.as_ref().unwrap(), &None),
                }
            }
        }
    }

    #[test]
    fn an_error_without_a_path_may_be_anybodys() {
        let both = json!({"data": {"a0": 7}, "errors": [{"message": "half of it failed", "path": null}]});
        let response = response(&both, Effect::ReadOnly).unwrap();
        assert!(!response.errors_name_their_alias());
        let found: Vec<Result<Option<u8>, Error>> = response.by_alias(["a0".to_owned(), "a1".to_owned()]);
        assert!(found.iter().all(Result::is_err));
    }

    #[test]
    fn a_thing_that_an_error_took_a_part_of_is_no_thing() {
        let part = json!({"data": {"a0": {"idLabels": null}}, "errors": [{"path": ["a0", "idLabels"]}]});
        let found: Vec<Result<Option<Value>, Error>> =
            response(&part, Effect::ReadOnly).unwrap().by_alias(["a0".to_owned()]);
        assert!(found[0].is_err());
    }

    #[test]
    fn a_mutation_that_has_its_value_took_effect() {
        let complaint = json!({"data": {"result": "t-1"}, "errors": [{"message": "no mail was sent"}]});
        let id: String =
            response(&complaint, Effect::NonIdempotent).unwrap().single(Effect::NonIdempotent).unwrap();
        assert_eq!(id, "t-1");
        assert!(response(&complaint, Effect::ReadOnly).unwrap().single::<String>(Effect::ReadOnly).is_err());
    }

    #[test]
    fn the_vendors_words_do_not_print() {
        let refused = json!({"data": null, "errors": [{"message": "no such client: Jane Citizen"}]});
        let error = response(&refused, Effect::ReadOnly).unwrap_err();
        assert!(matches!(&error, Error::Rejected { messages, .. } if messages.reveal().len() == 1));
        assert!(!format!("{error} {error:?}").contains("Jane"));
    }

    #[test]
    fn what_is_not_answered_is_ambiguous_after_a_mutation_only() {
        let page = b"<html>";
        let read = |effect| read(StatusCode::OK, page, effect, 64).unwrap_err();
        assert!(matches!(read(Effect::ReadOnly), Error::Unavailable { .. }));
        assert!(matches!(read(Effect::Idempotent), Error::OutcomeUnknown));
        assert!(matches!(
            check_status(StatusCode::BAD_GATEWAY, None, Effect::NonIdempotent),
            Err(Error::OutcomeUnknown)
        ));
        let nothing_done = check_status(StatusCode::SERVICE_UNAVAILABLE, None, Effect::NonIdempotent);
        assert!(matches!(nothing_done, Err(Error::Unavailable { .. })));
    }

    #[test]
    fn each_status_and_code_asks_for_its_own_remedy() {
        let throttled = check_status(StatusCode::TOO_MANY_REQUESTS, Some("7"), Effect::ReadOnly);
        assert!(
            matches!(throttled, Err(Error::Throttled { retry_after: Some(after) }) if after.as_secs() == 7)
        );
        let coded = |code: &str| {
            response(&json!({"errors": [{"extensions": {"code": code}}]}), Effect::ReadOnly).unwrap_err()
        };
        assert!(matches!(coded("RATE_LIMITED"), Error::Throttled { .. }));
        assert!(matches!(coded("UNAUTHENTICATED"), Error::CredentialRefused));
        assert!(matches!(coded("INTERNAL_SERVER_ERROR"), Error::Unavailable { .. }));
        assert!(matches!(coded("BAD_USER_INPUT"), Error::Rejected { .. }));
        let refused = json!({"errors": [{"message": "no"}]}).to_string();
        let refused = read(StatusCode::BAD_REQUEST, refused.as_bytes(), Effect::NonIdempotent, 64);
        assert!(matches!(refused, Err(Error::Rejected { .. })));
    }

    /// F1 of the field faults.
    #[test]
    fn only_graphql_rejects_a_request_and_a_page_of_a_gateway_is_an_outage() {
        for (status, page) in
            [(404, "<html>"), (400, "Bad Request"), (403 + 7, ""), (200, "<html>"), (418, "{\"a\": 1")]
        {
            let status = StatusCode::from_u16(status).unwrap();
            let error = read(status, page.as_bytes(), Effect::ReadOnly, 64).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{status}: {error:?}");
        }
        let create = read(StatusCode::NOT_FOUND, b"<html>", Effect::NonIdempotent, 64).unwrap_err();
        assert!(
            matches!(create, Error::Unavailable { .. }),
            "a mutation that was not received was not performed"
        );
    }

    /// F1 of the field faults: found by a chaos run, in which the hint of a ticket's last change was dead-lettered at once.
    #[test]
    fn an_error_of_a_query_is_final_only_if_its_code_says_so_and_a_mutation_is_never_repeated() {
        use crate::failure::Remedy;
        let remedy = |error: Value, effect: Effect| {
            let body = json!({ "data": { "result": null }, "errors": [error] });
            response(&body, effect).unwrap().single::<String>(effect).unwrap_err().remedy()
        };
        let retry = Remedy::Retry { after: None };
        assert_eq!(
            remedy(json!({ "message": "a field failed", "path": ["result"] }), Effect::ReadOnly),
            retry
        );
        assert_eq!(remedy(json!({ "extensions": { "code": "SOMETHING" } }), Effect::ReadOnly), retry);
        for code in ["BAD_USER_INPUT", "FORBIDDEN", "GRAPHQL_VALIDATION_FAILED"] {
            assert_eq!(
                remedy(json!({ "extensions": { "code": code } }), Effect::ReadOnly),
                Remedy::DeadLetter
            );
        }
        for effect in [Effect::Idempotent, Effect::NonIdempotent] {
            assert_eq!(remedy(json!({ "message": "no" }), effect), Remedy::DeadLetter);
        }
    }

    /// F24 of the field faults.
    #[test]
    fn advice_to_wait_is_seconds_or_a_date_and_nonsense_is_ignored() {
        let now = Timestamp::from_seconds(1_795_683_600); // 26 November 2026, 09:00 UTC
        let seconds = |value| retry_delay(value, now).map(|delay| delay.as_secs());
        assert_eq!(seconds(" 7 "), Some(7));
        assert_eq!(seconds("Thu, 26 Nov 2026 09:02:00 GMT"), Some(120));
        assert_eq!(seconds("Thu, 26 Nov 2026 08:00:00 GMT"), Some(0), "a clock that is slow");
        for long in ["Fri, 27 Nov 2026 09:02:00 GMT", "999999999"] {
            assert_eq!(seconds(long), Some(900), "{long}");
        }
        for nonsense in ["", "soon", "-5", "1.5", "26 Nov 2026"] {
            assert_eq!(seconds(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn an_answer_that_is_nested_too_deep_says_so() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let error = read(StatusCode::OK, deep(65).as_bytes(), Effect::ReadOnly, 64).unwrap_err();
        assert!(error.to_string().contains("nested deeper than 64"), "{error}");
    }

    #[test]
    fn what_is_unknown_passes() {
        #[derive(Deserialize)]
        struct Known {
            id: String,
        }
        let more = json!({"data": {"result": {"id": "t-1", "colour": "new"}}, "extensions": {"cost": 3}});
        let known: Known = response(&more, Effect::ReadOnly).unwrap().single(Effect::ReadOnly).unwrap();
        assert_eq!(known.id, "t-1");
    }
}
