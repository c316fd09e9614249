//! An error in a response of GraphQL. What the vendor's look like is not known (salestrekker-facts.md, section 7).

use crate::private::Private;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Codes by which servers ask for fewer requests.
pub(super) const THROTTLING_CODES: [&str; 3] = ["THROTTLED", "RATE_LIMITED", "TOO_MANY_REQUESTS"];

/// One element of a response's `errors` (GraphQL specification, section 7.1.2).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct GraphQlError {
    #[serde(default)]
    message: Private<String>,
    #[serde(default)]
    path: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "readable_locations")]
    locations: Vec<Location>,
    #[serde(default)]
    extensions: Option<Value>,
}

/// A place in the document that an error is about.
#[derive(Debug, Clone, Deserialize)]
struct Location {
    line: usize,
}

/// Of a list, what is a location: they are a help, and must not make an error unreadable.
fn readable_locations<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Location>, D::Error> {
    let list = Option::<Value>::deserialize(value)?;
    let list = list.as_ref().and_then(Value::as_array).into_iter().flatten();
    Ok(list.filter_map(|location| Location::deserialize(location).ok()).collect())
}

impl GraphQlError {
    /// Whether it rejects the credential.
    pub(super) fn rejects_credential(&self) -> bool {
        // The vendor's response to an invalid token is not known (salestrekker-facts.md, section 2): these codes and
        // messages are common among GraphQL servers.
        let message = self.message.reveal().to_ascii_lowercase();
        matches!(self.code(), "UNAUTHENTICATED" | "UNAUTHORIZED" | "INVALID_TOKEN" | "TOKEN_EXPIRED")
            || [
                "unauthenticated",
                "unauthorized",
                "unauthorised",
                "invalid token",
                "token expired",
                "jwt expired",
            ]
            .iter()
            .any(|words| message.contains(words))
    }

    /// Whether its code says that the same query would fail again: these are common among GraphQL servers.
    pub(super) fn is_final(&self) -> bool {
        let codes = [
            "BAD_REQUEST",
            "BAD_USER_INPUT",
            "FORBIDDEN",
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
            "NOT_FOUND",
            "PERSISTED_QUERY_NOT_SUPPORTED",
        ];
        codes.contains(&self.code())
    }

    /// Whether there is no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        self.code() == "NOT_FOUND"
    }

    /// The alias or field that the error belongs to, if its path names one.
    pub(super) fn alias(&self) -> Option<&str> {
        self.path.as_ref()?.first()?.as_str()
    }

    /// The vendor's words.
    pub(super) fn message(&self) -> &str {
        self.message.reveal()
    }

    /// The lines of the document that it is about, starting at 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        self.locations.iter().map(|location| location.line)
    }

    /// Its code, as common servers place it; empty if it has none.
    pub(super) fn code(&self) -> &str {
        self.extensions.as_ref().and_then(|all| all.get("code")).and_then(Value::as_str).unwrap_or_default()
    }
}
