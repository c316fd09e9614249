//! A dead letter's body as it may be shown: its structure, and of its values only ids, codes, numbers of versions and times.

use serde_json::{Map, Value};

/// Where ids, codes and times are, as paths of keys; what is below one of these is shown too.
const SHOWN: &[&str] = &[
    "id",
    "organisation",
    "event",
    "hint",
    "handler",
    "attempt",
    "ticket_version",
    "decided_at",
    "observed_at",
    "received_at",
    "type",
    "chain",
    "cause.by",
    "cause.hint",
    "cause.action",
    "cause.received_at",
    "cause.asked_at",
    "cause.chain",
    "cause.trace",
    // Below these two are whole events.
    "cause.collapsed.handler",
    "cause.collapsed.count",
    "cause.collapsed.first_at",
    "cause.collapsed.left_out",
    "cause.collapsed.changes.event",
    "cause.collapsed.changes.count",
    "cause.collapsed.changes.type",
    "cause.collected.handler",
    "cause.collected.due_at",
    "cause.collected.late_by",
    "cause.collected.count",
    "cause.collected.left_out",
    "cause.collected.tickets.count",
    "cause.collected.tickets.kinds",
    "cause.collected.tickets.event.id",
    "cause.collected.tickets.event.type",
    "cause.collected.tickets.event.ticket.id",
    "cause.collected.tickets.event.ticket.version",
    "resent",
    "days",
    "action.do",
    "action.ticket",
    "action.about",
    "action.beside",
    "ticket.id",
    "ticket.version",
    "ticket.workflow.id",
    "ticket.stage.id",
    "from.stage.id",
    "from.workflow.id",
    "to.stage.id",
    "to.workflow.id",
];
/// A hint has a ticket's id and a webhook's action where an event or an action has an object.
const SHOWN_AS_TEXT: [&str; 2] = ["ticket", "action"];
/// The longest id or code.
const MAX_ID: usize = 256;

/// The body, indented; none if it is not JSON.
pub(crate) fn masked(body: &str) -> Option<String> {
    let value: Value = serde_json::from_str(body).ok()?;
    serde_json::to_string_pretty(&mask(&value, "")).ok()
}

fn mask(value: &Value, path: &str) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                (shown_key(key), mask(value, &below))
            };
            Value::Object(fields.iter().map(field).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| mask(item, path)).collect()),
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) if is_shown(path) => value.clone(),
        Value::Number(_) => Value::String("… (a number)".to_owned()),
        Value::String(text) if (is_shown(path) || SHOWN_AS_TEXT.contains(&path)) && is_id(text) => {
            value.clone()
        }
        Value::String(text) => Value::String(format!("… ({} characters)", text.chars().count())),
    }
}

fn is_shown(path: &str) -> bool {
    SHOWN
        .iter()
        .any(|shown| path.strip_prefix(shown).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

/// An id or a code has no spaces; a person's name in a message that is not what it should be may have.
fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID && !text.contains(char::is_whitespace) && !text.contains('@')
}

/// A form's field may be named after what was typed.
fn shown_key(key: &str) -> String {
    if is_id(key) && key.len() <= 64 { key.to_owned() } else { "…".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::json::to_json;
    use automations::testing::{a_ticket, after_collection, after_quiet_period, posted, stage_changed};

    #[test]
    fn ids_and_codes_are_shown_and_a_persons_data_is_not() {
        let event = stage_changed("Approved", "Settled");
        let shown = masked(&to_json(&event)).unwrap();
        for part in
            [event.id.as_str(), event.ticket().unwrap().id.as_str(), "ticket.stage_changed", "\"cause\""]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let fields =
            [("id", "Jane"), ("name", "Jane Citizen"), ("e-mail", "jane@example.com"), ("loan", "500000")];
        let shown = masked(&to_json(&posted("website-lead", &fields))).unwrap();
        assert!(!shown.contains("Jane") && !shown.contains("jane@") && !shown.contains("500000"), "{shown}");
        assert!(shown.contains("inbound.website-lead") && shown.contains("… (12 characters)"), "{shown}");
        let action = r#"{"id":"e.h.0","handler":"h","action":{"do":"create_lead","name":"Jane","value":7}}"#;
        let shown = masked(action).unwrap();
        assert!(shown.contains("create_lead") && !shown.contains("Jane") && !shown.contains('7'), "{shown}");
    }

    #[test]
    fn of_the_events_that_a_handler_waited_for_only_ids_and_kinds_are_shown() {
        let moved =
            |id: &str, stage| a_ticket().with_id(id).with_label("Surname").worth(654_321).moves_to(stage);
        let waited = [moved("t-1", "Approved"), moved("t-1", "Settled")];
        for event in [after_quiet_period("h", &waited), after_collection("h", &waited)] {
            let shown = masked(&to_json(&event)).unwrap();
            assert!(to_json(&event).contains("Surname") && to_json(&event).contains("654321"));
            assert!(!shown.contains("Surname") && !shown.contains("654321"), "{shown}");
            assert!(
                shown.contains("\"handler\": \"h\"") && shown.contains("ticket.stage_changed"),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_is_not_the_message_that_it_should_be_is_not_quoted() {
        assert_eq!(masked("Jane Citizen"), None);
        assert_eq!(masked("\"Jane\"").unwrap(), "\"… (4 characters)\"");
        for body in [
            r#"{"id":"Jane Citizen","ticket":"jane@example.com","Jane Citizen":1}"#,
            r#"{"raw":"Jane","fields":{"id":"Jane","organisation":"Jane"}}"#,
        ] {
            let shown = masked(body).unwrap();
            assert!(!shown.contains("Jane") && !shown.contains("jane"), "{shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_masked_or_not_json(body in ".*") {
            let _ = masked(&body);
        }
    }
}
