//! The value of a ticket's field that the template's parameter `TicketFields` names.

use crate::model::amount::in_one_form;
use crate::model::date::Date;
use crate::private::Private;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};
use std::borrow::Cow;
use std::fmt;

/// A value. In JSON it is what it looks like: a number, `true`, or a text; a text of the form `YYYY-MM-DD` is a date. It does
/// not print its text, which may be personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub enum FieldValue {
    /// A date.
    Date(Date),
    /// A yes or no.
    Flag(bool),
    /// A number, as received.
    Number(Number),
    /// Any other text.
    Text(Private<String>),
    /// It has a value that cannot be read: a list or an object, a text of more than 200 characters, or, if it is to be a date,
    /// what is not one. In JSON it is `{"unreadable": true}`.
    Unreadable,
}

impl FieldValue {
    /// The value as a text, if it is one or a date.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Date(date) => Some(date.to_string()),
            Self::Text(text) => Some(text.reveal().clone()),
            Self::Flag(_) | Self::Number(_) | Self::Unreadable => None,
        }
    }

    /// The value, if it is a date.
    pub fn date(&self) -> Option<Date> {
        match self {
            Self::Date(date) => Some(*date),
            Self::Flag(_) | Self::Number(_) | Self::Text(_) | Self::Unreadable => None,
        }
    }

    /// The value, if it is a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            Self::Date(_) | Self::Flag(_) | Self::Text(_) | Self::Unreadable => None,
        }
    }
}

impl From<Value> for FieldValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(flag) => Self::Flag(flag),
            Value::Number(number) => Self::Number(in_one_form(&number)),
            Value::String(text) => {
                text.parse().map_or_else(|_not_a_date| Self::Text(Private::new(text)), Self::Date)
            }
            Value::Null | Value::Array(_) | Value::Object(_) => Self::Unreadable,
        }
    }
}

impl From<FieldValue> for Value {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Date(date) => Self::String(date.to_string()),
            FieldValue::Flag(flag) => Self::Bool(flag),
            FieldValue::Number(number) => Self::Number(number),
            FieldValue::Text(text) => Self::String(text.reveal().clone()),
            FieldValue::Unreadable => json!({ "unreadable": true }),
        }
    }
}

/// For a person who reads a log or a list of events: everything but a text.
impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Date(date) => write!(f, "{date}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text}"),
            Self::Unreadable => f.write_str("unreadable"),
        }
    }
}

impl JsonSchema for FieldValue {
    fn schema_name() -> Cow<'static, str> {
        "FieldValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The value of a field that the template's parameter TicketFields names. A text of the form YYYY-MM-DD is a date; an object says that the value cannot be read.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                { "type": "object", "properties": { "unreadable": { "const": true } }, "required": ["unreadable"] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_in_json_is_what_it_looks_like() {
        for (value, expected) in [
            (json!("2026-11-25"), FieldValue::Date("2026-11-25".parse().unwrap())),
            (json!(true), FieldValue::Flag(true)),
            (json!(12.5), FieldValue::Number(Number::from_f64(12.5).unwrap())),
            (json!("Bank"), FieldValue::Text(Private::new("Bank".to_owned()))),
            (json!({ "unreadable": true }), FieldValue::Unreadable),
        ] {
            assert_eq!(FieldValue::from(value.clone()), expected);
            assert_eq!(Value::from(expected), value);
        }
        assert_eq!(FieldValue::from(json!(7.0)), FieldValue::from(json!(7)), "one amount in two forms");
    }

    #[test]
    fn a_text_is_not_printed() {
        let value = FieldValue::from(json!("Jane Citizen"));
        assert_eq!(format!("{value} {value:?}"), "[private] Text([private])");
        assert_eq!(value.text().as_deref(), Some("Jane Citizen"));
    }

    proptest! {
        #[test]
        fn a_stored_value_is_read_as_itself(text in ".*", number in any::<f64>(), flag: bool) {
            for value in [json!(text), json!(number), json!(flag), json!([text])] {
                let value = FieldValue::from(value);
                let stored = serde_json::to_string(&value).unwrap();
                prop_assert_eq!(serde_json::from_str::<FieldValue>(&stored).unwrap(), value);
            }
        }
    }
}
