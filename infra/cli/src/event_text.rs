//! Events as people read them: ids and names of stages, workflows and labels, and no person's data.

use automations::id::StageId;
use automations::model::event::AgeUnit;
use automations::model::ticket::{Named, WorkflowStage};
use automations::{Event, EventKind};

/// An event as a person reads it: when, what, and of which ticket.
pub(crate) fn line(event: &Event) -> String {
    let ticket = event.ticket_id().map(ToString::to_string).unwrap_or_default();
    format!("{}  {}  {ticket}  {}", event.observed_at, what(&event.kind), event.id)
}

/// The kind of an event, with what it changed from and to; no person's data.
pub(crate) fn what(kind: &EventKind) -> String {
    let name = kind.name();
    match kind {
        EventKind::StageChanged { from, to, .. } if from.workflow.id == to.workflow.id => {
            format!("{name} {} → {}", stage(&from.stage), stage(&to.stage))
        }
        EventKind::StageChanged { from, to, .. } => format!("{name} {} → {}", place(from), place(to)),
        EventKind::WorkflowChanged { from, to, .. } => {
            format!("{name} {} → {}", from.name.as_deref().unwrap_or("?"), to.name.as_deref().unwrap_or("?"))
        }
        EventKind::OwnerChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::LabelAdded { label, .. } | EventKind::LabelRemoved { label, .. } => {
            format!("{name} {}", label.name.as_deref().unwrap_or(label.id.as_str()))
        }
        EventKind::ClientAdded { client, .. } | EventKind::ClientRemoved { client, .. } => {
            format!("{name} {client}")
        }
        EventKind::ValueChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::ActiveChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        // Of a text, only that it is one.
        EventKind::FieldChanged { field, from, to, .. } => {
            format!("{name} {field} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::StageAged { stage: aged, days, unit, .. } => {
            format!("{name} {days} {} in {}", short(*unit), stage(aged))
        }
        EventKind::StageResumed { stage: left, days, unit, ticket } => {
            let now = stage(&ticket.stage);
            format!("{name} {} → {now} after more than {days} {}", stage(left), short(*unit))
        }
        EventKind::ReminderDue { key, due_at, .. } => format!("{name} {key} of {due_at}"),
        _ => name.to_owned(),
    }
}

fn short(unit: AgeUnit) -> &'static str {
    match unit {
        AgeUnit::Days => "d",
        AgeUnit::BusinessDays => "business days",
    }
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn stage(stage: &Named<StageId>) -> &str {
    stage.name.as_deref().unwrap_or(stage.id.as_str())
}

fn place(place: &WorkflowStage) -> String {
    format!(
        "{}/{}",
        place.workflow.name.as_deref().unwrap_or(place.workflow.id.as_str()),
        stage(&place.stage)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{a_ticket, one_of_each, stage_changed};

    #[test]
    fn a_change_is_shown_with_from_and_to() {
        assert_eq!(
            what(&stage_changed("Application", "Settled").kind),
            "ticket.stage_changed Application → Settled"
        );
        let aged = a_ticket().in_stage("Application").stays_for(14);
        assert_eq!(what(&aged.kind), "ticket.stage_aged 14 d in Application");
        let resumed = a_ticket().in_stage("Application").resumes_in("Approved", 14);
        assert_eq!(what(&resumed.kind), "ticket.stage_resumed Application → Approved after more than 14 d");
        assert_eq!(what(&a_ticket().worth(5).becomes_worth(7).kind), "ticket.value_changed 5 → 7");
        for event in one_of_each() {
            assert!(what(&event.kind).starts_with(event.kind.name()), "{}", event.kind.name());
        }
    }
}
