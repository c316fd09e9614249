//! Events and actions that an operator sent again.

use crate::clock::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// That an operator sent an event or an action again, by `automations replay` or `automations dlq redrive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resent {
    /// When. It is part of the deduplication ids, so that SNS and SQS do not take it for the first one.
    pub at: Timestamp,
    /// Whether an action is performed although a newer one of the same handler and ticket was performed already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub out_of_order: bool,
    /// Whether actions get new ids, made of `at`, so that those that were performed are performed again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub reprocess: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}
