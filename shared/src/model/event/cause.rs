//! What led to an event.

use crate::clock::Timestamp;
use crate::id::{ActionId, HintId, WebhookAction};
use crate::model::collapsed::Collapsed;
use crate::model::collected::Collected;
use crate::telemetry::xray::TraceHeader;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What led to the check of a ticket that found a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A webhook.
    Webhook {
        /// The hint that the webhook became.
        hint: HintId,
        /// The action in its URL.
        action: WebhookAction,
        /// When the webhook was received.
        received_at: Timestamp,
        /// The X-Ray trace of the webhook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<TraceHeader>,
    },
    /// The reconciler: a check of the ticket was due.
    Reconciler {
        /// The hint.
        hint: HintId,
        /// When the reconciler sent the hint.
        asked_at: Timestamp,
    },
    /// A handler's schedule.
    Schedule {
        /// The hint, the same for all organisations.
        hint: HintId,
    },
    /// A handler's quiet period ended: its ticket was left alone, or never is. The event is the newest one of those that waited.
    QuietPeriod {
        /// The hint that led to the newest event.
        hint: HintId,
        /// The longest chain of actions that led to one of the events, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        chain: Vec<ActionId>,
        /// What the event stands for.
        collapsed: Box<Collapsed>,
    },
    /// A handler collected events until a time of day. The event is the newest one of them.
    Collection {
        /// The hint that led to the newest event.
        hint: HintId,
        /// The longest chain of actions that led to one of the events, oldest first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        chain: Vec<ActionId>,
        /// What the event stands for.
        collected: Box<Collected>,
    },
    /// An action of ours made the change. The hint led to the check that found it.
    Action {
        /// The hint.
        hint: HintId,
        /// The actions that led to it, oldest first; the last one made the change.
        chain: Vec<ActionId>,
    },
}

impl Cause {
    /// The kind of cause, as in `cause.by`.
    pub fn by(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Reconciler { .. } => "reconciler",
            Self::Schedule { .. } => "schedule",
            Self::QuietPeriod { .. } => "quiet_period",
            Self::Collection { .. } => "collection",
            Self::Action { .. } => "action",
        }
    }

    /// The hint that led to the check.
    pub fn hint(&self) -> &HintId {
        match self {
            Self::Webhook { hint, .. }
            | Self::Reconciler { hint, .. }
            | Self::Schedule { hint }
            | Self::QuietPeriod { hint, .. }
            | Self::Collection { hint, .. }
            | Self::Action { hint, .. } => hint,
        }
    }

    /// When the webhook was received, if the cause is one.
    pub fn received_at(&self) -> Option<Timestamp> {
        match self {
            Self::Webhook { received_at, .. } => Some(*received_at),
            Self::Reconciler { .. }
            | Self::Action { .. }
            | Self::Schedule { .. }
            | Self::QuietPeriod { .. }
            | Self::Collection { .. } => None,
        }
    }

    /// The X-Ray trace, if the cause is a webhook.
    pub fn trace(&self) -> Option<&TraceHeader> {
        match self {
            Self::Webhook { trace, .. } => trace.as_ref(),
            Self::Reconciler { .. }
            | Self::Schedule { .. }
            | Self::QuietPeriod { .. }
            | Self::Collection { .. }
            | Self::Action { .. } => None,
        }
    }
}
