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
/// (see `aws::topic`).
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

/// The digests of a request with this id of its sender: as one event, or as one for each object of an array.
pub fn digests_of_id(id: &str) -> Vec<String> {
    let of_object = |position| short_sha256(&[id.as_bytes(), format!("\0{position}").as_bytes()]);
    std::iter::once(short_sha256(&[id.as_bytes()])).chain((0..MAX_EVENTS).map(of_object)).collect()
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
mod tests;
