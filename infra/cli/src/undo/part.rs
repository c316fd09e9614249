//! The part of a ticket that an action changes, as the journal's events have it.

use automations::Action;
use automations::id::TicketId;
use automations::model::event::EventKind;
use automations::model::own_changes::{ChangeMark, MarkedPart};

/// A part of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The label of this name or id.
    Label(String),
    Stage,
    Owner,
    Value,
}

impl Part {
    /// The ticket that an action changes, and which part; none if it changes no part that is read back.
    pub(super) fn of(action: &Action) -> Option<(&TicketId, Self)> {
        match action {
            Action::AddLabel { ticket, label, .. } | Action::RemoveLabel { ticket, label, .. } => {
                Some((ticket, Self::Label(label.clone())))
            }
            Action::SetOwner { ticket, .. } => Some((ticket, Self::Owner)),
            Action::MoveStage { ticket, .. } | Action::MoveWorkflow { ticket, .. } => {
                Some((ticket, Self::Stage))
            }
            Action::SetValue { ticket, .. } => Some((ticket, Self::Value)),
            Action::CreateTicket { .. }
            | Action::CreateLead { .. }
            | Action::Notify { .. }
            | Action::NotifyJson { .. }
            | Action::Remind { .. }
            | Action::Forget { .. }
            | Action::Defer { .. }
            | Action::Mutate { .. } => None,
        }
    }

    /// Whether a mark of ours may say that it changes. Marks name a label by its id: without one, any label's may.
    pub(super) fn is_marked_by(&self, mark: &ChangeMark, label: Option<&str>) -> bool {
        match mark.part() {
            MarkedPart::Label(id) => matches!(self, Self::Label(_)) && label.is_none_or(|label| label == id),
            MarkedPart::Stage => *self == Self::Stage,
            MarkedPart::Owner => *self == Self::Owner,
            MarkedPart::Value => *self == Self::Value,
            MarkedPart::Other => false,
        }
    }

    /// Whether an event says that it changed.
    pub(super) fn is_changed_by(&self, kind: &EventKind) -> bool {
        match kind {
            EventKind::LabelAdded { label, .. } | EventKind::LabelRemoved { label, .. } => {
                matches!(self, Self::Label(own) if label.is_named(own))
            }
            // A ticket that moves to another workflow has an event of its stage too, which has both.
            EventKind::StageChanged { .. } => *self == Self::Stage,
            EventKind::OwnerChanged { .. } => *self == Self::Owner,
            EventKind::ValueChanged { .. } => *self == Self::Value,
            // It is a state from which nothing is known.
            EventKind::TicketFirstSeen { .. } | EventKind::Vanished { .. } => true,
            EventKind::TicketCreated { .. }
            | EventKind::WorkflowChanged { .. }
            | EventKind::ClientAdded { .. }
            | EventKind::ClientRemoved { .. }
            | EventKind::ActiveChanged { .. }
            | EventKind::Renamed { .. }
            | EventKind::FieldChanged { .. }
            | EventKind::StageAged { .. }
            | EventKind::StageResumed { .. }
            | EventKind::Clock { .. }
            | EventKind::ReminderDue { .. }
            | EventKind::WebhookUnrecognised { .. }
            | EventKind::Inbound { .. } => false,
        }
    }
}
