//! Why somebody looked, and so came to tell an event.

use crate::clock::Timestamp;
use crate::id::{ActionId, HintId, WebhookAction};
use crate::telemetry::xray::TraceHeader;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What made us look at a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "by", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A webhook came.
    Webhook {
        /// The hint that it became.
        hint: HintId,
        /// The action in its URL.
        action: WebhookAction,
        /// When it came.
        received_at: Timestamp,
        /// The trace of X-Ray that it is part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<TraceHeader>,
    },
    /// No webhook came; the ticket was due to be looked at.
    Reconciler {
        /// The hint.
        hint: HintId,
        /// When it asked.
        asked_at: Timestamp,
    },
    /// An action of ours made the change; the hint is what made us look.
    Action {
        /// The hint.
        hint: HintId,
        /// The actions that led to it, oldest first; the last one made the change.
        chain: Vec<ActionId>,
    },
}

impl Cause {
    /// What made us look, as in `cause.by` on the bus.
    pub fn by(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Reconciler { .. } => "reconciler",
            Self::Action { .. } => "action",
        }
    }

    /// The hint that made us look.
    pub fn hint(&self) -> &HintId {
        match self {
            Self::Webhook { hint, .. } | Self::Reconciler { hint, .. } | Self::Action { hint, .. } => hint,
        }
    }

    /// The trace of X-Ray that it is part of, where a webhook was.
    pub fn trace(&self) -> Option<&TraceHeader> {
        match self {
            Self::Webhook { trace, .. } => trace.as_ref(),
            Self::Reconciler { .. } | Self::Action { .. } => None,
        }
    }
}
