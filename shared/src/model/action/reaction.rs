//! What a handler does about a ticket as its settings say: a label or a notice.

use super::Action;
use crate::id::DestinationName;
use crate::model::ticket::Ticket;
use serde::Deserialize;

/// A label or a notice, in the settings of a handler that leaves the choice to its user: `{"label": "Expired"}`, or
/// `{"destination": "team", "text": "{ticket_link} has expired"}`.
///
/// ```
/// use automations::model::action::Reaction;
/// use automations::{Action, serde_json::from_str, testing::ticket};
///
/// let reaction: Reaction = from_str(r#"{"label": "Expired"}"#)?;
/// assert_eq!(reaction.about(&ticket(), &[]), Action::add_label(&ticket(), "Expired"));
/// # Ok::<(), automations::serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Stored")]
pub enum Reaction {
    /// Adds the label of this name.
    Label(String),
    /// Sends a text, in which placeholders are replaced as [`Action::notify`] says.
    Notice {
        /// Where to.
        destination: DestinationName,
        /// The text.
        text: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    label: Option<String>,
    destination: Option<DestinationName>,
    text: Option<String>,
}

impl Reaction {
    /// The action about this ticket. Each of these placeholders of the text is replaced by its value.
    pub fn about(&self, ticket: &Ticket, values: &[(&str, String)]) -> Action {
        match self {
            Self::Label(label) => Action::add_label(ticket, label),
            Self::Notice { destination, text } => {
                let replace = |text: String, (name, value): &(&str, String)| text.replace(name, value);
                Action::notify(ticket, destination, &values.iter().fold(text.clone(), replace))
            }
        }
    }
}

impl TryFrom<Stored> for Reaction {
    type Error = &'static str;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        match (stored.label, stored.destination, stored.text) {
            (Some(label), None, None) => Ok(Self::Label(label)),
            (None, Some(destination), Some(text)) => Ok(Self::Notice { destination, text }),
            (Some(_) | None, _, _) => Err("expected a label, or a destination and a text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ticket;

    #[test]
    fn a_notice_has_the_values_and_a_label_needs_none() {
        let read = |text: &str| crate::json::from_json::<Reaction>(text.as_bytes());
        let notice = read(r#"{"destination": "team", "text": "{days} days, {days}: {ticket}"}"#).unwrap();
        let expected = Action::notify(&ticket(), &"team".parse().unwrap(), "7 days, 7: {ticket}");
        assert_eq!(notice.about(&ticket(), &[("{days}", "7".to_owned())]), expected);
        let label = read(r#"{"label": "{days}"}"#).unwrap();
        assert_eq!(
            label.about(&ticket(), &[("{days}", "7".to_owned())]),
            Action::add_label(&ticket(), "{days}")
        );
    }

    #[test]
    fn neither_and_both_are_refused() {
        for text in [
            "{}",
            r#"{"destination": "team"}"#,
            r#"{"text": "x"}"#,
            r#"{"label": "x", "destination": "team", "text": "x"}"#,
            r#"{"label": "x", "text": "x"}"#,
            r#"{"label": "x", "other": 1}"#,
        ] {
            assert!(crate::json::from_json::<Reaction>(text.as_bytes()).is_err(), "{text}");
        }
    }
}
