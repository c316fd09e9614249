//! A webhook that is not Salestrekker's, such as a form on a website: its fields become a hint, or the response says why not.

use crate::address::Address;
use crate::headers::{content_type, trace};
use automations::clock::Timestamp;
use automations::id::HintId;
use automations::lambda_http::Request;
use automations::lambda_http::http::HeaderValue;
use automations::model::hint::Hint;
use automations::model::inbound::{InboundRequest, Unreadable};
use automations::telemetry::metric::RejectionReason;

/// The sender's id of the request, by the Standard Webhooks specification.
const ID: &str = "webhook-id";

/// The hint of an inbound request. The body is parsed here, where the response can still say that it is invalid.
pub(crate) fn hint(
    address: &Address<'_>,
    request: &Request,
    request_id: &str,
    now: Timestamp,
) -> Result<Hint, RejectionReason> {
    let id = request.headers().get(ID).map(HeaderValue::as_bytes).filter(|id| !id.is_empty());
    let inbound = InboundRequest::read(request.body().as_ref(), content_type(request), id);
    let inbound = inbound.map_err(|unreadable| match unreadable {
        Unreadable::TooLarge => RejectionReason::TooLarge,
        Unreadable::NoFields => RejectionReason::UnsupportedBody,
    })?;
    // Lambda's request ids are UUIDs; an invalid id would be the runtime's fault, not the sender's.
    let id = HintId::of(request_id, 0).map_err(|_invalid| RejectionReason::Unavailable)?;
    let (organisation, action) = (address.organisation.clone(), Some(address.action.clone()));
    let (inbound, trace) = (Some(inbound), trace(request));
    Ok(Hint { id, organisation, action, received_at: now, ticket: None, raw: None, inbound, trace })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::queue::MAX_BATCH_BYTES;
    use automations::json;
    use automations::lambda_http::http;
    use automations::model::inbound::MAX_BODY;

    fn hint_of(content_type: &str, id: Option<&str>, body: &str) -> Result<Hint, RejectionReason> {
        let mut request = http::Request::post("/").header("content-type", content_type);
        if let Some(id) = id {
            request = request.header(ID, id);
        }
        let address = crate::address::address("/hooks/north/inbound-website-lead/t0ken").unwrap();
        hint(&address, &request.body(body.into()).unwrap(), "request-1", Timestamp::from_millis(1))
    }

    #[test]
    fn a_form_and_json_become_a_hint_with_fields_and_no_ticket() {
        for (kind, body) in [
            ("application/x-www-form-urlencoded", "id=t-1&email=jane%40example.com"),
            ("application/json", r#"{"id": "t-1", "email": "jane@example.com"}"#),
        ] {
            let hint = hint_of(kind, None, body).unwrap();
            assert_eq!((&hint.ticket, &hint.raw), (&None, &None), "its id is not a ticket's");
            let inbound = hint.inbound.unwrap();
            assert_eq!(inbound.fields.text("email").unwrap().reveal(), "jane@example.com");
            assert!(!inbound.has_id);
        }
        assert!(hint_of("application/json", Some("m-1"), "{}").unwrap().inbound.unwrap().has_id);
        assert!(!hint_of("application/json", Some(""), "{}").unwrap().inbound.unwrap().has_id);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_what_can_fits_a_message() {
        let json = "application/json";
        assert_eq!(hint_of(json, None, "hello").unwrap_err(), RejectionReason::UnsupportedBody);
        assert_eq!(
            hint_of("multipart/form-data", None, "--x").unwrap_err(),
            RejectionReason::UnsupportedBody
        );
        let body = |length: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
        assert_eq!(hint_of(json, None, &body(MAX_BODY)).unwrap_err(), RejectionReason::TooLarge);
        let hint = hint_of(json, None, &body(MAX_BODY - 20)).unwrap();
        assert!(json::to_json(&hint).len() <= MAX_BATCH_BYTES);
    }
}
