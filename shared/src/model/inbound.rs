//! The content of a webhook that is not Salestrekker's, such as a form on a website: from bytes to fields. What the fields
//! mean is up to the handler.

use crate::digest::short_sha256;
use crate::model::ordered_map::OrderedMap;
use crate::private::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The maximum size in bytes of a body, as received and as JSON: with its envelope it must fit an event, which may have
/// 256 KiB (Amazon SNS API Reference, `PublishBatch`).
pub const MAX_BODY: usize = 128 * 1024;
/// The maximum depth of JSON. The event and the queue's envelope add levels, and a parser stops at 128.
const MAX_DEPTH: usize = 32;
/// A request with the same id is a duplicate within this time: the longest that a queue of ours keeps a message.
const SAME_ID_FOR: Duration = Duration::from_hours(14 * 24);
/// A request without an id and with the same body is a duplicate within this time: a second click, or a sender's retry.
const SAME_BODY_FOR: Duration = Duration::from_mins(10);

/// The fields of a form, or of a JSON object, in their order. Any of them may be personal data, so `Debug` does not print them.
///
/// ```
/// use automations::model::inbound::Fields;
///
/// let fields = Fields::read(b"name=Jane+Citizen&age=", Some("application/x-www-form-urlencoded")).unwrap();
/// assert_eq!(fields.text("name").unwrap().reveal(), "Jane Citizen");
/// assert!(fields.text("age").is_none());
/// assert_eq!(format!("{fields:?}"), "[2 private fields]");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Fields(OrderedMap);

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large, as received or as JSON.
    #[error("it is larger than 128 KiB")]
    TooLarge,
    /// It is neither a form nor a JSON object, or nested too deeply.
    #[error("it is neither a form nor a JSON object")]
    NoFields,
}

/// A request to an inbound webhook, as part of a hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboundRequest {
    /// Its fields.
    pub fields: Fields,
    /// A digest of its id, or of its body if it has none, by which a duplicate is recognised.
    pub digest: String,
    /// Whether the sender gave it an id.
    pub has_id: bool,
}

impl InboundRequest {
    /// The request with this body; `id` is the header `webhook-id` of the Standard Webhooks specification.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(body: &[u8], content_type: Option<&str>, id: Option<&[u8]>) -> Result<Self, Unreadable> {
        let fields = Fields::read(body, content_type)?;
        let digest = short_sha256(&[id.unwrap_or(body)]);
        Ok(Self { fields, digest, has_id: id.is_some() })
    }

    /// For how long another request with the same digest is a duplicate.
    pub fn is_same_for(&self) -> Duration {
        if self.has_id { SAME_ID_FOR } else { SAME_BODY_FOR }
    }
}

impl Fields {
    /// The fields of a body: of a form if its content type says so, else of a JSON object.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(body: &[u8], content_type: Option<&str>) -> Result<Self, Unreadable> {
        if body.len() > MAX_BODY {
            return Err(Unreadable::TooLarge);
        }
        let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let fields = if is_form { form(body) } else { object(body) }.ok_or(Unreadable::NoFields)?;
        // A character may become six bytes: `\u0001`.
        let is_large = serde_json::to_vec(&fields).map_or(usize::MAX, |json| json.len()) > MAX_BODY;
        if is_large { Err(Unreadable::TooLarge) } else { Ok(Self(fields)) }
    }

    /// A field's text without white space around it, or its number as text; none if it is absent, empty or of another type. The
    /// first value if a field was sent several times.
    pub fn text(&self, name: &str) -> Option<Private<String>> {
        let value = self.0.get(name)?;
        let text = match value.as_array().map_or(Some(value), |values| values.first())? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        (!text.is_empty()).then(|| Private::new(text))
    }

    /// A field as received, for one that is not plain text.
    pub fn value(&self, name: &str) -> Option<Private<&Value>> {
        self.0.get(name).map(Private::new)
    }

    /// All of them, for a text that stays private.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter()
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} private fields]", self.0.len())
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
    }
}

