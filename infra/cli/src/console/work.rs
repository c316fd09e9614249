//! What a change does.

use crate::commands::dead_letters::Selection;

/// Each is a command's own code, with its row of the audit.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// `automations dlq redrive`.
    Redrive(Selection),
    /// `automations dlq drop`.
    Drop(Selection),
}
