//! The kinds of events and actions that this version of the program knows. Another version that runs beside it, in a canary
//! deployment or after a rollback, may know more.

use crate::json;
use crate::model::action::Action;
use crate::model::event::EventKind;
use serde::Deserialize;
use strum::VariantNames as _;

/// What an event and a planned action have in common, and where each has its kind. Their content is not parsed.
#[derive(Deserialize)]
struct Outline {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "organisation")]
    _organisation: String,
    #[serde(rename = "type")]
    event: Option<String>,
    action: Option<ActionOutline>,
}

#[derive(Deserialize)]
struct ActionOutline {
    #[serde(rename = "do")]
    kind: String,
}

/// Whether this JSON is an event or an action of a kind that this version does not know.
pub fn is_unknown_kind(text: &[u8]) -> bool {
    json::from_json::<Outline>(text).is_ok_and(is_unknown)
}

/// Whether this JSON is a list of events, one of them of a kind that this version does not know.
pub fn has_unknown_kind(events: &[u8]) -> bool {
    json::from_json::<Vec<Outline>>(events).is_ok_and(|events| events.into_iter().any(is_unknown))
}

fn is_unknown(outline: Outline) -> bool {
    match (outline.event, outline.action) {
        (Some(event), _) => {
            let is_named_by_users = ["inbound.", "clock."].iter().any(|prefix| event.starts_with(prefix));
            !EventKind::VARIANTS.contains(&event.as_str()) && !is_named_by_users
        }
        (None, Some(action)) => !Action::VARIANTS.contains(&action.kind.as_str()),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_json;
    use crate::testing;
    use serde_json::{Value, json};

    fn unknown(value: &Value) -> bool {
        is_unknown_kind(value.to_string().as_bytes())
    }

    #[test]
    fn every_kind_of_ours_is_known() {
        for event in testing::one_of_each() {
            assert!(!is_unknown_kind(to_json(&event).as_bytes()), "{}", event.kind.name());
            assert!(!has_unknown_kind(json!([event]).to_string().as_bytes()));
        }
        let action = json!({ "id": "e.h.0", "organisation": "north", "action": { "do": "add_label" } });
        assert!(!unknown(&action), "a known kind whose content is wrong is malformed");
    }

    /// F13 of the field faults.
    #[test]
    fn an_event_or_an_action_of_a_newer_version_is_of_an_unknown_kind() {
        let action = json!({ "id": "e.h.0", "organisation": "north", "action": { "do": "archive", "x": 1 } });
        let event = json!({ "id": "e-1", "organisation": "north", "type": "ticket.archived", "ticket": {} });
        assert!(unknown(&action) && unknown(&event));
        assert!(has_unknown_kind(json!([testing::stage_changed("a", "b"), event]).to_string().as_bytes()));
    }

    #[test]
    fn what_is_not_even_of_the_outer_shape_is_no_unknown_kind() {
        let broken = [
            json!({ "type": "ticket.archived" }),
            json!({ "organisation": "north", "type": "ticket.archived" }),
            json!({ "id": "e", "type": "ticket.archived" }),
            json!({ "id": "e", "organisation": "north" }),
            json!({ "id": "e", "organisation": "north", "type": 7 }),
            json!({ "id": "e", "organisation": "north", "action": "archive" }),
            json!([]),
        ];
        assert!(broken.iter().all(|value| !unknown(value)));
        for text in ["", "{", "[{]", "null"] {
            assert!(!is_unknown_kind(text.as_bytes()) && !has_unknown_kind(text.as_bytes()), "{text}");
        }
    }
}
