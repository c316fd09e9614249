//! The names of the fields of a request's body, without any value: what may be shown of a body whose format is not documented.

use crate::model::content_encoding::without_mark;
use crate::model::webhook;
use serde_json::Value;
use std::collections::BTreeSet;

/// The most names of a body.
const MAX_KEYS: usize = 60;
/// The levels of a body whose names are looked at.
const MAX_DEPTH: usize = 5;
/// The longest name in bytes. A longer one, or one with other characters than an identifier has, may be a person's data.
const MAX_NAME: usize = 40;
/// What is written for such a name.
const HIDDEN: &str = "…";

/// The paths of the fields of a body in JSON, a form or a multipart form, in alphabetical order: `data.ticket.id`, `items[].id`.
/// A name that is not an identifier is `…`, as some senders use e-mail addresses or ids as names.
///
/// ```
/// use automations::model::body_keys::body_keys;
/// let body = br#"{"event": "x", "data": [{"id": 1}], "jane@example.com": {"score": 7}}"#;
/// assert_eq!(body_keys(body, None), ["data", "data[].id", "event", "…", "….score"]);
/// assert_eq!(body_keys(b"id=7&event=x", None), ["event", "id"]);
/// ```
pub fn body_keys(body: &[u8], content_type: Option<&str>) -> Vec<String> {
    let mut keys = BTreeSet::new();
    if let Ok(value) = serde_json::from_slice::<Value>(without_mark(body)) {
        collect(&value, "", MAX_DEPTH, &mut keys);
    } else {
        let form = webhook::form(body, content_type);
        keys.extend(form.iter().map(|(name, _)| shown(name).to_owned()));
    }
    keys.into_iter().take(MAX_KEYS).collect()
}

fn collect(value: &Value, path: &str, levels: usize, keys: &mut BTreeSet<String>) {
    let Some(levels) = levels.checked_sub(1) else { return };
    match value {
        Value::Array(values) => {
            for value in values.iter().take(MAX_KEYS) {
                collect(value, &format!("{path}[]"), levels, keys);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let separator = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{separator}{}", shown(name));
                collect(value, &path, levels, keys);
                if keys.len() < MAX_KEYS.saturating_mul(2) {
                    keys.insert(path);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn shown(name: &str) -> &str {
    let is_first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let is_part = |byte: u8| is_first(byte) || byte.is_ascii_digit() || b"-.[]".contains(&byte);
    let is_identifier = name.len() <= MAX_NAME
        && name.bytes().next().is_some_and(is_first)
        && name.bytes().all(is_part)
        && name.bytes().filter(u8::is_ascii_digit).count() <= 2;
    if is_identifier { name } else { HIDDEN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_that_may_be_a_persons_data_is_not_shown() {
        for name in ["jane@example.com", "0412 345 678", "a b", "", "ticket4711", &"n".repeat(41), "Zoë"] {
            assert_eq!(shown(name), HIDDEN, "{name}");
        }
        for name in ["id", "ticketId", "_links", "ticket[id]", "x-id", "address2"] {
            assert_eq!(shown(name), name);
        }
    }

    #[test]
    fn a_large_body_has_a_bounded_number_of_names() {
        let fields: serde_json::Map<_, _> =
            (0..500).map(|number| (format!("{}x", "a".repeat(number % 30)), Value::Null)).collect();
        let body = Value::from(vec![Value::from(fields); 100]).to_string();
        assert!(body_keys(body.as_bytes(), None).len() <= MAX_KEYS);
        let deep = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
        assert_eq!(body_keys(deep.as_bytes(), None).len(), MAX_DEPTH);
    }

    proptest! {
        /// Whatever a body holds, no value of it is among its names.
        #[test]
        fn no_value_is_shown(value in "[a-z]{3,12} [a-z]{3,12}", name in "[a-z]{1,10}") {
            let json = serde_json::json!({ (name.clone()): value, "list": [{ "other": value }] }).to_string();
            let form = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            for body in [json, form] {
                let shown = body_keys(body.as_bytes(), None).join("\n");
                prop_assert!(!shown.contains(&value), "{shown}");
                prop_assert!(shown.contains(&name), "{shown}");
            }
        }
    }
}
