//! Sends a message to Slack, Teams or any URL when a ticket enters a stage: a text, or the event as JSON for a program.

use automations::id::DestinationName;
use automations::serde::Deserialize;
use automations::{Action, Event, EventKind, handler};
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml: a text for people, or the fields of an event for a program.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", try_from = "Stored")]
struct Settings {
    destination: DestinationName,
    message: Message,
}

enum Message {
    /// `{id}`, `{workflow}`, `{from}` and `{stage}` are replaced by the values of the event, `{ticket}` by the ticket's name, which
    /// usually contains a client's name, and `{ticket_link}` and `{board_link}` by links.
    Text(String),
    /// Paths in the event's JSON.
    Fields(Vec<String>),
}

#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Stored {
    destination: DestinationName,
    text: Option<String>,
    fields: Option<Vec<String>>,
}

impl TryFrom<Stored> for Settings {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let message = match (stored.text, stored.fields) {
            (Some(text), None) => Message::Text(text),
            (None, Some(fields)) => Message::Fields(fields),
            (Some(_), Some(_)) | (None, None) => return Err("expected text or fields"),
        };
        Ok(Self { destination: stored.destination, message })
    }
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: a message if a ticket moved to another stage. The `Filter` of its entry selects the stages.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let EventKind::StageChanged { ticket, from, to } = &event.kind else { return vec![] };
    let text = match &settings.message {
        Message::Fields(fields) => return vec![Action::notify_json(event, &settings.destination, fields)],
        Message::Text(text) => text.replace("{id}", ticket.id.as_str()),
    };
    // A stage that is named `{ticket}` must not be taken for a placeholder.
    let plain = |name: &Option<String>| name.as_deref().unwrap_or("?").replace(['{', '}'], "");
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
        decide(event, &Settings { destination, message: Message::Text(text.to_owned()) })
    }

    #[test]
    fn a_program_gets_the_fields_that_the_settings_name() {
        let settings = |text: &str| automations::json::from_json::<Settings>(text.as_bytes());
        let chosen =
            settings(r#"{"destination": "crm", "fields": ["to.stage.name", "ticket.value"]}"#).unwrap();
        let event = a_ticket().in_stage("Application").worth(450_000).moves_to("Approved");
        let fields = ["to.stage.name", "ticket.value"];
        assert_decides(
            decide(&event, &chosen),
            [Action::notify_json(&event, &"crm".parse().unwrap(), &fields)],
        );
        for neither in [r#"{"destination": "crm"}"#, r#"{"destination": "crm", "text": "x", "fields": []}"#] {
            assert!(settings(neither).is_err(), "{neither}");
        }
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
