//! The content of a webhook that is not Salestrekker's, such as a form on a website: from bytes to fields. What the fields
//! mean is up to the handler.

use crate::digest::short_sha256;
use crate::model::content_encoding::without_mark;
use crate::model::multipart;
use crate::model::ordered_map::OrderedMap;
use crate::private::Private;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// The maximum size in bytes of an event's fields as JSON: with its envelope they must fit an event, which may have 256 KiB
/// (Amazon SNS API Reference, `PublishBatch`).
pub const MAX_FIELDS: usize = 128 * 1024;
/// The maximum number of events of one request, which a JSON array of objects asks for.
pub const MAX_EVENTS: usize = 100;
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
    /// The fields of an event are too large, or there are too many events.
    #[error("its fields are larger than 128 KiB, or it has more than 100 objects")]
    TooLarge,
    /// It is neither a form nor a JSON object nor an array of objects, or nested too deeply.
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

/// By what a repetition of a request is recognised.
#[derive(Debug, Clone, Copy)]
pub enum Identity<'a> {
    /// The sender's id of the request, from a header.
    Id(&'a [u8]),
    /// The sender's id in the body, if it is of a kind that is known to have one; else its content.
    Content,
    /// The same id in the body; without one, no request repeats another. This is our own id of the request.
    Unique(&'a str),
}

impl InboundRequest {
    /// The events of a request with this body: one, or one for each object of a JSON array.
    ///
    /// # Errors
    /// [`Unreadable`], if it is not readable as a whole.
    pub fn read_all(
        body: &[u8],
        content_type: Option<&str>,
        identity: Identity<'_>,
    ) -> Result<Vec<Self>, Unreadable> {
        let all = Fields::read_all(body, content_type)?;
        let is_array = all.len() > 1;
        let read = all.into_iter().enumerate().map(|(position, fields)| {
            let own_id = fields.own_id().map(str::to_owned);
            let (text, has_id) = match (identity, &own_id) {
                (Identity::Id(id), _) => (id, true),
                (Identity::Content | Identity::Unique(_), Some(id)) => {
                    return Self { digest: short_sha256(&[id.as_bytes()]), has_id: true, fields };
                }
                (Identity::Content, None) => (body, false),
                (Identity::Unique(request), None) => (request.as_bytes(), false),
            };
            // The objects of an array share the request's id, and two of them may be equal.
            let position = if is_array { format!("\0{position}") } else { String::new() };
            Self { fields, digest: short_sha256(&[text, position.as_bytes()]), has_id }
        });
        Ok(read.collect())
    }

    /// For how long another request with the same digest is a duplicate.
    pub fn is_same_for(&self) -> Duration {
        if self.has_id { SAME_ID_FOR } else { SAME_BODY_FOR }
    }
}

impl Fields {
    /// The fields of a body that has one set of them: of a form if its content type says so, else of a JSON object.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(body: &[u8], content_type: Option<&str>) -> Result<Self, Unreadable> {
        let mut all = Self::read_all(body, content_type)?;
        all.pop().filter(|_| all.is_empty()).ok_or(Unreadable::NoFields)
    }

    /// The same, or those of each object of a JSON array.
    fn read_all(body: &[u8], content_type: Option<&str>) -> Result<Vec<Self>, Unreadable> {
        let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let all = match multipart::parts(body, content_type) {
            Some(Ok(parts)) => vec![collected(parts.into_iter().map(multipart::Part::value))],
            Some(Err(multipart::Malformed)) => return Err(Unreadable::NoFields),
            None if is_form => vec![form(body)],
            None => objects(body)?,
        };
        let all = all.into_iter().map(|fields| {
            let fields = fields.ok_or(Unreadable::NoFields)?;
            // A character may become six bytes: `\u0001`.
            let is_large = serde_json::to_vec(&fields).map_or(usize::MAX, |json| json.len()) > MAX_FIELDS;
            if is_large { Err(Unreadable::TooLarge) } else { Ok(Self(fields)) }
        });
        all.collect()
    }

    /// The sender's id of what it sent, in the bodies of Stripe (`evt_…`) and of Slack's Events API.
    fn own_id(&self) -> Option<&str> {
        let text = |name| self.0.get(name).and_then(Value::as_str);
        match (text("object"), text("type")) {
            (Some("event"), _) => text("id").filter(|id| id.starts_with("evt_")),
            (_, Some("event_callback")) => text("event_id").filter(|id| !id.is_empty()),
            _ => None,
        }
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

    /// A field as received, for one that is not plain text. A file of a multipart form is an object with its name, type and size.
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

/// The fields of a form; none if it has none or is not text.
fn form(body: &[u8]) -> Option<OrderedMap> {
    std::str::from_utf8(body).ok()?;
    collected(form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), value.into())))
}

