//! Metrics for alarms and the dashboard. docs/logging.md says which function records each and what reads it.
//!
//! Every metric is a variant of [`Metric`], with its unit and a dimension of a few fixed values. A metric name or a dimension
//! value can therefore hold nothing that came from outside, such as the id of an organisation or a ticket: no metric says
//! anything about a person, and the number of metrics, which is what `CloudWatch` charges for, is known.

mod line;
mod logged;
mod recorder;

pub use logged::{LoggedDimension, LoggedMetric};
pub(crate) use recorder::start;
pub use recorder::{Metrics, record};

use crate::reason::Reason;
use strum::{AsRefStr, EnumIter, IntoEnumIterator as _, IntoStaticStr};

/// A metric that functions write as a line of its own, with at most one dimension. What happens with every webhook is a
/// [`LoggedMetric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, EnumIter)]
pub enum Metric {
    /// Webhooks of Salestrekker that were accepted and name no ticket: nothing is fetched for them.
    WebhooksWithoutTicket,
    /// Requests to inbound webhooks that were dropped as repetitions, by what they repeat.
    InboundDuplicates(RepeatedBy),
    /// Requests that webhook-ingest rejected.
    RequestsRejected(RejectionReason),
    /// Age in seconds of a cached secret that is used past its time, as Secrets Manager does not respond.
    StaleSecretAge,
    /// Days until the API token that was just read expires.
    TokenDaysLeft,
    /// Requests in which Salestrekker rejected an organisation's credential.
    CredentialRefused,
    /// Fields that were inferred and that the API's schema lacks, once an instance of a function and organisation.
    FieldsDropped,
    /// Events that the topic did not accept.
    EventPublishFailures,
    /// The same, by the engine's error code.
    EventPublishErrors(PublishFailure),
    /// How long what has been due for longest is overdue, in seconds: a ticket with a time of its own, or a turn of regular checks.
    ReconcileLag,
    /// Events that a check found in outboxes for over two minutes: their publisher crashed, or the topic did not accept them.
    OutboxBacklog,
    /// Age of the oldest of those events, in seconds.
    OutboxAge,
    /// Messages moved to a dead-letter queue by a function.
    MessagesDeadLettered,
    /// Time since a message that failed or waited was sent, in seconds: it is received again. SQS's own metric leaves out what was
    /// received three times.
    RetriedMessageAge(SourceKind),
    /// Messages that failed, whether they are received again or not. One that only waits, such as for another version of the
    /// program, has not failed.
    MessagesFailed(SourceKind),
    /// Changes that the reconciler found in an organisation of which no webhook came for an hour.
    ChangesWithoutWebhook,
}

/// What a function receives from its queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, AsRefStr, IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum SourceKind {
    /// event-enricher.
    #[default]
    Hints,
    /// A handler.
    Events,
    /// action-worker.
    Actions,
}

/// What found a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, AsRefStr, IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum FoundBy {
    /// The ticket's webhook.
    #[default]
    Webhook,
    /// The reconciler, and no webhook before it.
    Reconciler,
    /// No one: an action of ours made it.
    Action,
    /// No one: time has passed.
    Time,
}

/// The version stage of a webhook's token in Secrets Manager.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, AsRefStr, IntoStaticStr, EnumIter,
)]
#[strum(serialize_all = "snake_case")]
pub enum TokenStage {
    /// `AWSCURRENT`: in use.
    #[default]
    Current,
    /// `AWSPENDING`: new; it becomes current when the rotation of the webhook URLs finishes.
    Pending,
    /// `AWSPREVIOUS`: replaced, and still accepted.
    Previous,
}

/// What a repeated request has in common with the earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, AsRefStr, IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum RepeatedBy {
    /// The sender's id.
    #[default]
    Id,
    /// The body, within ten minutes.
    Body,
}

/// Why a request was rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, EnumIter)]
pub enum RejectionReason {
    /// The path is not that of a webhook.
    #[default]
    NotFound,
    /// The organisation is unknown, or the token is wrong.
    Unauthorised,
    /// The signature that the webhook declares is missing, wrong or too old.
    InvalidSignature,
    /// Neither GET nor POST.
    MethodNotAllowed,
    /// The body is larger than the maximum, as received or decompressed.
    TooLarge,
    /// The body of an inbound webhook is neither a form nor JSON objects, or a body cannot be decompressed.
    UnsupportedBody,
    /// The body is compressed in another way than by gzip.
    UnsupportedEncoding,
    /// The queue or Secrets Manager does not respond.
    Unavailable,
}

