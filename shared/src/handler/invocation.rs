//! What a handler's function is invoked with: a batch of its queue, or an operator's question.

use super::per_organisation::merged;
use crate::json;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The payload of an invocation. An `enum` would have to be parsed twice, as Lambda's batch has no name of its own.
#[derive(Debug, Deserialize)]
pub(super) struct Invocation {
    #[serde(rename = "Records", default)]
    records: Vec<SqsMessage>,
    /// Whether these values fit the handler's settings in place of those of its entry: asked by `automations settings`.
    #[serde(default)]
    check_settings: Option<Map<String, Value>>,
}

/// The response to it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Response {
    /// Of a batch.
    Batch(SqsBatchResponse),
    /// Of a question.
    Settings(SettingsCheck),
}

/// Whether settings fit a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsCheck {
    /// Whether they fit.
    pub fits: bool,
    /// Where they do not, without a value; none if they fit.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What was asked.
pub(super) enum Asked {
    Work(SqsEvent),
    CheckSettings(Map<String, Value>),
}

impl Invocation {
    pub(super) fn asked(self) -> Asked {
        if let Some(own) = self.check_settings {
            return Asked::CheckSettings(own);
        }
        let mut batch = SqsEvent::default();
        batch.records = self.records;
        Asked::Work(batch)
    }
}

/// Whether these values fit the type of the settings, in place of those of the entry.
pub(super) fn check_settings<Settings: DeserializeOwned>(
    entry: &str,
    own: &Map<String, Value>,
) -> SettingsCheck {
    let problem = merged::<Settings>(entry, own).err().map(|error: json::DecodeError| error.to_string());
    SettingsCheck { fits: problem.is_none(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Settings {
        stage: String,
        days: u8,
    }

    #[test]
    fn settings_are_checked_by_the_handlers_own_type_with_the_values_of_its_entry() {
        let entry = r#"{"stage": "Settled", "days": 3}"#;
        let check = |own: Value| check_settings::<Settings>(entry, own.as_object().unwrap());
        assert!(check(json!({ "days": 9 })).fits && check(json!({})).fits);
        let wrong = check(json!({ "days": "secret-looking" }));
        assert_eq!(
            wrong,
            SettingsCheck {
                fits: false,
                problem: Some("invalid value at `days` (line 1, column 24)".to_owned())
            }
        );
        assert!(!check(json!({ "day": 9 })).fits, "an unknown key");
    }

    #[test]
    fn a_batch_and_a_question_are_told_apart() {
        let parse = |payload: Value| serde_json::from_value::<Invocation>(payload).unwrap().asked();
        let Asked::Work(batch) = parse(json!({ "Records": [{ "messageId": "m", "body": "{}" }] })) else {
            panic!()
        };
        assert_eq!(batch.records[0].message_id.as_deref(), Some("m"));
        assert!(matches!(parse(json!({ "Records": [] })), Asked::Work(batch) if batch.records.is_empty()));
        assert!(matches!(parse(json!({ "check_settings": {} })), Asked::CheckSettings(_)));
    }
}