/// A form's fields by name; none if there are none. A name that was sent several times has a list.
fn collected(values: impl Iterator<Item = (String, Value)>) -> Option<OrderedMap> {
    let mut fields = OrderedMap::default();
    for (name, value) in values {
        match fields.get_mut(&name) {
            None => fields.insert(name, value),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    (!fields.is_empty()).then_some(fields)
}

/// The object, or the objects of an array, each if it is one and not too deep.
fn objects(body: &[u8]) -> Result<Vec<Option<OrderedMap>>, Unreadable> {
    let body = without_mark(body);
    let values = match serde_json::from_slice::<Vec<Element>>(body) {
        Ok(values) if values.len() > MAX_EVENTS => return Err(Unreadable::TooLarge),
        Ok(values) if !values.is_empty() => values,
        Ok(_) | Err(_) => vec![serde_json::from_slice(body).map_err(|_error| Unreadable::NoFields)?],
    };
    let object = |value| match value {
        Element::Object(fields) => {
            let is_shallow = fields.iter().all(|(_, value)| is_shallow(value, MAX_DEPTH));
            is_shallow.then_some(fields)
        }
        Element::Other(_) => None,
    };
    Ok(values.into_iter().map(object).collect())
}

/// An element of an array.
#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Object(OrderedMap),
    Other(IgnoredAny),
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
        let marked = Fields::read(&[b"\xef\xbb\xbf", &json[..]].concat(), JSON).unwrap();
        for fields in [form, Fields::read(json, JSON).unwrap(), Fields::read(json, None).unwrap(), marked] {
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
        let many = format!("[{}]", ["{}"; 2].join(","));
        for body in [
            "",
            "[]",
            "[1]",
            "[[{}]]",
            "7",
            "null",
            "{",
            "hello",
            "{\"a\": 1e999}",
            &deep,
            &many,
            &"[".repeat(100_000),
        ] {
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
        assert!(Fields::read(&body(MAX_FIELDS - 20), FORM).is_ok());
        assert_eq!(Fields::read(&body(MAX_FIELDS), FORM).unwrap_err(), Unreadable::TooLarge);
        let grows = format!("a={}", "\u{1}".repeat(MAX_FIELDS / 2));
        assert_eq!(Fields::read(grows.as_bytes(), FORM).unwrap_err(), Unreadable::TooLarge);
    }

    /// F9 of the field faults.
    #[test]
    fn a_multipart_form_with_a_large_file_has_its_texts_and_what_the_file_was() {
        let part = |header: &str, content: &str| {
            format!("--x\r\nContent-Disposition: form-data; {header}\r\n\r\n{content}\r\n")
        };
        let body = [
            part("name=\"name\"", "Jane Citizen"),
            part("name=\"tag\"", "a"),
            part("name=\"tag\"", "b"),
            part("name=\"id\"; filename=\"passport.pdf\"", &"x".repeat(2 * MAX_FIELDS)),
            "--x--\r\n".to_owned(),
        ];
        let multipart = Some("multipart/form-data; boundary=x");
        let fields = Fields::read(body.concat().as_bytes(), multipart).unwrap();
        assert_eq!(text(&fields, "name").unwrap(), "Jane Citizen");
        assert_eq!(**fields.value("tag").unwrap().reveal(), serde_json::json!(["a", "b"]));
        let file =
            serde_json::json!({ "file": "passport.pdf", "content_type": null, "bytes": 2 * MAX_FIELDS });
        assert_eq!((*fields.value("id").unwrap().reveal(), text(&fields, "id")), (&file, None));
        let large = [part("name=\"a\"", &"x".repeat(MAX_FIELDS)), "--x--\r\n".to_owned()];
        assert_eq!(Fields::read(large.concat().as_bytes(), multipart).unwrap_err(), Unreadable::TooLarge);
    }

    fn read_all(body: &str, identity: Identity<'_>) -> Vec<InboundRequest> {
        InboundRequest::read_all(body.as_bytes(), JSON, identity).unwrap()
    }

    #[test]
    fn each_object_of_an_array_is_an_event_of_its_own_and_the_whole_is_recognised() {
        let body = r#"[{"a": 1}, {"a": 1}, {"a": 2}]"#;
        let digests = |identity| -> Vec<_> {
            read_all(body, identity).into_iter().map(|request| request.digest).collect()
        };
        for identity in [Identity::Content, Identity::Id(b"m-1"), Identity::Unique("r-1")] {
            let all = digests(identity);
            let distinct: std::collections::HashSet<_> = all.iter().collect();
            assert_eq!((all.len(), distinct.len()), (3, 3), "equal objects are two events");
            assert_eq!(digests(identity), all);
        }
        assert_ne!(digests(Identity::Id(b"m-1")), digests(Identity::Id(b"m-2")));
        let many = |count| format!("[{}]", vec!["{}"; count].join(","));
        assert_eq!(read_all(&many(MAX_EVENTS), Identity::Content).len(), MAX_EVENTS);
        let too_many = InboundRequest::read_all(many(MAX_EVENTS + 1).as_bytes(), JSON, Identity::Content);
        assert_eq!(too_many.unwrap_err(), Unreadable::TooLarge);
    }

    /// F7 of the field faults: Stripe's and Slack's ids are in the body.
    #[test]
    fn an_id_that_a_known_sender_puts_into_the_body_is_its_id() {
        let digest = |body: &str, identity| read_all(body, identity).remove(0).digest;
        let stripe = |id: &str, at: u32| format!(r#"{{"id": "{id}", "object": "event", "at": {at}}}"#);
        let slack =
            |id: &str, at: u32| format!(r#"{{"event_id": "{id}", "type": "event_callback", "at": {at}}}"#);
        for body in [stripe, slack] {
            for identity in [Identity::Content, Identity::Unique("r-1")] {
                assert_eq!(digest(&body("evt_1", 1), identity), digest(&body("evt_1", 2), identity));
                assert_ne!(digest(&body("evt_1", 1), identity), digest(&body("evt_2", 1), identity));
                assert!(read_all(&body("evt_1", 1), identity).remove(0).has_id);
            }
        }
        let other = r#"{"id": "evt_1", "object": "charge"}"#;
        assert!(!read_all(other, Identity::Content).remove(0).has_id);
    }

    /// F8 of the field faults.
    #[test]
    fn without_an_id_the_same_body_is_a_repetition_or_not_as_declared() {
        let digest = |identity| read_all(r#"{"a": 1}"#, identity).remove(0).digest;
        assert_eq!(digest(Identity::Content), digest(Identity::Content));
        assert_ne!(digest(Identity::Unique("r-1")), digest(Identity::Unique("r-2")));
        assert_eq!(digest(Identity::Unique("r-1")), digest(Identity::Unique("r-1")), "a retry of the hint");
    }

    #[test]
    fn the_same_post_has_the_same_digest_by_its_id_or_its_body() {
        let request = |body: &str, id: Option<&[u8]>| {
            let identity = id.map_or(Identity::Content, Identity::Id);
            InboundRequest::read_all(body.as_bytes(), FORM, identity).unwrap().remove(0)
        };
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