/// Why an event was not accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum PublishFailure {
    /// There was no response.
    #[default]
    NoResponse,
    /// SNS, or KMS behind it, throttles.
    Throttled,
    /// The function's role does not permit it.
    AccessDenied,
    /// There is no such topic.
    NotFound,
    /// The topic's KMS key cannot be used.
    Key,
    /// Another error code; the log has it.
    Other,
}

/// The outcome of an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, AsRefStr, IntoStaticStr, EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// A change was made, or a notice was sent.
    #[default]
    Done,
    /// The ticket was in the wanted state already.
    NoOp,
    /// The part of the ticket that it changes was changed since its decision, so that was left as it is.
    Superseded,
    /// The organisation's access does not permit writing, so nothing was sent.
    DryRun,
    /// No rehearsal of the organisation has passed, so nothing was sent.
    Unrehearsed,
    /// An earlier delivery of the same action was performed.
    Duplicate,
}

/// A metric's unit, as `CloudWatch` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum Unit {
    /// A count; values are summed.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// No unit: `CloudWatch` has none for days.
    None,
}

impl Metric {
    /// Every metric with every value of its dimension.
    pub fn all() -> Vec<Self> {
        let with_each_value = |metric| match metric {
            Self::InboundDuplicates(_) => RepeatedBy::iter().map(Self::InboundDuplicates).collect(),
            Self::RequestsRejected(_) => RejectionReason::iter().map(Self::RequestsRejected).collect(),
            Self::EventPublishErrors(_) => PublishFailure::iter().map(Self::EventPublishErrors).collect(),
            Self::RetriedMessageAge(_) => SourceKind::iter().map(Self::RetriedMessageAge).collect(),
            Self::MessagesFailed(_) => SourceKind::iter().map(Self::MessagesFailed).collect(),
            other => vec![other],
        };
        Self::iter().flat_map(with_each_value).collect()
    }

    /// The metric's name in `CloudWatch`.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Its unit.
    pub fn unit(self) -> Unit {
        match self {
            Self::WebhooksWithoutTicket
            | Self::InboundDuplicates(_)
            | Self::RequestsRejected(_)
            | Self::CredentialRefused
            | Self::FieldsDropped
            | Self::EventPublishFailures
            | Self::EventPublishErrors(_)
            | Self::OutboxBacklog
            | Self::MessagesDeadLettered
            | Self::MessagesFailed(_)
            | Self::ChangesWithoutWebhook => Unit::Count,
            Self::StaleSecretAge | Self::ReconcileLag | Self::OutboxAge | Self::RetriedMessageAge(_) => {
                Unit::Seconds
            }
            Self::TokenDaysLeft => Unit::None,
        }
    }

    /// Its dimension, if it has one: name and value.
    pub fn dimension(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::InboundDuplicates(by) => Some(("By", by.into())),
            Self::RequestsRejected(reason) => Some(("Reason", reason.reason().into())),
            Self::EventPublishErrors(failure) => Some(("Failure", failure.into())),
            Self::RetriedMessageAge(source) | Self::MessagesFailed(source) => Some(("Source", source.into())),
            Self::WebhooksWithoutTicket
            | Self::StaleSecretAge
            | Self::TokenDaysLeft
            | Self::CredentialRefused
            | Self::FieldsDropped
            | Self::EventPublishFailures
            | Self::ReconcileLag
            | Self::OutboxBacklog
            | Self::OutboxAge
            | Self::MessagesDeadLettered
            | Self::ChangesWithoutWebhook => None,
        }
    }
}

impl RejectionReason {
    /// Its reason code.
    pub fn reason(self) -> Reason {
        match self {
            Self::NotFound => Reason::NotFound,
            Self::Unauthorised => Reason::Unauthorised,
            Self::InvalidSignature => Reason::InvalidSignature,
            Self::MethodNotAllowed => Reason::MethodNotAllowed,
            Self::TooLarge => Reason::TooLarge,
            Self::UnsupportedBody => Reason::UnsupportedBody,
            Self::UnsupportedEncoding => Reason::UnsupportedEncoding,
            Self::Unavailable => Reason::Unavailable,
        }
    }
}
