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

    /// Whether it names its field, and another field has a value: the credential was accepted.
    pub(super) fn is_of_one_field(&self, data: Option<&Value>) -> bool {
        let Some(own) = self.alias() else { return false };
        let mut fields = data.and_then(Value::as_object).into_iter().flatten();
        fields.any(|(name, value)| name != own && !value.is_null())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salestrekker::Error;
    use crate::salestrekker::response::{Effect, read};
    use reqwest::StatusCode;
    use serde_json::json;

    #[test]
    fn a_refusal_of_one_ticket_is_its_own_if_another_was_read_with_the_same_credential() {
        let response = |other: Value| {
            let error = json!({ "message": "Unauthorized to view this ticket", "path": ["a0"] });
            let body = json!({ "data": { "a0": null, "a1": other }, "errors": [error] }).to_string();
            read(StatusCode::OK, body.as_bytes(), Effect::ReadOnly, 64)
        };
        let found: Vec<Result<Option<u8>, Error>> =
            response(json!(7)).unwrap().by_alias(["a0".to_owned(), "a1".to_owned()]);
        assert!(matches!(found[0], Err(Error::Rejected { .. })) && matches!(found[1], Ok(Some(7))));
        assert!(matches!(response(Value::Null), Err(Error::CredentialRefused)));
    }
}
