//! An assertion on actions that shows in which fields they differ.

use crate::model::action::Action;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Asserts that a handler decided exactly these actions, and shows each field that differs.
///
/// ```
/// use automations::{Action, testing::{assert_decides, ticket}};
///
/// assert_decides([Action::add_label(&ticket(), "Client")], [Action::add_label(&ticket(), "Client")]);
/// ```
///
/// # Panics
/// If they differ: it is an assertion.
#[track_caller]
#[expect(clippy::panic, reason = "an assertion of tests")]
pub fn assert_decides(decided: impl Into<Vec<Action>>, expected: impl Into<Vec<Action>>) {
    if let Some(difference) = difference(&decided.into(), &expected.into()) {
        panic!("{difference}");
    }
}

/// How these actions differ from the expected ones; `None` if they do not.
fn difference(decided: &[Action], expected: &[Action]) -> Option<String> {
    if decided == expected {
        return None;
    }
    let mut text = format!("it decides {} actions, expected {}:", decided.len(), expected.len());
    for position in 0..decided.len().max(expected.len()) {
        let line = match (decided.get(position), expected.get(position)) {
            (Some(own), Some(other)) if own == other => format!("  = {}", own.kind()),
            (Some(own), Some(other)) if own.kind() == other.kind() => fields(own, other),
            (own, other) => {
                let own = own.map(|own| format!("  + {}", json(own)));
                let other = other.map(|other| format!("  - {}", json(other)));
                own.into_iter().chain(other).collect::<Vec<_>>().join("\n")
            }
        };
        let _ = write!(text, "\n{line}");
    }
    Some(text)
}

fn fields(own: &Action, other: &Action) -> String {
    let (mine, theirs) = (object(own), object(other));
    let names: std::collections::BTreeSet<_> = mine.keys().chain(theirs.keys()).collect();
    let lines = names.into_iter().filter(|name| mine.get(*name) != theirs.get(*name)).map(|name| {
        let shown = |of: &Map<String, Value>| of.get(name).map_or("nothing".to_owned(), Value::to_string);
        format!("  ! {}.{name} is {}, expected {}", own.kind(), shown(&mine), shown(&theirs))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn object(action: &Action) -> Map<String, Value> {
    serde_json::to_value(action).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

fn json(action: &Action) -> String {
    Value::Object(object(action)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ticket;

    #[test]
    fn a_difference_names_the_field() {
        let ticket = ticket();
        let text = difference(
            &[Action::add_label(&ticket, "VIP"), Action::move_stage(&ticket, "Settled")],
            &[Action::add_label(&ticket, "Client"), Action::move_stage(&ticket, "Settled")],
        );
        let expected = "it decides 2 actions, expected 2:\n  ! add_label.label is \"VIP\", expected \"Client\"\n  = move_stage";
        assert_eq!(text.unwrap(), expected);
    }

    #[test]
    fn one_too_few_and_another_kind_are_shown_whole() {
        let ticket = ticket();
        let text = difference(&[], &[Action::add_label(&ticket, "VIP")]).unwrap();
        assert!(text.contains("\n  - {") && text.contains("\"label\":\"VIP\""), "{text}");
        let text =
            difference(&[Action::move_stage(&ticket, "a")], &[Action::add_label(&ticket, "b")]).unwrap();
        assert!(text.contains("\n  + {") && text.contains("\n  - {"), "{text}");
        assert_eq!(difference(&[], &[]), None);
    }
}
