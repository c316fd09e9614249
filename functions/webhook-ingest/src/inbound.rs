//! A webhook that is not Salestrekker's, such as a form on a website: its fields become hints, or the response says why not.

use crate::address::Address;
use crate::headers::{content_type, sender_id, trace};
use automations::aws::secret::{Declaration, HeaderName, SameBody};
use automations::clock::Timestamp;
use automations::id::HintId;
use automations::lambda_http::Request;
use automations::model::hint::Hint;
use automations::model::inbound::{Identity, InboundRequest, Unreadable};
use automations::telemetry::metric::RejectionReason;

/// The hints of an inbound request: one, or one for each object of an array. The body is parsed here, where the response can
/// still say that it is invalid.
pub(crate) fn hints(
    address: &Address<'_>,
    request: &Request,
    body: &[u8],
    declaration: &Declaration,
    (request_id, now): (&str, Timestamp),
) -> Result<Vec<Hint>, RejectionReason> {
    let without_id = match declaration.same_body {
        SameBody::IsRepeat => Identity::Content,
        SameBody::IsNew => Identity::Unique(request_id),
    };
    let id = sender_id(request, declaration.id_header.as_ref().map(HeaderName::as_str));
    let identity = id.map_or(without_id, Identity::Id);
    let all = InboundRequest::read_all(body, content_type(request), identity);
    let all = all.map_err(|unreadable| match unreadable {
        Unreadable::TooLarge => RejectionReason::TooLarge,
        Unreadable::NoFields => RejectionReason::UnsupportedBody,
    })?;
    let hints = all.into_iter().enumerate().map(|(position, inbound)| {
        // Lambda's request ids are UUIDs; an invalid id would be the runtime's fault, not the sender's.
        let id = HintId::of(request_id, position).map_err(|_invalid| RejectionReason::Unavailable)?;
        Ok(Hint {
            id,
            organisation: address.organisation.clone(),
            action: Some(address.action.clone()),
            received_at: now,
            ticket: None,
            more: Vec::new(),
            reminder: false,
            raw: None,
            inbound: Some(inbound),
            trace: trace(request),
        })
    });
    hints.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::queue::MAX_BATCH_BYTES;
    use automations::json;
    use automations::lambda_http::http;
    use automations::model::inbound::MAX_FIELDS;

    const JSON: &str = "application/json";

    fn hints_of(content_type: &str, id: Option<&str>, body: &str) -> Result<Vec<Hint>, RejectionReason> {
        let mut request = http::Request::post("/").header("content-type", content_type);
        if let Some(id) = id {
            request = request.header("webhook-id", id);
        }
        let address = crate::address::address("/hooks/north/inbound-website-lead/t0ken").unwrap();
        let (request, now) = (request.body(().into()).unwrap(), Timestamp::from_millis(1));
        hints(&address, &request, body.as_bytes(), &Declaration::default(), ("request-1", now))
    }

    fn hint_of(content_type: &str, id: Option<&str>, body: &str) -> Hint {
        hints_of(content_type, id, body).unwrap().remove(0)
    }

    #[test]
    fn a_form_and_json_become_a_hint_with_fields_and_no_ticket() {
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njane@example.com\r\n--x--";
        for (kind, body) in [
            ("application/x-www-form-urlencoded", "id=t-1&email=jane%40example.com"),
            (JSON, r#"{"id": "t-1", "email": "jane@example.com"}"#),
            ("multipart/form-data; boundary=x", multipart),
        ] {
            let hint = hint_of(kind, None, body);
            assert_eq!((&hint.ticket, &hint.raw), (&None, &None), "its id is not a ticket's");
            let inbound = hint.inbound.unwrap();
            assert_eq!(inbound.fields.text("email").unwrap().reveal(), "jane@example.com");
            assert!(!inbound.has_id);
        }
        assert!(hint_of(JSON, Some("m-1"), "{}").inbound.unwrap().has_id);
        assert!(!hint_of(JSON, Some(""), "{}").inbound.unwrap().has_id);
    }

    /// F7 and F8 of the field faults.
    #[test]
    fn a_declaration_says_by_what_a_repetition_is_recognised() {
        let address = crate::address::address("/hooks/north/inbound-website-lead/t0ken").unwrap();
        let digest = |fields: &str, id: &str, request: &str| {
            let declaration: Declaration = json::from_json(fields.as_bytes()).unwrap();
            let post = http::Request::post("/").header("x-event-id", id).body(().into()).unwrap();
            let context = (request, Timestamp::from_millis(1));
            let hint = hints(&address, &post, br#"{"a": 1}"#, &declaration, context).unwrap().remove(0);
            let inbound = hint.inbound.unwrap();
            (inbound.digest, inbound.has_id)
        };
        let by_header = r#"{"id_header": "X-Event-Id"}"#;
        assert_eq!(digest(by_header, "1", "r-1"), digest(by_header, "1", "r-2"));
        assert_ne!(digest(by_header, "1", "r-1"), digest(by_header, "2", "r-1"));
        assert!(digest(by_header, "1", "r-1").1);
        assert_eq!(digest("{}", "1", "r-1"), digest("{}", "2", "r-2"), "the same body");
        let never = r#"{"same_body_is_repeat": false}"#;
        assert_ne!(digest(never, "1", "r-1"), digest(never, "1", "r-2"));
    }

    #[test]
    fn each_object_of_an_array_has_a_hint_of_its_own() {
        let hints = hints_of(JSON, Some("m-1"), r#"[{"a": "1"}, {"a": "2"}]"#).unwrap();
        let ids: Vec<_> = hints.iter().map(|hint| hint.id.as_str()).collect();
        assert_eq!(ids, ["request-1.0", "request-1.1"]);
        let text = |hint: &Hint| hint.inbound.as_ref().unwrap().fields.text("a").unwrap().reveal().clone();
        assert_eq!(hints.iter().map(text).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn what_cannot_be_read_has_its_reason_and_what_can_fits_a_message() {
        let error = |kind, body: &str| hints_of(kind, None, body).unwrap_err();
        assert_eq!(error(JSON, "hello"), RejectionReason::UnsupportedBody);
        assert_eq!(error(JSON, "[{}, 1]"), RejectionReason::UnsupportedBody);
        assert_eq!(error("multipart/form-data; boundary=x", "--x"), RejectionReason::UnsupportedBody);
        let body = |length: usize| format!(r#"{{"a": "{}"}}"#, "x".repeat(length));
        assert_eq!(error(JSON, &body(MAX_FIELDS)), RejectionReason::TooLarge);
        let hint = hint_of(JSON, None, &body(MAX_FIELDS - 20));
        assert!(json::to_json(&hint).len() <= MAX_BATCH_BYTES);
    }
}
