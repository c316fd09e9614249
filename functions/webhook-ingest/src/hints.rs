//! A webhook of Salestrekker's becomes hints.

use crate::address::Address;
use crate::headers::{content_type, trace};
use automations::aws::queue::MAX_BATCH_BYTES;
use automations::clock::Timestamp;
use automations::id::HintId;
use automations::lambda_http::Request;
use automations::model::hint::{Hint, MAX_TICKETS, Raw};
use automations::model::webhook;
use automations::telemetry::metric::RejectionReason;

/// The maximum size in bytes of a body that its hint has: with its envelope it must fit one message, in base 64, which makes
/// four bytes of three.
const MAX_RAW: usize = (MAX_BATCH_BYTES - 8_192) / 4 * 3;
const MAX_CONTENT_TYPE: usize = 200;

/// Hints that name the tickets of the body, [`MAX_TICKETS`] each, or one without a ticket. The first one has the body, unless
/// that is too large for a message.
pub(crate) fn hints(
    address: &Address<'_>,
    request: &Request,
    body: &[u8],
    request_id: &str,
    now: Timestamp,
) -> Result<Vec<Hint>, RejectionReason> {
    let content_type = content_type(request).filter(|text| text.len() <= MAX_CONTENT_TYPE);
    let raw = || Raw { body: body.to_vec(), content_type: content_type.map(str::to_owned) };
    let mut raw = (body.len() <= MAX_RAW).then(raw);
    let tickets = webhook::ticket_ids(body, content_type);
    let groups = if tickets.is_empty() { vec![&[][..]] } else { tickets.chunks(MAX_TICKETS).collect() };
    let mut position: usize = 0;
    let hints = groups.into_iter().map(|tickets| {
        // Lambda's request ids are UUIDs; an invalid id would be the runtime's fault, not the sender's.
        let id = HintId::of(request_id, position).map_err(|_invalid| RejectionReason::Unavailable)?;
        position = position.saturating_add(tickets.len());
        let (ticket, more) =
            tickets.split_first().map_or((None, &[][..]), |(first, more)| (Some(first), more));
        Ok(Hint {
            id,
            organisation: address.organisation.clone(),
            action: Some(address.action.clone()),
            received_at: now,
            ticket: ticket.cloned(),
            more: more.to_vec(),
            reminder: false,
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
    use crate::body::MAX_BODY;
    use automations::json;

    fn hints_of(body: impl AsRef<[u8]>) -> Vec<Hint> {
        let address = address("/hooks/north/ticket-updated/t0ken").unwrap();
        let request =
            automations::lambda_http::http::Request::post("/").header("content-type", "application/json");
        let (request, now) = (request.body(().into()).unwrap(), Timestamp::from_millis(1));
        hints(&address, &request, body.as_ref(), "2db0924b-8a42-4224-b6ac-63db8bfb4680", now).unwrap()
    }

    fn each(hints: &[Hint]) -> Vec<Hint> {
        hints.iter().flat_map(Hint::each).collect()
    }

    #[test]
    fn each_ticket_has_a_hint_and_the_first_message_carries_the_body() {
        let body = r#"[{"id": "t-1"}, {"id": "t-2"}]"#;
        let hints = hints_of(body);
        assert_eq!((hints.len(), &hints[0].raw.as_ref().unwrap().body[..]), (1, body.as_bytes()));
        let each = each(&hints);
        let tickets: Vec<_> = each.iter().filter_map(|hint| Some(hint.ticket.as_ref()?.as_str())).collect();
        assert_eq!(tickets, ["t-1", "t-2"]);
        assert_ne!(each[0].id, each[1].id);
    }

    /// F17 of the field faults.
    #[test]
    fn thousands_of_ids_are_carried_by_few_messages_each_id_once() {
        let ids = |count: usize| {
            (0..count).map(|id| format!("7d9b2f6a-0b1c-4d53-9a55-{id:012}")).collect::<Vec<_>>()
        };
        for count in [25, 26, 4_000, 20_000] {
            let hints = hints_of(serde_json(&ids(count)));
            assert_eq!(hints.len(), count.div_ceil(MAX_TICKETS));
            let each = each(&hints);
            let tickets: Vec<_> = each.iter().map(|hint| hint.ticket.as_ref().unwrap().to_string()).collect();
            assert_eq!(tickets, ids(count));
            let distinct: std::collections::HashSet<_> = each.iter().map(|hint| &hint.id).collect();
            assert_eq!(distinct.len(), count);
            assert!(hints.iter().all(|hint| json::to_json(hint).len() <= MAX_BATCH_BYTES));
        }
    }

    fn serde_json(ids: &[String]) -> String {
        json::to_json(&std::collections::BTreeMap::from([("ids", ids)]))
    }

    #[test]
    fn a_body_of_any_shape_becomes_a_hint_with_its_bytes() {
        for body in [&b""[..], b"\xff\xfe", b"id=", b"{", b"[]"] {
            let hints = hints_of(body);
            assert_eq!(hints.len(), 1);
            assert_eq!((&hints[0].ticket, &hints[0].raw.as_ref().unwrap().body[..]), (&None, body));
        }
    }

    #[test]
    fn the_largest_body_fits_a_message_and_a_larger_one_is_left_out() {
        let largest = |size: usize| {
            let ids: Vec<String> = (0..MAX_TICKETS).map(|id| format!("{id:064}")).collect();
            let ids = serde_json(&ids);
            format!("{ids}{}", " ".repeat(size - ids.len()))
        };
        let hint = hints_of(largest(MAX_RAW)).remove(0);
        assert!(hint.raw.is_some() && json::to_json(&hint).len() <= MAX_BATCH_BYTES);
        for size in [MAX_RAW + 1, MAX_BODY] {
            let hint = hints_of(largest(size)).remove(0);
            assert_eq!((hint.raw, hint.more.len()), (None, MAX_TICKETS - 1));
        }
    }
}
