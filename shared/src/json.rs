//! JSON to and from our own types. An error names the position, never the value.
//!
//! `serde_json`'s own messages quote the unexpected value, which may be a client's name, so they are not
//! passed on.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};
use uuid::Uuid;

/// Our ids are not longer than this.
const MAX_ID: usize = 160;
/// A UUID with its hyphens (RFC 9562, section 4).
const UUID_LENGTH: usize = 36;
/// Names of our fields are not longer than this.
const MAX_NAME: usize = 40;

/// The position at which a JSON text does not match its type. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid value at `{path}` (line {line}, column {column})")]
pub struct DecodeError {
    path: String,
    line: usize,
    column: usize,
}

/// Parses JSON.
///
/// # Errors
/// [`DecodeError`] if the bytes are not JSON, or JSON of another shape.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| DecodeError {
        // If the text is not JSON, the path may consist of unknown field names, which may be values.
        path: if error.inner().classify() == Category::Data {
            path_text(error.path())
        } else {
            ".".to_owned()
        },
        line: error.inner().line(),
        column: error.inner().column(),
    })?;
    reader.end().map_err(|error| DecodeError {
        path: ".".to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    Ok(value)
}

/// A path of field names and indexes. A name that may be a value, such as a map's key, is replaced by `?`.
pub(crate) fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.extend(["[", &index.to_string(), "]"]),
            Segment::Map { key: name } | Segment::Enum { variant: name } => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(if is_name(name) { name } else { "?" });
            }
            Segment::Unknown => text.push('?'),
        }
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

/// Whether the text is spelt like our and the vendor's field names: `stage_changed`, `idTicket`.
fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_-.".contains(character))
}

/// A value as JSON text.
///
/// # Panics
/// Never for the types of this crate: they have no map with keys other than text, and no `Serialize` that fails.
pub fn to_json<T: Serialize>(value: &T) -> String {
    #[expect(clippy::expect_used, reason = "see Panics: proven for our own types")]
    serde_json::to_string(value).expect("our own types serialise")
}

/// The id of the hint, event or action in a message, for its log lines; `None` if it may be another value. All our ids begin with
/// a UUID; a word alone could be a person's name in a message that is not what it should be.
pub(crate) fn subject_id(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    let Named { id } = from_json(text.as_bytes()).ok()?;
    let is_id = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let is_ours = id.get(..UUID_LENGTH).is_some_and(|start| Uuid::try_parse(start).is_ok());
    (is_ours && id.len() <= MAX_ID && id.chars().all(is_id)).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_message_is_named_by_the_id_of_what_it_carries() {
        let id = "4dbf2b35-2ea1-5684-892f-b7b46b026be1.label-on-new-ticket.0";
        let message = format!(r#"{{"id": "{id}", "action": {{}}}}"#);
        assert_eq!(subject_id(&message).as_deref(), Some(id));
        for unnamed in [
            "",
            "[]",
            "{}",
            r#"{"id": 7}"#,
            r#"{"id": "Jane"}"#,
            r#"{"id": "4dbf2b35-2ea1-5684-892f-b7b46b026be1 Jane"}"#,
        ] {
            assert_eq!(subject_id(unnamed), None, "{unnamed}");
        }
    }

    #[test]
    fn the_error_says_where_and_never_what() {
        let error = from_json::<BTreeMap<String, u64>>(br#"{"amount": "Jane Citizen 0400 000 000"}"#);
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "invalid value at `amount` (line 1, column 38)");
    }

    #[derive(Debug, Deserialize)]
    struct OwnChanges {}

    #[test]
    fn the_error_names_no_field_that_is_not_ours_and_stays_short() {
        let message =
            |text: &str| from_json::<BTreeMap<String, Vec<u64>>>(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(message(r#"{"Jane Citizen": [1, "x"]}"#), "invalid value at `?[1]` (line 1, column 24)");
        assert_eq!(
            message(&format!(r#"{{"{}": 1}}"#, "long".repeat(99))),
            "invalid value at `?` (line 1, column 402)"
        );
        let broken = format!(r#"{{"jane": {}"#, "[".repeat(90));
        let message = from_json::<OwnChanges>(broken.as_bytes()).unwrap_err().to_string();
        assert_eq!(message, "invalid value at `.` (line 1, column 99)");
    }

    #[test]
    fn text_after_the_value_is_a_misfit() {
        assert!(from_json::<u64>(b"1 2").is_err());
        assert!(from_json::<u64>(b" 1 ").is_ok());
    }
}
