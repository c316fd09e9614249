//! The answers of a form as a text for people: the description of a lead's ticket.

use crate::model::inbound::Fields;
use crate::private::Private;
use serde_json::Value;

/// The maximum number of characters of a text of answers.
pub const MAX_ANSWERS: usize = 8_000;
/// The maximum number of characters of one answer, and of a field's name.
const MAX_ANSWER: usize = 2_000;
const MAX_NAME: usize = 100;

impl Fields {
    /// All answers in the order of the form, each as a line `name: answer`, except empty ones and those of the fields in
    /// `leave_out`. At most [`MAX_ANSWERS`] characters; what is cut ends with `…`.
    ///
    /// ```
    /// use automations::model::inbound::Fields;
    ///
    /// let fields = Fields::read(b"purpose=refinance&amount=500000&website=", Some("application/x-www-form-urlencoded")).unwrap();
    /// assert_eq!(fields.answers(&["website"]).reveal(), "purpose: refinance\namount: 500000");
    /// ```
    pub fn answers(&self, leave_out: &[&str]) -> Private<String> {
        let asked = self.entries().filter(|(name, _)| !leave_out.contains(name));
        let lines = asked.filter_map(|(name, value)| {
            let answer = text_of(value)?;
            Some(format!("{}: {}", cut(&printable(name), MAX_NAME), cut(&answer, MAX_ANSWER)))
        });
        Private::new(cut(&lines.collect::<Vec<_>>().join("\n"), MAX_ANSWERS))
    }
}

/// An answer as people read it; none if it is empty.
fn text_of(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => printable(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(values) => values.iter().filter_map(text_of).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let parts = fields
                .iter()
                .filter_map(|(name, value)| Some(format!("{}: {}", printable(name), text_of(value)?)));
            parts.collect::<Vec<_>>().join(", ")
        }
    };
    (!text.is_empty()).then_some(text)
}

/// The text without control characters, except the end of a line, and without white space around it.
fn printable(text: &str) -> String {
    let lines = text.replace("\r\n", "\n");
    lines.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned()
}

/// The first characters of a text; what is cut ends with `…`.
pub(super) fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    text.chars().take(characters.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_keep_their_order_and_say_every_kind_of_value() {
        let body = br#"{"why": " first home\r\nin March ", "amount": 500000, "agrees": true, "banks": ["ANZ", "", "NAB"],
                       "empty": " ", "none": null, "website": "spam", "home": {"suburb": "Kew", "state": null}}"#;
        let fields = Fields::read(body, Some("application/json")).unwrap();
        let expected =
            "why: first home\nin March\namount: 500000\nagrees: true\nbanks: ANZ, NAB\nhome: suburb: Kew";
        assert_eq!(fields.answers(&["website"]).reveal(), expected);
        let again: Fields = crate::json::from_json(crate::json::to_json(&fields).as_bytes()).unwrap();
        assert_eq!(again.answers(&["website"]).reveal(), expected, "as a handler gets it");
        assert_eq!(format!("{:?}", fields.answers(&[])), "[private]");
    }

    #[test]
    fn a_handler_gets_the_answers_of_an_event_in_their_order() {
        let event = crate::testing::posted("website-lead", &[("z", "1"), ("a", "2"), ("m", "3")]);
        let event: crate::Event = crate::json::from_json(crate::json::to_json(&event).as_bytes()).unwrap();
        assert_eq!(event.inbound("website-lead").unwrap().answers(&[]).reveal(), "z: 1\na: 2\nm: 3");
    }

    proptest! {
        #[test]
        fn any_form_becomes_a_text_of_bounded_length(
            pairs in proptest::collection::vec((".{0,200}", ".{0,4000}"), 0..12),
        ) {
            let fields: Fields = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answers = fields.answers(&[]);
            prop_assert!(answers.reveal().chars().count() <= MAX_ANSWERS);
            prop_assert!(answers.reveal().chars().all(|c| !c.is_control() || c == '\n'));
        }
    }
}