/// The fields of a form; none if it has none or is not text. A name that was sent several times has a list.
fn form(body: &[u8]) -> Option<OrderedMap> {
    let mut fields = OrderedMap::default();
    std::str::from_utf8(body).ok()?;
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::from(value);
        match fields.get_mut(name.as_ref()) {
            None => fields.insert(name.into_owned(), value),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    (!fields.is_empty()).then_some(fields)
}

fn object(body: &[u8]) -> Option<OrderedMap> {
    let fields: OrderedMap = serde_json::from_slice(body).ok()?;
    let is_shallow = fields.iter().all(|(_, value)| is_shallow(value, MAX_DEPTH));
    is_shallow.then_some(fields)
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    let Some(below) = levels.checked_sub(1) else { return false };
    match value {
        Value::Array(values) => values.iter().all(|value| is_shallow(value, below)),
        Value::Object(fields) => fields.values().all(|value| is_shallow(value, below)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");
    const JSON: Option<&str> = Some("application/json");

    fn text(fields: &Fields, name: &str) -> Option<String> {
        fields.text(name).map(|text| text.reveal().clone())
    }

    #[test]
    fn a_form_and_a_json_object_say_the_same() {
        let form = Fields::read("name= Jane+Citizen &n=7&tag=a&tag=b&tag=c&none=".as_bytes(), FORM).unwrap();
        let json =
            br#"{"name": "Jane Citizen", "n": 7, "tag": ["a", "b", "c"], "none": null, "deep": {"x": 1}}"#;
        for fields in [form, Fields::read(json, JSON).unwrap(), Fields::read(json, None).unwrap()] {
            assert_eq!(text(&fields, "name").unwrap(), "Jane Citizen");
            assert_eq!(text(&fields, "n").unwrap(), "7");
            assert_eq!(text(&fields, "tag").unwrap(), "a");
            assert_eq!(**fields.value("tag").unwrap().reveal(), serde_json::json!(["a", "b", "c"]));
            for absent in ["none", "nowhere", "deep"] {
                assert_eq!(text(&fields, absent), None, "{absent}");
            }
        }
    }

    #[test]
    fn what_holds_no_fields_is_unreadable() {
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(40), "]".repeat(40));
        for body in ["", "[]", "7", "null", "{", "hello", "{\"a\": 1e999}", &deep, &"[".repeat(100_000)] {
            assert_eq!(Fields::read(body.as_bytes(), JSON).unwrap_err(), Unreadable::NoFields, "{body:.40}");
        }
        for (body, kind) in [(&b""[..], FORM), (b"&&", FORM), (b"a=\xff", FORM), (b"\xff", None)] {
            assert_eq!(Fields::read(body, kind).unwrap_err(), Unreadable::NoFields);
        }
        let multipart = Fields::read(b"--x\r\n", Some("multipart/form-data; boundary=x"));
        assert_eq!(multipart.unwrap_err(), Unreadable::NoFields);
    }

    #[test]
    fn what_is_too_large_as_it_came_or_as_json_is_told() {
        let body = |length: usize| format!("a={}", "x".repeat(length)).into_bytes();
        assert!(Fields::read(&body(MAX_BODY - 20), FORM).is_ok());
        assert_eq!(Fields::read(&body(MAX_BODY), FORM).unwrap_err(), Unreadable::TooLarge);
        let grows = format!("a={}", "\u{1}".repeat(MAX_BODY / 2));
        assert_eq!(Fields::read(grows.as_bytes(), FORM).unwrap_err(), Unreadable::TooLarge);
    }

    #[test]
    fn the_same_post_has_the_same_digest_by_its_id_or_its_body() {
        let request =
            |body: &str, id: Option<&[u8]>| InboundRequest::read(body.as_bytes(), FORM, id).unwrap();
        assert_eq!(request("a=1", None).digest, request("a=1", None).digest);
        assert_ne!(request("a=1", None).digest, request("a=2", None).digest);
        assert_eq!(request("a=1", Some(b"m-1")).digest, request("a=2", Some(b"m-1")).digest);
        assert_ne!(request("a=1", Some(b"m-1")).digest, request("a=1", Some(b"m-2")).digest);
        assert!(request("a=1", Some(b"m-1")).is_same_for() > request("a=1", None).is_same_for());
    }

    proptest! {
        #[test]
        fn any_bytes_are_fields_that_survive_the_wire_or_unreadable(body: Vec<u8>, is_form: bool) {
            if let Ok(fields) = Fields::read(&body, if is_form { FORM } else { JSON }) {
                let again: Fields = crate::json::from_json(crate::json::to_json(&fields).as_bytes()).unwrap();
                prop_assert_eq!(again, fields);
            }
        }

        #[test]
        fn a_forms_fields_are_found_by_name(pairs in proptest::collection::btree_map("[a-z]{1,8}", "[!-~]{1,20}", 1..8)) {
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let fields = Fields::read(body.as_bytes(), FORM).unwrap();
            for (name, value) in &pairs {
                prop_assert_eq!(&text(&fields, name).unwrap(), value);
            }
        }
    }
}
