//! Errors, sorted by what the caller must do. There is no fourth thing.

use crate::reason::Reason;
use std::fmt::Write as _;
use std::time::Duration;

/// What a failure asks of whoever meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Leave it on the queue, to come again after this long (where somebody knows how long).
    Retry {
        /// The delay that was advised; `None`: the queue's growing delay.
        after: Option<Duration>,
    },
    /// Fetch the credential anew, try once more, then as [`Remedy::Retry`].
    RefreshCredential,
    /// Put it into the dead-letter queue now, not after four more tries.
    DeadLetter,
}

/// An error that knows its remedy. Implementations match without `_`: a new variant must choose.
pub trait Failure: std::error::Error {
    /// What to do about it.
    fn remedy(&self) -> Remedy;

    /// The reason code, for logs and a dead letter's attributes.
    fn reason(&self) -> Reason;
}

/// The whole chain of an error as one text: `cannot publish: connection refused`. Printed once, where it is handled.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let _ = write!(text, ": {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::fmt::Error);

    #[test]
    fn a_chain_names_every_cause_once() {
        let text = super::chain(&Outer(std::fmt::Error));
        assert_eq!(text, "outer: an error occurred when formatting an argument");
    }
}
