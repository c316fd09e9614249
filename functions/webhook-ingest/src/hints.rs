//! A webhook of Salestrekker's becomes hints.

use crate::address::Address;
use crate::headers::{content_type, trace};
use automations::aws::queue::MAX_BATCH_BYTES;
use automations::clock::Timestamp;
use automations::id::HintId;
use automations::lambda_http::Request;
use automations::model::hint::{Hint, Raw};
use automations::model::webhook;
use automations::telemetry::metric::RejectionReason;

/// The maximum size in bytes of a body: with its envelope it must fit one message, in base 64, which makes four bytes of three.
pub const MAX_BODY: usize = (MAX_BATCH_BYTES - 4_096) / 4 * 3;
const MAX_CONTENT_TYPE: usize = 200;

/// A hint for each ticket that the body names, or one without a ticket. The first one has the body.
pub(crate) fn hints(
    address: &Address<'_>,
    request: &Request,
    request_id: &str,
    now: Timestamp,
) -> Result<Vec<Hint>, RejectionReason> {
    let body = request.body().as_ref();
    if body.len() > MAX_BODY {
        return Err(RejectionReason::TooLarge);
    }
    let content_type = content_type(request).filter(|text| text.len() <= MAX_CONTENT_TYPE);
    let mut raw = Some(Raw { body: body.to_vec(), content_type: content_type.map(str::to_owned) });
    let tickets = webhook::ticket_ids(body, content_type);
    let tickets = if tickets.is_empty() { vec![None] } else { tickets.into_iter().map(Some).collect() };
    let hints = tickets.into_iter().enumerate().map(|(position, ticket)| {
        // Lambda's request ids are UUIDs; an invalid id would be the runtime's fault, not the sender's.
        let id = HintId::of(request_id, position).map_err(|_invalid| RejectionReason::Unavailable)?;
        Ok(Hint {
            id,
            organisation: address.organisation.clone(),
            action: Some(address.action.clone()),
            received_at: now,
            ticket,
            raw: raw.take(),
            inbound: None,
            trace: trace(request),
        })
    });
    hints.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::address;
    use automations::json;
    use automations::lambda_http::Body;

    fn post(body: impl Into<Body>) -> Request {
        let request =
            automations::lambda_http::http::Request::post("/").header("content-type", "application/json");
        request.body(body.into()).unwrap()
    }

    fn hints_of(body: impl Into<Body>) -> Result<Vec<Hint>, RejectionReason> {
        let address = address("/hooks/north/ticket-updated/t0ken").unwrap();
        hints(&address, &post(body), "request-1", Timestamp::from_millis(1))
    }

    #[test]
    fn each_ticket_becomes_a_hint_and_the_first_carries_the_body() {
        let body = r#"[{"id": "t-1"}, {"id": "t-2"}]"#;
        let hints = hints_of(body).unwrap();
        let tickets: Vec<_> = hints.iter().filter_map(|hint| Some(hint.ticket.as_ref()?.as_str())).collect();
        assert_eq!(tickets, ["t-1", "t-2"]);
        assert_eq!(hints[0].raw.as_ref().unwrap().body, body.as_bytes());
        assert_eq!(hints[1].raw, None);
        assert_ne!(hints[0].id, hints[1].id);
    }

    #[test]
    fn a_body_of_any_shape_becomes_a_hint_with_its_bytes() {
        for body in [&b""[..], b"\xff\xfe", b"id=", b"{", b"[]"] {
            let hints = hints_of(body.to_vec()).unwrap();
            assert_eq!(hints.len(), 1);
            assert_eq!((&hints[0].ticket, &hints[0].raw.as_ref().unwrap().body[..]), (&None, body));
        }
    }

    #[test]
    fn the_largest_body_fits_a_message_and_one_byte_more_is_refused() {
        let hints = hints_of(vec![b'x'; MAX_BODY]).unwrap();
        assert!(json::to_json(&hints[0]).len() <= MAX_BATCH_BYTES);
        assert_eq!(hints_of(vec![b'x'; MAX_BODY + 1]).unwrap_err(), RejectionReason::TooLarge);
    }
}
