//! What a dead letter is about, from its body: ids and names of handlers and actions, never a person's data.

use crate::event_filter::has_label;
use automations::id::{OrganisationId, TicketId};
use automations::json::from_json;
use automations::model::action::PlannedAction;
use automations::{Action, Event};
use serde::Serialize;
use serde_json::Value;

/// What a dead letter is about. A field is absent if the body does not say it, or is not what its queue carries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Content {
    /// The organisation.
    pub organisation: Option<OrganisationId>,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// The handler that should handle the event, or that decided the action.
    pub handler: Option<String>,
    /// What should be done: the kind of the action, else of the event or of the webhook.
    pub action: Option<String>,
}

/// The queues that are not a handler's.
const SYSTEM_QUEUES: [&str; 2] = ["hints", "actions"];

impl Content {
    /// What a body is about: a hint, an event, or an action. `owner` is the queue's name between the stack's and
    /// `-dead-letters`: a handler's name, `hints` or `actions`.
    pub(crate) fn of(body: &str, owner: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let text = |path: &str| body.pointer(path).and_then(Value::as_str);
        let first = |paths: &[&str]| paths.iter().find_map(|path| text(path));
        let tickets = ["/ticket", "/action/ticket", "/action/beside", "/action/about", "/ticket/id"];
        let handler = (!SYSTEM_QUEUES.contains(&owner) && !owner.is_empty()).then_some(owner);
        Self {
            organisation: text("/organisation").and_then(|name| OrganisationId::parse(name).ok()),
            ticket: first(&tickets).and_then(|id| TicketId::parse(id).ok()),
            handler: text("/handler").or(handler).and_then(word),
            action: first(&["/action/do", "/type", "/action"]).and_then(word),
        }
    }
}

/// Whether a body is an event of a ticket that has this label or lost it, or an action that adds or removes it.
pub(super) fn names_label(body: &str, label: &str) -> bool {
    if let Ok(event) = from_json::<Event>(body.as_bytes()) {
        return has_label(&event, label);
    }
    let Ok(planned) = from_json::<PlannedAction>(body.as_bytes()) else { return false };
    match planned.action {
        Action::AddLabel { label: own, .. } | Action::RemoveLabel { label: own, .. } => own == label,
        Action::CreateLead { lead, .. } => lead.labels.iter().any(|own| own == label),
        Action::SetOwner { .. }
        | Action::MoveStage { .. }
        | Action::MoveWorkflow { .. }
        | Action::SetValue { .. }
        | Action::CreateTicket { .. }
        | Action::Notify { .. }
        | Action::NotifyJson { .. }
        | Action::Remind { .. }
        | Action::Forget { .. }
        | Action::Defer { .. }
        | Action::Mutate { .. } => false,
    }
}

/// A name as the system makes it; anything else may be a person's data in a message that is not what it should be.
fn word(text: &str) -> Option<String> {
    let is_of_name = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_.".contains(character)
    };
    (text.len() <= 64 && text.chars().all(is_of_name)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::json::to_json;
    use automations::testing::{a_ticket, stage_changed};

    fn cells(body: &str, owner: &str) -> [String; 4] {
        let Content { organisation, ticket, handler, action } = Content::of(body, owner);
        [organisation.map(String::from), ticket.map(String::from), handler, action]
            .map(Option::unwrap_or_default)
    }

    #[test]
    fn each_kind_of_message_says_what_it_is_about() {
        let event = stage_changed("Approved", "Settled");
        let (organisation, ticket) = (event.organisation.as_str(), event.ticket().unwrap().id.as_str());
        let expected = [organisation, ticket, "my-handler", "ticket.stage_changed"];
        assert_eq!(cells(&to_json(&event), "my-handler"), expected);
        let action = r#"{"id":"e.h.0","organisation":"north","handler":"h","action":{"do":"add_label","ticket":"t-1","label":"x"}}"#;
        assert_eq!(cells(action, "actions"), ["north", "t-1", "h", "add_label"]);
        let hint =
            r#"{"id":"r.0","organisation":"north","action":"ticket-updated","ticket":"t-2","raw":null}"#;
        assert_eq!(cells(hint, "hints"), ["north", "t-2", "", "ticket-updated"]);
    }

    #[test]
    fn a_label_is_found_in_an_event_and_in_an_action_that_changes_it() {
        let action = |kind: &str| {
            format!(
                r#"{{"id":"e.h.0","organisation":"north","event":"e","handler":"h","decided_at":"2026-09-21T14:13:20.000Z","attempt":1,
                "action":{{"do":"{kind}","ticket":"t-1","label":"VIP","stage":"VIP"}}}}"#
            )
        };
        let event = to_json(&a_ticket().with_label("VIP").loses_label("VIP"));
        for body in [action("add_label"), action("remove_label"), event] {
            assert!(names_label(&body, "VIP") && !names_label(&body, "Client"), "{body}");
        }
        assert!(!names_label(&action("move_stage"), "VIP") && !names_label("VIP", "VIP"));
    }

    #[test]
    fn what_is_not_such_a_message_is_not_quoted() {
        for body in [
            "",
            "Jane Citizen",
            "[]",
            r#"{"organisation":"Jane Citizen","ticket":"Jane Citizen","action":"Jane C"}"#,
        ] {
            assert_eq!(cells(body, "hints"), ["", "", "", ""], "{body}");
        }
    }
}
