//! X-Ray's trace header, which links one webhook's invocations of all functions. It comes with the request,
//! so anybody can send one: all but parts of the exact form is removed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A trace and the segment before this one: `Root=1-…;Parent=…;Sampled=1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct TraceHeader(String);

/// A text is not a trace header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a trace header of X-Ray")]
pub struct InvalidTraceHeader;

impl TraceHeader {
    /// Parses a header. Its root, its parent and its sampling decision are retained.
    ///
    /// # Errors
    /// [`InvalidTraceHeader`] if it is malformed or has no valid root.
    pub fn parse(text: &str) -> Result<Self, InvalidTraceHeader> {
        let (mut root, mut parent, mut sampled) = (None, None, None);
        for part in text.split(';') {
            match part.trim().split_once('=').ok_or(InvalidTraceHeader)? {
                ("Root", value) => root = Some(value).filter(|root| is_root(root)),
                ("Parent", value) => parent = Some(value).filter(|parent| is_hex(parent, 16)),
                ("Sampled", value) => sampled = Some(value).filter(|value| matches!(*value, "0" | "1")),
                _ => {}
            }
        }
        let mut header = format!("Root={}", root.ok_or(InvalidTraceHeader)?);
        for (name, value) in [("Parent", parent), ("Sampled", sampled)] {
            header.extend(value.map(|value| format!(";{name}={value}")));
        }
        Ok(Self(header))
    }

    /// The header's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TraceHeader {
    type Error = InvalidTraceHeader;

    fn try_from(text: String) -> Result<Self, InvalidTraceHeader> {
        Self::parse(&text)
    }
}

impl From<TraceHeader> for String {
    fn from(header: TraceHeader) -> Self {
        header.0
    }
}

/// `1-`, eight hexadecimal digits (the time), `-`, 24 more.
fn is_root(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    matches!(parts.as_slice(), ["1", time, rest] if is_hex(time, 8) && is_hex(rest, 24))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_header_is_read_and_what_is_not_ours_is_left_out() {
        let full = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1|b:2;Self=x");
        let expected = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
        assert_eq!(TraceHeader::parse(&full).unwrap().as_str(), expected);
        assert_eq!(TraceHeader::parse(ROOT).unwrap().as_str(), ROOT);
        for wrong in
            ["", "Root=1-x-y", "Parent=53995c3f42cd8ad8", "Root", "Root=1-5759e988-bd862e3fe1be46a99427279"]
        {
            assert_eq!(TraceHeader::parse(wrong), Err(InvalidTraceHeader), "{wrong}");
        }
        let sneaky = format!("{ROOT};Parent=Jane Citizen;Sampled=yes");
        assert_eq!(TraceHeader::parse(&sneaky).unwrap().as_str(), ROOT, "other text is removed");
    }

    proptest! {
        #[test]
        fn any_text_is_a_short_header_or_none(text: String) {
            if let Ok(header) = TraceHeader::parse(&text) {
                prop_assert!(header.as_str().len() <= 80);
                prop_assert_eq!(TraceHeader::parse(header.as_str()), Ok(header));
            }
        }
    }
}
