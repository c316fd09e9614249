//! One event, and what the handler would do about it: ids, kinds and names of fields, and nothing that a person typed.

use crate::commands::dry_run::{DryRunResult, action_kind, action_of};
use crate::event_text;
use anyhow::Error;
use automations::Event;
use automations::clock::Timestamp;
use automations::id::{EventId, OrganisationId, TicketId};
use serde::Serialize;
use serde_json::Value;

/// An event, and what the handler would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heard {
    /// When the change was found.
    pub at: Timestamp,
    /// The event.
    pub event: EventId,
    /// Its kind.
    pub kind: String,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket; none of an event without one.
    pub ticket: Option<TicketId>,
    /// What it would do; none if it failed.
    pub decided: Option<Vec<Decided>>,
    /// The command that shows what was really done.
    pub timeline: String,
    #[serde(skip)]
    line: String,
}

/// An action without its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Its kind.
    pub kind: String,
    /// The names of its fields.
    pub fields: Vec<String>,
}

impl Heard {
    /// What the handler decided on this event; `options` are those with which the stack is reached.
    pub fn of(event: &Event, decided: &Result<DryRunResult, Error>, options: &str) -> Self {
        let decided = decided.as_ref().ok().map(|result| result.actions.iter().map(Decided::of).collect());
        let (organisation, id) = (&event.organisation, &event.id);
        Self {
            at: event.observed_at,
            event: id.clone(),
            kind: event.kind.name().to_owned(),
            organisation: organisation.clone(),
            ticket: event.ticket_id().cloned(),
            decided,
            timeline: format!("automations timeline --organisation {organisation} --event {id} {options}")
                .trim_end()
                .to_owned(),
            line: event_text::line(event),
        }
    }

    /// The lines for a person.
    pub fn text(&self, handler: &str) -> String {
        let decided = match (self.decided.as_deref(), &self.ticket) {
            (Some([]), _) => "would do nothing".to_owned(),
            (Some(actions), _) => {
                let kinds: Vec<&str> = actions.iter().map(|action| action.kind.as_str()).collect();
                format!("would: {}", kinds.join(", "))
            }
            (None, Some(ticket)) => {
                format!("fails; its error: automations dry-run {handler} --ticket {ticket}")
            }
            (None, None) => format!("fails; try its tests: cargo test -p {handler}"),
        };
        format!("{}\n    {decided}\n    {}", self.line, self.timeline)
    }
}

impl Decided {
    fn of(planned: &Value) -> Self {
        let action = action_of(planned);
        let fields = action.as_object().into_iter().flatten().map(|(name, _)| name.clone());
        Self { kind: action_kind(action), fields: fields.filter(|name| name != "do").collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;
    use automations::testing::{posted, stage_changed};
    use serde_json::json;

    fn decided(event: &Event) -> DryRunResult {
        let action = json!({ "do": "create_lead", "name": "Jane Citizen", "email": "jane@example.com" });
        let planned = json!({ "id": "e.h.0", "action": action });
        DryRunResult { event: event.clone(), actions: vec![planned] }
    }

    /// Row 18 of the anchors: nothing of a person is shown.
    #[test]
    fn kinds_and_names_of_fields_are_shown_and_no_value() {
        let event = posted("website-lead", &[("name", "Jane Citizen"), ("email", "jane@example.com")]);
        let heard = Heard::of(&event, &Ok(decided(&event)), "--profile p");
        let json = serde_json::to_value(&heard).unwrap();
        assert_eq!(json["decided"], json!([{ "kind": "create_lead", "fields": ["email", "name"] }]));
        assert_eq!(json["kind"], "inbound.website-lead");
        let text = heard.text("h");
        assert!(text.contains("would: create_lead\n"), "{text}");
        assert!(text.ends_with(&format!("--event {} --profile p", event.id)), "{text}");
        for shown in [text, json.to_string()] {
            assert!(!shown.contains("Jane") && !shown.contains("example.com"), "{shown}");
        }
    }

    #[test]
    fn nothing_and_a_failure_are_different_and_a_failure_leads_on() {
        let event = stage_changed("Approved", "Settled");
        let nothing = Ok(DryRunResult { event: event.clone(), actions: Vec::new() });
        assert!(Heard::of(&event, &nothing, "").text("h").contains("\n    would do nothing\n"));
        let failed = Heard::of(&event, &Err(anyhow!("Jane")), "");
        assert_eq!(failed.decided, None);
        let text = failed.text("h");
        assert!(text.contains("fails; its error: automations dry-run h --ticket ticket-1"), "{text}");
        assert!(!text.contains("Jane"), "{text}");
    }
}
