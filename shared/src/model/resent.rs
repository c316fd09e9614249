//! Events and actions that were sent again.

use crate::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That an event or an action was sent again: by an operator with `automations replay` or `automations dlq redrive`, and with
/// which consent; or from an outbox, minutes after it may have been published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resent {
    /// When. It is part of the deduplication ids, so that SNS and SQS do not take it for the first one.
    pub at: Timestamp,
    /// The operator consents to an action after a newer one of the same handler and ticket (`--out-of-order`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub out_of_order: bool,
    /// Its actions get new ids, made of `at`, so that those that were performed are performed again (`replay --reprocess`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub reprocess: bool,
    /// Only actions that were recorded and not performed are performed: by a read-only or an unrehearsed organisation
    /// (`replay --not-performed`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub not_performed: bool,
}

impl Resent {
    /// Sent again at this time, without further consent.
    pub fn at(at: Timestamp) -> Self {
        Self { at, out_of_order: false, reprocess: false, not_performed: false }
    }

    /// Whether an action is refused if a newer one of its handler was performed.
    pub fn keeps_order(&self) -> bool {
        !self.out_of_order && !self.reprocess
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
