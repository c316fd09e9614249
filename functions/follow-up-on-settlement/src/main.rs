//! Labels a ticket that enters a stage such as `Settled`, and creates a follow-up ticket in another workflow.

use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    stage: String,
    label: String,
    follow_up_workflow: String,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: both if the ticket has just entered the stage, else none.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Some(ticket) = event.entered_stage(&settings.stage) else { return vec![] };
    vec![
        Action::add_label(ticket, &settings.label),
        Action::create_ticket(ticket, &settings.follow_up_workflow, "Follow-up: {ticket}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{one_of_each, stage_changed};

    fn settings() -> Settings {
        let [stage, label, follow_up_workflow] =
            ["Settled", "Post-settlement", "Annual reviews"].map(str::to_owned);
        Settings { stage, label, follow_up_workflow }
    }

    #[test]
    fn a_ticket_that_settles_is_labelled_and_followed_up() {
        let event = stage_changed("Approved", "Settled");
        let ticket = event.ticket().unwrap();
        let expected = [
            Action::add_label(ticket, "Post-settlement"),
            Action::create_ticket(ticket, "Annual reviews", "Follow-up: {ticket}"),
        ];
        assert_eq!(decide(&event, &settings()), expected);
    }

    #[test]
    fn nothing_else_does_anything() {
        let others = one_of_each().into_iter().chain([stage_changed("Settled", "Archived")]);
        for event in others.filter(|event| event.entered_stage("Settled").is_none()) {
            assert!(decide(&event, &settings()).is_empty(), "{}", event.kind.name());
        }
    }
}
