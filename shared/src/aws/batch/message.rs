//! A received message, and why the work on it did not succeed.

use crate::clock::Timestamp;
use crate::failure::{Failure, Remedy, chain};
use crate::json;
use crate::model::kinds::is_unknown_kind;
use crate::reason::Reason;
use aws_lambda_events::event::sqs::SqsMessage;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// A received message, parsed.
#[derive(Debug, Clone)]
pub struct Message<T> {
    /// The body.
    pub body: T,
    /// Delivery attempt, starting at 1.
    pub receives: u32,
    pub(super) envelope: Envelope,
}

impl<T> Message<T> {
    /// Its body, and the message without it.
    pub fn take(self) -> (T, Message<()>) {
        let Self { body, receives, envelope } = self;
        (body, Message { body: (), receives, envelope })
    }

    /// The same message with this body.
    pub fn with<U>(self, body: U) -> Message<U> {
        Message { body, receives: self.receives, envelope: self.envelope }
    }
}

/// A message as it was received.
#[derive(Debug, Clone)]
pub(super) struct Envelope {
    pub(super) id: String,
    pub(super) receipt: String,
    pub(super) text: String,
    pub(super) group: Option<String>,
    pub(super) receives: u32,
    /// When it was sent; 1970 if SQS does not say.
    pub(super) sent: Timestamp,
}

impl Envelope {
    /// The time since it was sent, if SQS says when that was.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        (self.sent > Timestamp::from_millis(0)).then(|| now.since(self.sent))
    }
}

/// Why the work on a message did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError {
    /// The reason code.
    pub reason: Reason,
    /// What to do.
    pub remedy: Remedy,
    /// The chain of errors, without personal data.
    pub text: String,
}

impl MessageError {
    /// The same, but retried rather than dead-lettered at once: what is wrong is not the message, and can be corrected meanwhile.
    #[must_use]
    pub fn retried(self) -> Self {
        let remedy = match self.remedy {
            Remedy::DeadLetter => Remedy::Retry { after: None },
            kept @ (Remedy::Retry { .. }
            | Remedy::Wait { .. }
            | Remedy::OtherVersion
            | Remedy::RefreshCredential) => kept,
        };
        Self { remedy, ..self }
    }

    /// The message is of something that an operator paused, and its queue is read all the same: it waits.
    pub fn paused(what: &str) -> Self {
        let remedy = Remedy::Wait { after: Some(Duration::from_mins(1)) };
        Self { remedy, ..Self::held(what) }
    }

    /// The message is of something that an operator paused, and shares its queue with others: it is kept among the dead letters, and
    /// spends no receives there. `automations resume` sends it again.
    pub fn held(what: &str) -> Self {
        let text = format!("{what} is paused; `automations resume` ends that");
        Self { reason: Reason::Paused, remedy: Remedy::DeadLetter, text }
    }
}

impl<F: Failure> From<F> for MessageError {
    fn from(failure: F) -> Self {
        Self { reason: failure.reason(), remedy: failure.remedy(), text: chain(&failure) }
    }
}

/// A record had no message id, so the whole batch is retried.
#[derive(Debug, thiserror::Error)]
#[error("a record of the batch has no message id or no receipt handle; the whole batch is retried")]
pub struct MissingMessageId;

pub(super) fn envelope(record: SqsMessage) -> Option<Envelope> {
    let id = record.message_id.filter(|id| !id.is_empty())?;
    let receipt = record.receipt_handle.filter(|receipt| !receipt.is_empty())?;
    let number = |name: &str| record.attributes.get(name).and_then(|number| number.parse::<u64>().ok());
    let receives = number("ApproximateReceiveCount").and_then(|count| count.try_into().ok()).unwrap_or(1);
    let sent = Timestamp::from_millis(number("SentTimestamp").unwrap_or_default());
    let group = record.attributes.get("MessageGroupId").cloned();
    Some(Envelope { id, receipt, text: record.body.unwrap_or_default(), group, receives, sent })
}

/// The messages of each group, in their order. A message without a group is a group of its own.
pub(super) fn grouped(envelopes: Vec<Envelope>) -> Vec<Vec<Envelope>> {
    let mut groups: Vec<Vec<Envelope>> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for envelope in envelopes {
        let known = envelope.group.as_ref().and_then(|group| positions.get(group));
        if let Some(group) = known.and_then(|position| groups.get_mut(*position)) {
            group.push(envelope);
        } else {
            positions.extend(envelope.group.clone().map(|group| (group, groups.len())));
            groups.push(vec![envelope]);
        }
    }
    groups
}

/// Reads a message's body.
///
/// # Errors
/// With the reason `unknown_kind`, for which the message waits, if another version of this program may be able to read it; else
/// `malformed_message`, which is final.
pub(super) fn body<T: DeserializeOwned>(text: &str) -> Result<T, MessageError> {
    json::from_json(text.as_bytes()).map_err(|error| {
        let (reason, remedy) = if is_unknown_kind(text.as_bytes()) {
            (Reason::UnknownKind, Remedy::OtherVersion)
        } else {
            (Reason::MalformedMessage, Remedy::DeadLetter)
        };
        MessageError { reason, remedy, text: error.to_string() }
    })
}
