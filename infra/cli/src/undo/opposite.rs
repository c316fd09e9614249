//! The opposite of an action: what the part of the ticket was before, on condition that it is as the action made it.

use automations::Action;
use automations::model::event::EventKind;
use automations::model::ticket_part::TicketPart;

/// Why there is no opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOpposite {
    /// No check of the ticket has found the change yet, and the record does not say what was before.
    NotFoundYet,
    /// It had no owner before, and no action takes an owner away.
    NoOwnerBefore,
    /// It had no amount before, and no action takes an amount away.
    NoAmountBefore,
    /// It changes no part of a ticket that is read back.
    NoPart,
}

/// The opposite of an action that changed a ticket. `own` is the event of its change. What was before is what that event says, and not what
/// the decision saw, as another action may have been performed in between; a label that an action added was not there.
pub(super) fn opposite(action: &Action, own: Option<&EventKind>) -> Result<Action, NoOpposite> {
    match action {
        Action::AddLabel { ticket, label, .. } => Ok(Action::RemoveLabel {
            ticket: ticket.clone(),
            label: label.clone(),
            seen: Some(TicketPart::Label { present: true }),
        }),
        Action::RemoveLabel { ticket, label, .. } => Ok(Action::AddLabel {
            ticket: ticket.clone(),
            label: label.clone(),
            seen: Some(TicketPart::Label { present: false }),
        }),
        Action::SetOwner { ticket, owner, .. } => {
            let Some(EventKind::OwnerChanged { from: before, .. }) = own else {
                return Err(NoOpposite::NotFoundYet);
            };
            Ok(Action::SetOwner {
                ticket: ticket.clone(),
                owner: before.clone().ok_or(NoOpposite::NoOwnerBefore)?,
                seen: Some(TicketPart::Owner { owner: Some(owner.clone()) }),
            })
        }
        Action::SetValue { ticket, value, .. } => {
            let Some(EventKind::ValueChanged { from: before, .. }) = own else {
                return Err(NoOpposite::NotFoundYet);
            };
            Ok(Action::SetValue {
                ticket: ticket.clone(),
                value: before.clone().ok_or(NoOpposite::NoAmountBefore)?,
                seen: Some(TicketPart::value(Some(value))),
            })
        }
        Action::MoveStage { ticket, .. } | Action::MoveWorkflow { ticket, .. } => {
            // The record has the new stage by name, and names repeat; the event has both by id.
            let Some(EventKind::StageChanged { from, to, .. }) = own else {
                return Err(NoOpposite::NotFoundYet);
            };
            let (ticket, stage) = (ticket.clone(), from.stage.id.to_string());
            let seen = Some(TicketPart::Stage {
                workflow: Some(to.workflow.id.clone()),
                stage: Some(to.stage.id.clone()),
            });
            if from.workflow.id == to.workflow.id {
                return Ok(Action::MoveStage { ticket, stage, seen });
            }
            Ok(Action::MoveWorkflow { ticket, workflow: from.workflow.id.to_string(), stage, seen })
        }
        Action::CreateTicket { .. }
        | Action::CreateLead { .. }
        | Action::Notify { .. }
        | Action::NotifyJson { .. }
        | Action::Remind { .. }
        | Action::Forget { .. }
        | Action::Defer { .. }
        | Action::Mutate { .. } => Err(NoOpposite::NoPart),
    }
}
