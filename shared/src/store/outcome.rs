//! What came of an action.

use crate::clock::Timestamp;
use crate::id::{ContactId, TicketId};
use crate::model::ticket_part::TicketPart;
use serde::{Deserialize, Serialize};

/// The outcome of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The ticket was changed.
    Changed,
    /// The ticket was already as wanted; nothing was sent.
    NoOp,
    /// The part of the ticket that the action changes was changed since its decision: nothing was sent, or what was sent
    /// was replaced, and nothing will be for this action.
    Superseded {
        /// The part as the decision saw it.
        expected: TicketPart,
        /// The part as it was when the action was to be performed.
        found: TicketPart,
    },
    /// The organisation is read-only: nothing was sent. `automations replay --not-performed` performs the action later.
    DryRun,
    /// No rehearsal of the organisation has passed: nothing was sent. `automations replay --not-performed` performs the action
    /// later.
    Unrehearsed,
    /// A handler's own mutation, or a notice, was sent and accepted.
    Sent,
    /// A reminder was set.
    ReminderSet {
        /// When it is due; absent while the field that it is counted from has no date.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_at: Option<Timestamp>,
    },
    /// A reminder was cancelled.
    ReminderCancelled,
    /// The decision is put off, with what the ticket has of others.
    Deferred {
        /// When the quiet period ends, unless another change comes before.
        until: Timestamp,
    },
    /// A contact and a ticket for it were created.
    LeadCreated {
        /// The contact's id.
        contact: ContactId,
        /// The ticket's id.
        ticket: TicketId,
    },
    /// A ticket was created.
    Created {
        /// Its id.
        ticket: TicketId,
    },
}

impl Outcome {
    /// Whether the action was only recorded, so that it can be performed later. A decision that was put off is put off again then: what it
    /// decided may have been only recorded.
    pub fn is_only_recorded(&self) -> bool {
        match self {
            Self::DryRun | Self::Unrehearsed | Self::Deferred { .. } => true,
            Self::Changed
            | Self::NoOp
            | Self::Superseded { .. }
            | Self::Sent
            | Self::ReminderSet { .. }
            | Self::ReminderCancelled
            | Self::LeadCreated { .. }
            | Self::Created { .. } => false,
        }
    }

    /// Whether the action was performed: its effect is there, or was there already.
    pub fn is_performed(&self) -> bool {
        match self {
            Self::Changed
            | Self::NoOp
            | Self::Sent
            | Self::ReminderSet { .. }
            | Self::ReminderCancelled
            | Self::LeadCreated { .. }
            | Self::Created { .. } => true,
            Self::Superseded { .. } | Self::DryRun | Self::Unrehearsed | Self::Deferred { .. } => false,
        }
    }
}
