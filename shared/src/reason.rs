//! The reason codes of failures: this is their only source.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// A reason code: in logs as `reason`, in a dead letter's attributes, in metrics and in the response to a rejected request.
/// docs/reasons.md says what each means and what to do next.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Several workflows, stages or labels have the name that a setting uses.
    AmbiguousName,
    /// More actions led to this event than `MaxChainLength` permits.
    ChainTooLong,
    /// Salestrekker rejected the token, and a new one too.
    CredentialRefused,
    /// A signing secret of the destination cannot be used.
    DestinationInvalid,
    /// The destination rejected the notice.
    DestinationRejected,
    /// The destination throttles requests.
    DestinationThrottled,
    /// The destination does not respond.
    DestinationUnavailable,
    /// An earlier message of the same message group is retried first.
    BlockedByEarlierMessage,
    /// The handler's name makes an action's id longer than an id may be.
    HandlerNameTooLong,
    /// The handler panicked on this event.
    HandlerPanicked,
    /// The handler cannot handle this event and said so.
    HandlerRejectedEvent,
    /// The handler asked for this event again later.
    HandlerRequestedRetry,
    /// Salestrekker's response does not fit what is known of its API.
    InvalidResponse,
    /// The signature of a request to an inbound webhook is missing, wrong or too old.
    InvalidSignature,
    /// Another invocation performs the action, or crashed while it did.
    LeaseHeld,
    /// A message's body is not of the type that its queue carries.
    MalformedMessage,
    /// SQS moved the message itself, after `maxReceiveCount` receives.
    MaxReceivesExceeded,
    /// Neither GET nor POST.
    MethodNotAllowed,
    /// SNS could not deliver the event to the handler's queue.
    NotDelivered,
    /// Something that was named does not exist.
    NotFound,
    /// The invocation's deadline is near, so the message was not begun.
    OutOfTime,
    /// A mutation was sent and had no response: it may or may not have taken effect.
    OutcomeUnknown,
    /// An operator paused the handler, the organisation or all writing.
    Paused,
    /// The topic did not accept the event.
    PublishFailed,
    /// SQS rejected the message.
    QueueRejected,
    /// SQS does not respond.
    QueueUnavailable,
    /// The message failed on every one of its receives.
    RetriesExhausted,
    /// Salestrekker understood the request and rejected it.
    SalestrekkerRejected,
    /// Salestrekker throttles requests.
    SalestrekkerThrottled,
    /// Salestrekker does not respond.
    SalestrekkerUnavailable,
    /// The function may not read the secret.
    SecretAccessDenied,
    /// The secret's value is invalid.
    SecretInvalid,
    /// There is no such secret.
    SecretNotFound,
    /// Secrets Manager does not respond.
    SecretUnavailable,
    /// Secrets Manager rejected a step of a rotation, or did not respond to it.
    SecretsManagerRejected,
    /// An item of the table is invalid.
    TableItemInvalid,
    /// DynamoDB rejected the request.
    TableRejected,
    /// DynamoDB does not respond.
    TableUnavailable,
    /// An action was sent again after a newer one of the same handler was performed.
    Superseded,
    /// A call took longer than it may.
    TimedOut,
    /// The request body is larger than a message can be.
    TooLarge,
    /// The organisation is unknown, or the token is wrong.
    Unauthorised,
    /// The queue or Secrets Manager does not respond, so the request was not accepted.
    Unavailable,
    /// A message, or an event in an outbox, is of a kind that this version of the program does not know.
    UnknownKind,
    /// The secret under rotation is not named as an organisation's API token is.
    UnknownSecretName,
    /// The request body is neither a form nor a JSON object.
    UnsupportedBody,
    /// The body of a request is compressed in another way than by gzip.
    UnsupportedEncoding,
    /// The organisation's settings of the handler do not fit the handler.
    SettingsInvalid,
    /// Another writer stored a newer version first.
    VersionConflict,
    /// The version is not pending in a rotation.
    VersionNotPending,
}

impl Reason {
    /// The code, such as `not_found`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
