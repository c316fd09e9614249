//! Finds the tickets that a webhook's body names. The only module that knows the format of a webhook's body.
//!
//! The vendor does not document the payload. The one public receiver reads `id` at the top level of a body that its framework
//! parses from JSON or a form (salestrekker-facts.md, section 6); the vendor's second version calls it `ticketId`; other CRMs wrap
//! the object in `data`, or send lists of ids. So nothing here fails: a body either names tickets or it does not. An id too many
//! costs one request, and a webhook without an id is reported.

use crate::id::TicketId;
use crate::model::content_encoding::without_mark;
use crate::model::multipart;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Fields that hold the id of a ticket wherever they are, by their plain names: `ticketId`, `id_ticket` and `ticketIds` are the
/// same one. CRMs that send thin bodies use the general ones.
const TICKET_ID: [&str; 8] =
    ["ticketid", "idticket", "dealid", "iddeal", "resourceid", "objectid", "entityid", "recordid"];
/// Fields that hold a ticket.
const TICKET: [&str; 7] =
    ["ticket", "deal", "ticketcreated", "ticketupdated", "ticketcreate", "ticketupdate", "ticketdeleted"];
/// Fields that hold what the webhook is about, in a body or an envelope.
const SUBJECT: [&str; 20] = [
    "data",
    "payload",
    "body",
    "resource",
    "resourcedata",
    "object",
    "record",
    "entity",
    "entitie",
    "item",
    "result",
    "detail",
    "value",
    "change",
    "current",
    "previous",
    "before",
    "after",
    "new",
    "old",
];
/// Fields with an id of their own, whose subject may be a ticket.
const ENVELOPE: [&str; 6] = ["event", "message", "notification", "webhook", "meta", "relationship"];
/// Levels of JSON, including JSON in a text; a parser stops at 128.
const MAX_DEPTH: usize = 160;

/// The tickets that a body names, in JSON, a form or a multipart form; each once, in order.
///
/// ```
/// let body = br#"[{"id": "t-1"}, {"data": {"ticketId": "t-2"}}, {"resourceIds": ["t-1", 3]}]"#;
/// let ids = automations::model::webhook::ticket_ids(body, None);
/// assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["t-1", "t-2", "3"]);
/// assert!(automations::model::webhook::ticket_ids(b"hello", None).is_empty());
/// ```
pub fn ticket_ids(body: &[u8], content_type: Option<&str>) -> Vec<TicketId> {
    let mut ids = Ids::default();
    match serde_json::from_slice::<Value>(without_mark(body)) {
        Ok(value) => ids.find(&value, Within::Ticket, MAX_DEPTH),
        Err(_) => {
            for (name, value) in form(body, content_type) {
                ids.find(&nested(&name, value), Within::Ticket, MAX_DEPTH);
            }
        }
    }
    ids.found
}

/// The fields of a form; arbitrary text is a form with one strange name.
pub(super) fn form(body: &[u8], content_type: Option<&str>) -> Vec<(String, String)> {
    match multipart::parts(body, content_type) {
        Some(parts) => parts.unwrap_or_default().into_iter().filter_map(multipart::Part::text).collect(),
        None => form_urlencoded::parse(body).map(|(name, value)| (name.into(), value.into())).collect(),
    }
}

/// `ticket[id]=7` and `ticket.id=7` as JSON: `{"ticket": {"id": "7"}}`. A list of ids may be a text with commas.
fn nested(name: &str, value: String) -> Value {
    let value = if value.contains(',') && !is_json(&value) {
        value.split(',').map(Value::from).collect()
    } else {
        Value::String(value)
    };
    let parts = name.split(['.', '[', ']']).filter(|part| !part.is_empty()).take(MAX_DEPTH);
    let parts: Vec<&str> = parts.collect();
    parts.into_iter().rev().fold(value, |value, part| Map::from_iter([(part.to_owned(), value)]).into())
}

/// What an object is, by the fields that it is in.
#[derive(Debug, Clone, Copy)]
enum Within {
    /// Perhaps a ticket: its `id` is taken for a ticket's.
    Ticket,
    /// Something about a ticket.
    Envelope,
    /// Something else, such as an owner or a stage.
    Other,
}

#[derive(Debug, Default)]
struct Ids {
    found: Vec<TicketId>,
    seen: std::collections::BTreeSet<TicketId>,
}

