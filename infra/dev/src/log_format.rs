//! Filters and formats log lines and timelines.

use crate::line::{LogLine, time_of_day};
use automations::telemetry::Level;
use serde_json::Value;

/// The width of the column with the function names. A longer name shifts the rest of the line.
const NAME_WIDTH: usize = 24;
/// ANSI colours of function names: readable on dark and light backgrounds, without the red of errors.
const NAME_COLOURS: [&str; 6] = ["36", "35", "34", "32", "33", "96"];

/// A filter and a format.
#[derive(Debug, Clone)]
pub struct LogFormatter {
    /// Only these functions; all if empty.
    pub only: Vec<String>,
    /// The least important level.
    pub level: Level,
    /// Only lines that contain this text, ignoring case.
    pub text: Option<String>,
    /// Format each line as a JSON object.
    pub json: bool,
    /// Use ANSI colours.
    pub colour: bool,
}

impl LogFormatter {
    /// Formats a log line; `None` if the filter excludes it.
    pub fn format_line(&self, line: &LogLine) -> Option<String> {
        if line.level > self.level || !self.includes([line.function.as_str()]) {
            return None;
        }
        let shown = if self.json { line.json().to_string() } else { self.format_text(line) };
        // The text filter applies to the line without colours.
        let plain = if self.json { shown.clone() } else { self.plain().format_text(line) };
        self.contains_text(&plain).then_some(shown)
    }

    /// Formats the timeline of an event, as this text or this JSON; `None` if the filter excludes it. A timeline passes the
    /// filter if any of its functions does.
    pub fn format_timeline<'a>(
        &self,
        functions: impl IntoIterator<Item = &'a str>,
        text: &str,
        json: &Value,
    ) -> Option<String> {
        let shown = if self.json { json.to_string() } else { text.to_owned() };
        if !self.includes(functions) || !self.contains_text(&shown) {
            return None;
        }
        Some(if self.json { shown } else { self.coloured("1", &shown) })
    }

    fn includes<'a>(&self, functions: impl IntoIterator<Item = &'a str>) -> bool {
        self.only.is_empty() || functions.into_iter().any(|name| self.only.iter().any(|only| only == name))
    }

    fn contains_text(&self, shown: &str) -> bool {
        let wanted = self.text.as_deref().map(str::to_lowercase);
        wanted.is_none_or(|wanted| shown.to_lowercase().contains(&wanted))
    }

    fn plain(&self) -> Self {
        Self { colour: false, ..self.clone() }
    }

    fn format_text(&self, line: &LogLine) -> String {
        let fields = line.fields.iter().filter(|(name, value)| !is_redundant(line, name, value));
        let fields = fields.map(|(name, value)| match value {
            Value::String(text) => format!("  {name}={text}"),
            other => format!("  {name}={other}"),
        });
        let fields: String = fields.collect();
        let (level, colour) = match line.level {
            Level::ERROR => ("ERROR ", "31"),
            Level::WARN => ("WARN ", "33"),
            Level::DEBUG | Level::TRACE => ("", "2"),
            Level::INFO => ("", "0"),
        };
        format!(
            "{} {} {} {}",
            self.coloured("2", &time_of_day(line.at)),
            self.coloured(name_colour(&line.function), &format!("{:<NAME_WIDTH$}", line.function)),
            self.coloured(colour, &format!("{level}{}", line.message)),
            self.coloured("2", &fields),
        )
        .trim_end()
        .to_owned()
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Whether a field repeats another part of the line, or has no information.
fn is_redundant(line: &LogLine, name: &str, value: &Value) -> bool {
    value.is_null() || name == "span" || (name == "handler" && value.as_str() == Some(&line.function))
}

/// The colour of a name, always the same.
fn name_colour(name: &str) -> &'static str {
    let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum.checked_rem(NAME_COLOURS.len()).and_then(|index| NAME_COLOURS.get(index)).copied().unwrap_or("0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all() -> LogFormatter {
        LogFormatter { only: vec![], level: Level::INFO, text: None, json: false, colour: false }
    }

    fn line(function: &str, level: &str, message: &str) -> LogLine {
        let text = json!({ "timestamp": "2026-11-25T00:46:52.123456Z", "level": level, "message": message,
            "handler": function, "event.id": "e-1", "actions": 2 });
        LogLine::read(function, 5, &text.to_string())
    }

    #[test]
    fn a_line_reads_from_left_to_right() {
        let shown = all().format_line(&line("follow-up-on-settlement", "INFO", "decided")).unwrap();
        assert_eq!(shown, "00:46:52.123 follow-up-on-settlement  decided   actions=2  event.id=e-1");
        let shown = all().format_line(&line("reconciler", "ERROR", "a sweep failed")).unwrap();
        assert!(shown.contains(" ERROR a sweep failed "), "{shown}");
    }

    #[test]
    fn colours_are_for_terminals() {
        let line = line("reconciler", "WARN", "late");
        let coloured = LogFormatter { colour: true, ..all() }.format_line(&line).unwrap();
        assert!(coloured.contains("\x1b[33mWARN late\x1b[0m"), "{coloured:?}");
        assert!(!all().format_line(&line).unwrap().contains('\x1b'));
    }

    #[test]
    fn what_is_not_asked_for_is_not_shown() {
        let line = line("reconciler", "INFO", "tickets are due");
        let only =
            |names: &[&str]| LogFormatter { only: names.iter().map(ToString::to_string).collect(), ..all() };
        assert!(only(&["reconciler", "action-worker"]).format_line(&line).is_some());
        assert!(only(&["action-worker"]).format_line(&line).is_none());
        assert!(LogFormatter { level: Level::WARN, ..all() }.format_line(&line).is_none());
        let text = |text: &str| LogFormatter { text: Some(text.to_owned()), ..all() };
        assert!(text("TICKETS").format_line(&line).is_some());
        assert!(text("event.id=e-1").format_line(&line).is_some());
        assert!(text("e-2").format_line(&line).is_none());
    }

    #[test]
    fn colours_do_not_hide_a_text_that_is_looked_for() {
        let formatter =
            LogFormatter { colour: true, text: Some("reconciler               tickets".to_owned()), ..all() };
        assert!(formatter.format_line(&line("reconciler", "INFO", "tickets are due")).is_some());
    }

    #[test]
    fn json_lines_are_json() {
        let shown =
            LogFormatter { json: true, ..all() }.format_line(&line("reconciler", "INFO", "due")).unwrap();
        let value: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&value["function"], &value["event.id"]), (&json!("reconciler"), &json!("e-1")));
    }

    #[test]
    fn a_way_is_shown_with_any_function_that_it_went_through() {
        let formatter = LogFormatter { only: vec!["action-worker".to_owned()], ..all() };
        let timeline = |functions: [&str; 2]| formatter.format_timeline(functions, "timeline", &json!({}));
        assert_eq!(timeline(["event-enricher", "action-worker"]).as_deref(), Some("timeline"));
        assert_eq!(timeline(["event-enricher", "webhook-ingest"]), None);
    }
}
