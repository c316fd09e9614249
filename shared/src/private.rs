//! Personal data that must not become text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Personal data: a client's name, or the name of a ticket, which holds one. It prints as `[private]`, so that a log line or
/// an error cannot reveal it; it serialises as itself, so only types that are meant to carry it may hold it.
///
/// ```
/// let name = automations::private::Private::new("Jane Citizen".to_owned());
/// assert_eq!(format!("{name} {name:?}"), "[private] [private]");
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for sending it to Salestrekker or comparing it; never for a log.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}

impl<T> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[private]")
    }
}