impl Ids {
    fn find(&mut self, value: &Value, within: Within, levels: usize) {
        let Some(levels) = levels.checked_sub(1) else { return };
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.find(value, within, levels)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.find_in_field(&plain(name), value, within, levels);
                }
            }
            // JSON in a text, as in the form `payload={…}`.
            Value::String(text) if is_json(text) => {
                if let Ok(value) = serde_json::from_str(text) {
                    self.find(&value, within, levels);
                }
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn find_in_field(&mut self, name: &str, value: &Value, within: Within, levels: usize) {
        let is_id = TICKET_ID.contains(&name) || (name == "id" && matches!(within, Within::Ticket));
        if is_id {
            return self.take(value, levels);
        }
        let is_ticket = TICKET.contains(&name);
        let below = match within {
            Within::Ticket | Within::Envelope | Within::Other if is_ticket => Within::Ticket,
            Within::Ticket | Within::Envelope if SUBJECT.contains(&name) => Within::Ticket,
            Within::Ticket | Within::Envelope if ENVELOPE.contains(&name) => Within::Envelope,
            Within::Ticket | Within::Envelope | Within::Other => Within::Other,
        };
        if is_ticket {
            self.take_certain(value);
        }
        self.find(value, below, levels);
    }

    /// The value of a field that holds an id, or several, or objects with an id.
    fn take(&mut self, value: &Value, levels: usize) {
        match (value, levels.checked_sub(1)) {
            (Value::Array(values), Some(levels)) => values.iter().for_each(|value| self.take(value, levels)),
            (Value::Object(_), Some(levels)) => self.find(value, Within::Ticket, levels),
            (Value::String(text), Some(levels)) if text.starts_with('[') => {
                if let Ok(value) = serde_json::from_str(text) {
                    self.take(&value, levels);
                }
            }
            (value, _) => self.add(value),
        }
    }

    /// The field `ticket` may hold an id, or the ticket's name, which says who the client is and must not be taken for an id.
    fn take_certain(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.take_certain(value)),
            Value::String(text) if Uuid::try_parse(text.trim()).is_err() => {}
            Value::String(_) | Value::Number(_) => self.add(value),
            Value::Object(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn add(&mut self, value: &Value) {
        let id = match value {
            Value::String(text) => TicketId::parse(text.trim()),
            Value::Number(number) => TicketId::parse(number.to_string()),
            Value::Array(_) | Value::Object(_) | Value::Bool(_) | Value::Null => return,
        };
        if let Ok(id) = id
            && self.seen.insert(id.clone())
        {
            self.found.push(id);
        }
    }
}

/// A field's name without case, separators and plural.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    let mut plain: String = kept.map(|c| c.to_ascii_lowercase()).collect();
    if plain.ends_with('s') {
        plain.pop();
    }
    plain
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expected: &[&str]) {
        let ids = ticket_ids(body.as_bytes(), None);
        assert_eq!(ids.iter().map(TicketId::as_str).collect::<Vec<_>>(), expected, "{body}");
    }

    #[test]
    fn ids_are_found_where_they_are_known_to_stand() {
        check(r#"{"id": "t-1"}"#, &["t-1"]);
        check(r#"{"idTicket": "t-1", "event": "deal.updated"}"#, &["t-1"]);
        check(r#"{"ticket": {"id": "t-1", "name": "x"}}"#, &["t-1"]);
        check(r#"{"id": "note-9", "idTicket": "t-1"}"#, &["note-9", "t-1"]);
        check(r#"{"id": 42}"#, &["42"]);
        check(r#"[{"id": "t-1"}, {"idTicket": "t-2"}, 7, null]"#, &["t-1", "t-2"]);
        check("id=t-1&event=updated", &["t-1"]);
        check("ticket%5Bid%5D=t-1", &["t-1"]);
    }

    /// F21 of the field faults.
    #[test]
    fn ids_are_found_in_the_shapes_that_webhooks_of_crms_have() {
        for (body, expected) in [
            (r#"{"ticketId": "t-1"}"#, &["t-1"][..]),
            (r#"{"TicketID": "t-1"}"#, &["t-1"]),
            (r#"{"ticket_id": 7}"#, &["7"]),
            (r#"{"dealId": "t-1"}"#, &["t-1"]),
            (r#"{"data": {"ticketId": "t-1"}}"#, &["t-1"]),
            (r#"{"data": {"id": "t-1", "type": "ticket"}}"#, &["t-1"]),
            (r#"{"resourceIds": ["t-1", 2]}"#, &["t-1", "2"]),
            (r#"{"ids": ["t-1", "t-2", "t-1"]}"#, &["t-1", "t-2"]),
            (r#"{"ticketIds": [{"id": "t-1"}]}"#, &["t-1"]),
            (r#"[{"objectId": 1, "eventId": 9}, {"objectId": 2}]"#, &["1", "2"]),
            (r#"{"data": {"object": {"id": "t-1", "owner": {"id": "u-1"}}}}"#, &["t-1"]),
            (r#"{"data": {"ticketUpdated": {"id": "t-1", "stage": {"id": "s-1"}}}}"#, &["t-1"]),
            (r#"{"event": {"id": "e-1", "data": {"id": "t-1"}}}"#, &["t-1"]),
            (r#"{"meta": {"id": "m-1", "entity_id": "t-1"}}"#, &["t-1"]),
            (
                r#"{"relationships": {"owner": {"data": {"id": "u"}}, "ticket": {"data": {"id": "t-1"}}}}"#,
                &["t-1"],
            ),
            (r#"{"note": {"id": "n-1", "idTicket": "t-1"}}"#, &["t-1"]),
            (r#"{"body": "{\"ticketId\": \"t-1\"}"}"#, &["t-1"]),
            (
                r#"{"tickets": ["7d9b2f6a-0b1c-4d53-9a55-1f2e3d4c5b6a", 8]}"#,
                &["7d9b2f6a-0b1c-4d53-9a55-1f2e3d4c5b6a", "8"],
            ),
            ("\u{feff}{\"id\": \"t-1\"}", &["t-1"]),
            ("ids=t-1,t-2", &["t-1", "t-2"]),
            ("ids%5B%5D=t-1&ids%5B%5D=t-2", &["t-1", "t-2"]),
            ("data%5Bticket%5D%5Bid%5D=t-1&data%5Bowner%5D%5Bid%5D=u-1", &["t-1"]),
            ("data.ticketId=t-1", &["t-1"]),
            ("payload=%7B%22ticketId%22%3A%22t-1%22%7D", &["t-1"]),
            ("ticketIds=%5B%22t-1%22%2C%22t-2%22%5D", &["t-1", "t-2"]),
        ] {
            check(body, expected);
        }
    }

    #[test]
    fn an_id_in_a_multipart_form_is_found() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"ticketId\"\r\n\r\nt-1\r\n--x--\r\n";
        let ids = ticket_ids(body.as_bytes(), Some("multipart/form-data; boundary=x"));
        assert_eq!(ids, [TicketId::parse("t-1").unwrap()]);
    }

    #[test]
    fn a_body_without_a_usable_id_names_nothing() {
        let long = format!(r#"{{"id": "{}"}}"#, "x".repeat(65));
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "hello",
            r#"{"id": ""}"#,
            r#"{"id": null}"#,
            r#"{"id": "a b"}"#,
            &long,
            r#"{"owner": {"id": "u-1"}}"#,
            r#"{"data": {"clients": [{"id": "c-1"}]}}"#,
            // A ticket's name is a client's, and an id is logged.
            r#"{"ticket": "Citizen"}"#,
            r#"{"deals": ["Citizen"]}"#,
            "ticket=Citizen",
            "deal=Jane,Citizen",
        ] {
            check(body, &[]);
        }
    }

    #[test]
    fn json_as_deep_as_the_stack_names_nothing_and_does_not_crash() {
        let deep = "[".repeat(200_000);
        check(&deep, &[]);
        let mut text = r#"{"id": "t-1"}"#.to_owned();
        for _ in 0..12 {
            text = serde_json::json!({ "payload": text }).to_string();
        }
        check(&text, &["t-1"]);
        check(&format!("{}id=t-1", "a.".repeat(10_000)), &[]);
    }

    /// A way in which a body may contain a ticket's id: the names of the fields above it, and the id's own.
    fn ways() -> impl Strategy<Value = (Vec<&'static str>, &'static str)> {
        let above = ["data", "ticket", "payload", "event", "items", "Resource", "deal", "record"];
        let own = ["ticketId", "idTicket", "ticket_id", "dealID", "resourceIds", "objectId", "entity-id"];
        (
            proptest::collection::vec(proptest::sample::select(above.to_vec()), 0..5),
            proptest::sample::select(own.to_vec()),
        )
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = ticket_ids(&bytes, None);
            let _ = ticket_ids(&bytes, Some("multipart/form-data; boundary=x"));
        }

        #[test]
        fn each_id_of_an_array_is_found_once(ids in proptest::collection::vec("[a-z0-9-]{1,8}", 0..20)) {
            let elements: Vec<_> = ids.iter().map(|id| serde_json::json!({ "id": id })).collect();
            let found = ticket_ids(Value::Array(elements).to_string().as_bytes(), None);
            let mut distinct = Vec::new();
            for id in &ids {
                if !distinct.contains(id) {
                    distinct.push(id.clone());
                }
            }
            prop_assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), distinct);
        }

        /// F21 of the field faults: in JSON and in a form, alone or in a list, among ids of other things.
        #[test]
        fn a_tickets_id_is_found_however_it_is_wrapped_and_no_other_things_is(
            (above, own) in ways(), id in "[a-z0-9]{1,12}", other in "(owner|stage|clients|labels|workflow)", is_list: bool,
        ) {
            let value = if is_list { serde_json::json!([id]) } else { serde_json::json!(id) };
            let inner = serde_json::json!({ own: value, other: { "id": "not-a-tickets", "data": { "id": "nor-this" } } });
            let body = above.iter().rev().fold(inner, |inner, name| serde_json::json!({ *name: inner }));
            let ids = |body: &str| ticket_ids(body.as_bytes(), None).iter().map(ToString::to_string).collect::<Vec<_>>();
            prop_assert_eq!(ids(&body.to_string()), vec![id.clone()]);
            let name = above.iter().chain([&own]).copied().collect::<Vec<_>>().join(".");
            let form = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &id).finish();
            prop_assert_eq!(ids(&form), vec![id]);
        }
    }
}
