//! The chaos test's handler: does what its entry in tests/chaos/handlers.yaml says to a ticket that enters a stage.

use automations::id::ReminderKey;
use automations::model::reminder::When;
use automations::serde::Deserialize;
use automations::{Action, Event, Ticket, handler};
use std::process::ExitCode;

#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    stage: String,
    actions: Vec<Act>,
}

#[derive(Deserialize)]
#[serde(crate = "automations::serde", tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Act {
    AddLabel { label: String },
    RemoveLabel { label: String },
    MoveStage { to: String },
    CreateTicket { workflow: String },
    Remind { key: String, after_minutes: u32 },
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let ticket = event.entered_stage(&settings.stage);
    ticket
        .map(|ticket| settings.actions.iter().filter_map(|act| act.on(ticket)).collect())
        .unwrap_or_default()
}

impl Act {
    /// The action; none if its key is not one.
    fn on(&self, ticket: &Ticket) -> Option<Action> {
        Some(match self {
            Self::AddLabel { label } => Action::add_label(ticket, label),
            Self::RemoveLabel { label } => Action::remove_label(ticket, label),
            Self::MoveStage { to } => Action::move_stage(ticket, to),
            // With the version in its name, the order is to be seen at Salestrekker too, without any record of ours.
            Self::CreateTicket { workflow } => {
                Action::create_ticket(ticket, workflow, &format!("Version {}: {{ticket}}", ticket.version))
            }
            // With the version in its key, none replaces another, so that each must come once.
            Self::Remind { key, after_minutes } => {
                let key = ReminderKey::parse(format!("{key}-{}", ticket.version)).ok()?;
                Action::remind(ticket, &key, When::after_minutes(*after_minutes))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::serde_json::{from_value, json};
    use automations::testing::stage_changed;

    #[test]
    fn every_action_of_the_entry_is_decided_in_order_and_for_its_stage_alone() {
        let actions = json!([
            { "do": "add_label", "label": "a" },
            { "do": "remove_label", "label": "b" },
            { "do": "move_stage", "to": "Archived" },
            { "do": "create_ticket", "workflow": "Annual reviews" },
            { "do": "remind", "key": "soon", "after_minutes": 1 },
        ]);
        let settings = from_value(json!({ "stage": "Settled", "actions": actions })).unwrap();
        let event = stage_changed("Approved", "Settled");
        let ticket = event.ticket().unwrap();
        let name = format!("Version {}: {{ticket}}", ticket.version);
        let expected = [
            Action::add_label(ticket, "a"),
            Action::remove_label(ticket, "b"),
            Action::move_stage(ticket, "Archived"),
            Action::create_ticket(ticket, "Annual reviews", &name),
            Action::remind(ticket, &"soon-2".parse().unwrap(), When::after_minutes(1)),
        ];
        assert_eq!(decide(&event, &settings), expected);
        assert!(decide(&stage_changed("Settled", "Approved"), &settings).is_empty());
    }
}
