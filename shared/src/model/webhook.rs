//! Finds the tickets that a webhook's body names. The only module that knows the format of a webhook's body.
//!
//! The vendor does not document the payload. The one public receiver reads `id` at the top level of a body that its framework
//! parses from JSON or a form (salestrekker-facts.md, section 6). So nothing here fails: a body either names tickets or it
//! does not, and the hint contains its bytes in both cases.

use crate::id::TicketId;
use serde_json::Value;

/// The tickets that a body names at `id`, `idTicket` or `ticket.id`, or in an array of such objects; each once, in order.
///
/// ```
/// let ids = automations::model::webhook::ticket_ids(br#"[{"id": "t-1"}, {"ticket": {"id": "t-2"}}, {"idTicket": "t-1"}]"#);
/// assert_eq!(ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["t-1", "t-2"]);
/// assert!(automations::model::webhook::ticket_ids(b"hello").is_empty());
/// ```
pub fn ticket_ids(body: &[u8]) -> Vec<TicketId> {
    let found = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(elements)) => elements.iter().flat_map(ids_in).collect(),
        Ok(value) => ids_in(&value),
        Err(_) => ids_in_form(body),
    };
    let mut seen = std::collections::BTreeSet::new();
    found.into_iter().filter(|id| seen.insert(id.clone())).collect()
}

fn ids_in(value: &Value) -> Vec<TicketId> {
    ["/id", "/idTicket", "/ticket/id"].iter().filter_map(|at| id_of(value.pointer(at)?)).collect()
}

fn id_of(value: &Value) -> Option<TicketId> {
    match value {
        Value::String(text) => TicketId::parse(text.trim()).ok(),
        Value::Number(number) => TicketId::parse(number.to_string()).ok(),
        _ => None,
    }
}

fn ids_in_form(body: &[u8]) -> Vec<TicketId> {
    form_urlencoded::parse(body)
        .filter(|(name, _)| matches!(name.as_ref(), "id" | "idTicket" | "ticket.id" | "ticket[id]"))
        .filter_map(|(_, value)| TicketId::parse(value.trim()).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(body: &str, expected: &[&str]) {
        let ids = ticket_ids(body.as_bytes());
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

    #[test]
    fn a_body_without_a_usable_id_names_nothing() {
        let long = format!(r#"{{"id": "{}"}}"#, "x".repeat(65));
        for body in
            ["", "{}", "[]", "null", "hello", r#"{"id": ""}"#, r#"{"id": null}"#, r#"{"id": "a b"}"#, &long]
        {
            check(body, &[]);
        }
    }

    #[test]
    fn json_as_deep_as_the_stack_names_nothing_and_does_not_crash() {
        let deep = "[".repeat(200_000);
        check(&deep, &[]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = ticket_ids(&bytes);
        }

        #[test]
        fn each_id_of_an_array_is_found_once(ids in proptest::collection::vec("[a-z0-9-]{1,8}", 0..20)) {
            let elements: Vec<_> = ids.iter().map(|id| serde_json::json!({ "id": id })).collect();
            let found = ticket_ids(Value::Array(elements).to_string().as_bytes());
            let mut distinct = Vec::new();
            for id in &ids {
                if !distinct.contains(id) {
                    distinct.push(id.clone());
                }
            }
            prop_assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), distinct);
        }
    }
}
