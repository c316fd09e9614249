//! Sends a message to Slack, Teams or any URL when a ticket enters a stage.

use automations::id::DestinationName;
use automations::serde::Deserialize;
use automations::{Action, Event, EventKind, handler};
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml. In `text`, `{id}`, `{workflow}`, `{from}` and `{stage}` are replaced by the
/// values of the event, `{ticket}` by the ticket's name, which usually contains a client's name, and `{ticket_link}` and `{board_link}` by links.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    destination: DestinationName,
    text: String,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: a message if a ticket moved to another stage. The `Filter` of its entry selects the stages.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let EventKind::StageChanged { ticket, from, to } = &event.kind else { return vec![] };
    // A stage that is named `{ticket}` must not be taken for a placeholder.
    let plain = |name: &Option<String>| name.as_deref().unwrap_or("?").replace(['{', '}'], "");
    let text = settings.text.replace("{id}", ticket.id.as_str());
    let text = text.replace("{workflow}", &plain(&to.workflow.name));
    let text = text.replace("{from}", &plain(&from.stage.name)).replace("{stage}", &plain(&to.stage.name));
    vec![Action::notify(ticket, &settings.destination, &text)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{a_ticket, assert_decides, one_of_each};

    fn decided(event: &Event, text: &str) -> Vec<Action> {
        let destination = DestinationName::parse("team").unwrap();
        decide(event, &Settings { destination, text: text.to_owned() })
    }

    #[test]
    fn the_text_is_filled_and_a_name_only_where_it_is_asked_for() {
        let event = a_ticket().with_id("t-1").in_stage("Application").moves_to("{ticket}");
        let notice = |text: &str| [Action::notify(event.ticket().unwrap(), &"team".parse().unwrap(), text)];
        assert_decides(decided(&event, "{id}: {from} to {stage}"), notice("t-1: Application to ticket"));
        assert_decides(decided(&event, "{ticket}, {workflow}"), notice("{ticket}, Home loans"));
        assert_decides(decided(&event, "{ticket_link} {board_link}"), notice("{ticket_link} {board_link}"));
    }

    #[test]
    fn nothing_else_tells_anything() {
        let others = one_of_each().into_iter().filter(|event| event.kind.name() != "ticket.stage_changed");
        assert!(others.map(|event| decided(&event, "x")).all(|decided| decided.is_empty()));
    }
}
