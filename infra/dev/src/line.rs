//! A log line of a function.

use automations::telemetry::{EventName, Level};
use aws_sdk_cloudwatchlogs::primitives::{DateTime, DateTimeFormat};
use serde_json::{Map, Value, json};

/// A log line of a function, or of the engine that runs it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// The function's name without the stack's.
    pub function: String,
    /// The time in milliseconds since 1970.
    pub at: i64,
    /// The level.
    pub level: Level,
    /// The message.
    pub message: String,
    /// The other fields, by name.
    pub fields: Map<String, Value>,
}

impl LogLine {
    /// Parses a line of `CloudWatch` Logs. A line that is not JSON comes from the engine (`START`, `END`, `REPORT`), which
    /// is level DEBUG, or from a function that could not start, which is level ERROR. A line of metrics is level DEBUG.
    pub fn read(function: &str, stored_at: i64, text: &str) -> Self {
        let plain = || {
            let of_engine = ["START ", "END ", "REPORT ", "INIT_"].iter().any(|word| text.starts_with(word));
            let level = if of_engine { Level::DEBUG } else { Level::ERROR };
            Self {
                function: function.to_owned(),
                at: stored_at,
                level,
                message: text.to_owned(),
                fields: Map::new(),
            }
        };
        let Ok(Value::Object(mut fields)) = serde_json::from_str(text) else { return plain() };
        let mut text_of = |key: &str| match fields.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (level, message, at) = (text_of("level"), text_of("message"), text_of("timestamp"));
        if fields.remove("_aws").is_some() {
            let message = "metrics".to_owned();
            return Self {
                function: function.to_owned(),
                at: stored_at,
                level: Level::DEBUG,
                message,
                fields,
            };
        }
        // A line about what happens with every webhook says it by its event name alone; a line of a library may say nothing.
        let name = || fields.get("event_name").and_then(Value::as_str).map(str::to_owned);
        let Some(message) = message.or_else(|| level.is_some().then(|| name().unwrap_or_default())) else {
            return plain();
        };
        Self {
            function: function.to_owned(),
            at: at.and_then(|at| millis(&at)).unwrap_or(stored_at),
            level: level.and_then(|level| level.parse().ok()).unwrap_or(Level::INFO),
            message,
            fields,
        }
    }

    /// The event name, if the line has one of ours.
    pub fn event_name(&self) -> Option<EventName> {
        self.text("event_name")?.parse().ok()
    }

    /// The value of a text field.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str()
    }

    /// The value of a count field.
    pub fn count(&self, field: &str) -> Option<u64> {
        self.fields.get(field)?.as_u64()
    }

    /// The line as one JSON object.
    pub fn json(&self) -> Value {
        let Self { function, at, level, message, fields } = self;
        let mut object = fields.clone();
        object.insert("function".to_owned(), json!(function));
        object.insert("timestamp".to_owned(), json!(timestamp(*at)));
        object.insert("level".to_owned(), json!(level.as_str()));
        object.insert("message".to_owned(), json!(message));
        Value::Object(object)
    }
}

/// A time in RFC 3339 with milliseconds; `at` is in milliseconds since 1970.
pub fn timestamp(at: i64) -> String {
    DateTime::from_millis(at).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// The time of day in UTC, `HH:MM:SS.mmm`; `at` is in milliseconds since 1970.
pub fn time_of_day(at: i64) -> String {
    let full = timestamp(at);
    let time = full.split_once('T').map_or(full.as_str(), |(_, time)| time).trim_end_matches('Z');
    let (seconds, part) = time.split_once('.').unwrap_or((time, ""));
    format!("{seconds}.{part:0<3}")
}

fn millis(text: &str) -> Option<i64> {
    DateTime::from_str(text, DateTimeFormat::DateTime).ok()?.to_millis().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_of_ours_is_taken_apart() {
        let text = r#"{"timestamp":"2026-11-25T00:46:52.123456Z","level":"WARN","message":"a message is retried","failure.kind":"rate","message.receives":2}"#;
        let line = LogLine::read("action-worker", 5, text);
        assert_eq!((line.level, line.message.as_str()), (Level::WARN, "a message is retried"));
        assert_eq!((line.text("failure.kind"), line.count("message.receives")), (Some("rate"), Some(2)));
        assert_eq!(time_of_day(line.at), "00:46:52.123");
        assert_eq!(line.json()["timestamp"], "2026-11-25T00:46:52.123Z");
        assert_eq!(LogLine::read("action-worker", 5, &line.json().to_string()).json(), line.json());
    }

    #[test]
    fn the_engine_is_quiet_and_a_function_that_cannot_start_is_not() {
        let level = |text| LogLine::read("reconciler", 5, text).level;
        assert_eq!(level("START RequestId: 1 Version: $LATEST"), Level::DEBUG);
        assert_eq!(level("the function's environment is not usable: TABLE_NAME is not set"), Level::ERROR);
        assert_eq!(level(r#"{"no": "message"}"#), Level::ERROR);
        assert_eq!(level(r#"{"level": "DEBUG", "request_id": "a library's"}"#), Level::DEBUG);
    }

    #[test]
    fn metrics_are_shown_to_whoever_asks_for_everything() {
        let text = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"Webhooks":1,"Stage":"current"}"#;
        let line = LogLine::read("webhook-ingest", 5, text);
        assert_eq!((line.level, line.message.as_str(), line.at), (Level::DEBUG, "metrics", 5));
        assert_eq!((line.count("Webhooks"), line.text("Stage")), (Some(1), Some("current")));
        assert_eq!(line.fields.len(), 2, "{line:?}");
    }

    #[test]
    fn a_whole_second_has_its_milliseconds_too() {
        assert_eq!(time_of_day(1_000), "00:00:01.000");
        assert_eq!(time_of_day(1_050), "00:00:01.050");
    }

    proptest! {
        #[test]
        fn any_text_is_a_line(text: String, at: i64) {
            let line = LogLine::read("reconciler", at, &text);
            prop_assert!(serde_json::from_str::<Value>(&line.json().to_string()).is_ok());
            let _ = time_of_day(line.at);
        }
    }
}
