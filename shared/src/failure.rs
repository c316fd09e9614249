//! Errors, classified by what the caller must do. There are only these remedies.

use crate::reason::Reason;
use std::fmt::Write as _;
use std::time::Duration;

/// What the caller must do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Leave the message on the queue, to be retried after this delay.
    Retry {
        /// The advised delay; `None`: the queue's growing delay.
        after: Option<Duration>,
    },
    /// Leave the message on the queue, at least for this long: nothing is wrong with it. It was not tried, or the other side
    /// asks for fewer requests. It is never dead-lettered for it.
    Wait {
        /// The least delay; the queue's growing delay, if that is longer.
        after: Option<Duration>,
    },
    /// Leave the message on the queue until an hour after it was sent, then dead-letter it: another version of this program
    /// may know its kind, and a canary deployment with a rollback ends within that time.
    OtherVersion,
    /// Read the credential again and retry once; then as [`Remedy::Retry`].
    RefreshCredential,
    /// Move the message to the dead-letter queue now: a retry would fail too.
    DeadLetter,
}

/// An error that knows its remedy. Implementations match without `_`, so that a new variant must choose one.
pub trait Failure: std::error::Error {
    /// What to do about it.
    fn remedy(&self) -> Remedy;

    /// The reason code, for logs and a dead letter's attributes.
    fn reason(&self) -> Reason;
}

/// The whole chain of an error as one text: `cannot publish: connection refused`. Log it once, where the
/// error is handled.
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
