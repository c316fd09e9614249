//! Lines of the functions' logs about one message: what a handler that decided nothing leaves, and retries. Nothing else keeps these.

use super::kept::LogLine;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use automations::telemetry::EventName;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata as _;
use serde_json::Value;
use std::time::Duration;

/// Retries end after about five hours (docs/reasons.md), so a line about a first delivery is not later than this.
const AFTER: Duration = Duration::from_hours(6);
/// A response may be empty and have more behind it (Amazon `CloudWatch` Logs API Reference, `FilterLogEvents`).
const PAGES: usize = 5;

/// What `CloudWatch` Logs returned.
pub(super) enum Logged {
    /// These lines.
    Lines(Vec<LogLine>),
    /// The profile may not read the log group.
    Denied,
    /// There is no such log group.
    NoGroup,
}

/// The lines of a function about this message, from just before `from` to the end of its retries.
pub(super) async fn lines(
    client: &Client,
    stack: &str,
    function: &str,
    subject: &str,
    from: Timestamp,
) -> Result<Logged> {
    let millis = |at: Timestamp| i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let request = client
        .filter_log_events()
        .log_group_name(format!("/aws/lambda/{stack}-{function}"))
        .filter_pattern(format!("\"{subject}\""))
        .start_time(millis(from.earlier(Duration::from_mins(1))))
        .end_time(millis(from.later(AFTER)));
    let mut pages = request.into_paginator().send();
    let mut lines = Vec::new();
    for _ in 0..PAGES {
        let page = match pages.next().await {
            None => break,
            Some(Ok(page)) => page,
            Some(Err(error)) => match error.code() {
                Some("AccessDeniedException") => return Ok(Logged::Denied),
                Some("ResourceNotFoundException") => return Ok(Logged::NoGroup),
                _ => return Err(error).with_context(|| format!("the log of {function} cannot be read")),
            },
        };
        let texts = page.events().iter().filter_map(|event| event.message());
        lines.extend(texts.filter_map(|text| line(function, text)));
    }
    lines.retain(|line| line.subject == subject);
    Ok(Logged::Lines(lines))
}

/// A line of ours about a message; none if it is another.
fn line(function: &str, text: &str) -> Option<LogLine> {
    let line: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| line.get(name).and_then(Value::as_str);
    let name: EventName = field("event_name")?.parse().ok()?;
    let subject = field("subject").or_else(|| field("action.id")).or_else(|| field("event.id"))?;
    let number = |name: &str| line.get(name).and_then(Value::as_u64);
    Some(LogLine {
        at: field("timestamp")?.parse().ok()?,
        function: function.to_owned(),
        name,
        subject: subject.to_owned(),
        actions: number("actions").and_then(|actions| usize::try_from(actions).ok()),
        reason: field("reason").map(str::to_owned),
        retry_ms: number("retry_ms"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_says_what_it_is_about() {
        let decided = r#"{"timestamp":"2026-11-25T00:46:52.123456Z","level":"INFO","event_name":"actions.decided","handler":"h","event.id":"e","actions":0}"#;
        let read = line("h", decided).unwrap();
        assert_eq!(
            (read.name, read.subject.as_str(), read.actions),
            (EventName::ActionsDecided, "e", Some(0))
        );
        assert_eq!(read.at.to_string(), "2026-11-25T00:46:52.123Z");
        let retried = r#"{"timestamp":"2026-11-25T00:46:52.123456Z","event_name":"message.retried","subject":"e.h.0","reason":"lease_held","retry_ms":900}"#;
        let read = line("action-worker", retried).unwrap();
        assert_eq!(
            (read.subject.as_str(), read.reason.as_deref(), read.retry_ms),
            ("e.h.0", Some("lease_held"), Some(900))
        );
        assert_eq!(line("h", "START RequestId: 1"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_line_or_none(text: String) {
            let _ = line("h", &text);
        }
    }
}
