//! The one message of a problem, from the table of alarms. It names functions, queues and counts: nothing of a person.

use automations::alarm::{NamedAlarm, Subject};
use automations::clock::Timestamp;
use automations::serde_json::{Value, json};
use automations::store::{NoticeKind, Problem, UnsentNotice};

/// A message for people, and the same for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The same for each attempt to send it.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) at: Timestamp,
    /// What it reports: `started`, `returned`, `reminder` or `resolved`.
    pub(crate) notice: &'static str,
    /// The first line.
    pub(crate) subject: String,
    /// All of it.
    pub(crate) text: String,
    /// For a program.
    pub(crate) data: Value,
}

pub(crate) fn message(
    application: &str,
    named: &NamedAlarm<'_>,
    problem: &Problem,
    unsent: UnsentNotice,
    region: Option<&str>,
) -> Message {
    let alarm = named.alarm;
    let (notice, prefix) = match unsent.kind {
        NoticeKind::Started => ("started", ""),
        NoticeKind::Returned => ("returned", "Again: "),
        NoticeKind::Reminder => ("reminder", "Still: "),
        NoticeKind::Resolved => ("resolved", "Resolved: "),
    };
    let concerned = concerned(named);
    let about = concerned.as_ref().map(|(who, _)| format!(" ({who})")).unwrap_or_default();
    let subject = format!("{application}: {prefix}{}{about}", alarm.title);
    let command = command(alarm.command, application, region);
    let value = problem.value.as_deref();
    let lasted = lasted(problem, unsent.claimed_at);
    let mut lines = vec![subject.clone()];
    lines.push(match unsent.kind {
        NoticeKind::Started => format!("Since {}. {}", utc(problem.since), many(value)),
        NoticeKind::Returned => format!(
            "Since {}. {}It comes and goes: the next message is sent when it has been quiet for an hour, or in a day.",
            utc(problem.since),
            many(value)
        ),
        NoticeKind::Reminder => format!("Since {}, for {lasted}. {}", utc(problem.since), many(value)),
        NoticeKind::Resolved => {
            format!("From {} to {}, {lasted}.", utc(problem.since), utc(unsent.claimed_at))
        }
    });
    if unsent.kind != NoticeKind::Resolved {
        lines.extend(concerned.map(|(who, queue)| match queue {
            Some(queue) => format!("Function: {who}, queue {queue}."),
            None => format!("Function: {who}."),
        }));
        lines.push(format!("Organisation: {}.", alarm.organisation));
        lines.push(format!("Run: {command}"));
        lines.push(format!("Read: docs/runbook.md, \"{}\".", alarm.section));
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    Message {
        id: id(notice, problem, unsent.claimed_at),
        at: unsent.claimed_at,
        notice,
        subject,
        text: lines.join("\n\n"),
        data: json!({
            "notice": notice,
            "application": application,
            "alarm": problem.alarm,
            "subject": named.subject,
            "since": problem.since,
            "value": value,
            "section": alarm.section,
            "command": command,
            "organisation": alarm.organisation,
        }),
    }
}

/// The function that an alarm concerns, and its queue.
fn concerned<'a>(named: &NamedAlarm<'a>) -> Option<(&'a str, Option<&'a str>)> {
    let subject = named.subject;
    match named.alarm.of {
        Subject::Application => None,
        Subject::Function => Some((subject, None)),
        Subject::Queue => {
            let name = subject.trim_end_matches(".fifo").trim_end_matches("-dead-letters");
            Some((
                match name {
                    "hints" => "event-enricher",
                    "actions" => "action-worker",
                    handler => handler,
                },
                Some(subject),
            ))
        }
    }
}

/// The command with the stack and the region. The profile is the reader's own.
fn command(command: &str, application: &str, region: Option<&str>) -> String {
    let region = region.map(|region| format!(" --region {region}")).unwrap_or_default();
    format!("{command} --stack {application}{region} --profile PROFILE")
}

fn many(value: Option<&str>) -> String {
    value.map(|value| format!("Value: {value}. ")).unwrap_or_default()
}

fn lasted(problem: &Problem, now: Timestamp) -> String {
    automations::alarm::Unit::Seconds.of(now.since(problem.since).as_secs_f64())
}

/// The same for each attempt to send the notice, and another one for another notice.
fn id(notice: &str, problem: &Problem, now: Timestamp) -> String {
    let last_change = problem.changes.values().max().copied().unwrap_or(problem.since);
    let days = now.since(problem.since).as_secs() / 86_400;
    format!("{notice}-{}-{}-{days}", slug(&problem.alarm), last_change.as_millis())
}

/// To the minute: `2026-11-26 08:00 UTC`.
pub(crate) fn utc(time: Timestamp) -> String {
    let text = time.to_string();
    let minute: String = text.chars().take(16).collect();
    format!("{} UTC", minute.replace('T', " "))
}

pub(crate) fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::alarm::ALARMS;
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Duration;

    const AT: u64 = 1_790_000_000;

    fn of(name: &str, kind: NoticeKind, hours: u64) -> Message {
        let problem = Problem {
            alarm: name.to_owned(),
            since: Timestamp::from_seconds(AT),
            sounding: BTreeSet::new(),
            changes: BTreeMap::new(),
            episodes: 1,
            value: Some("5 messages".to_owned()),
            notified_at: Timestamp::from_seconds(AT),
            is_resolved: false,
            unsent: None,
        };
        let unsent =
            UnsentNotice { kind, claimed_at: Timestamp::from_seconds(AT).later(Duration::from_hours(hours)) };
        let named = NamedAlarm::find("automations", name).unwrap();
        message("automations", &named, &problem, unsent, Some("ap-southeast-2"))
    }

    #[test]
    fn a_message_says_what_since_when_how_many_where_and_what_to_do() {
        let message = of("automations-hints-dead-letters-arrived", NoticeKind::Started, 0);
        let lines: Vec<&str> = message.text.split("\n\n").collect();
        assert_eq!(
            lines,
            [
                "automations: Messages were dead-lettered (event-enricher)",
                "Since 2026-09-21 14:13 UTC. Value: 5 messages.",
                "Function: event-enricher, queue hints-dead-letters.",
                "Organisation: `automations dlq show` has the organisation of each, and its reason.",
                "Run: automations dlq list --stack automations --region ap-southeast-2 --profile PROFILE",
                "Read: docs/runbook.md, \"Message dead-lettered\".",
            ]
        );
        assert_eq!(message.data["command"], lines[4].trim_start_matches("Run: "));
    }

    #[test]
    fn a_handler_is_named_and_a_reminder_and_the_end_say_how_long() {
        let reminder = of("automations-follow-up.fifo-backlog", NoticeKind::Reminder, 26);
        assert!(
            reminder.text.starts_with("automations: Still: A message waits and is not handled (follow-up)")
        );
        assert!(reminder.text.contains("Since 2026-09-21 14:13 UTC, for 26 hours."), "{}", reminder.text);
        assert!(reminder.text.contains("Function: follow-up, queue follow-up.fifo."));
        let end = of("automations-follow-up.fifo-backlog", NoticeKind::Resolved, 3);
        let lines: Vec<&str> = end.text.split("\n\n").collect();
        assert_eq!(lines[1..], ["From 2026-09-21 14:13 UTC to 2026-09-21 17:13 UTC, 3 hours."]);
    }

    #[test]
    fn an_attempt_to_send_a_notice_again_has_its_id_and_the_next_notice_another_one() {
        let id = |kind, hours| of("automations-outbox-backlog", kind, hours).id;
        assert_eq!(id(NoticeKind::Reminder, 25), id(NoticeKind::Reminder, 26));
        assert_ne!(id(NoticeKind::Reminder, 25), id(NoticeKind::Reminder, 49));
        assert_ne!(id(NoticeKind::Reminder, 25), id(NoticeKind::Resolved, 25));
    }

    #[test]
    fn each_alarm_has_a_whole_message_and_an_id_that_a_header_and_a_signature_take() {
        for alarm in &ALARMS {
            let name = match alarm.of {
                Subject::Application => format!("automations-{}", alarm.id),
                Subject::Function | Subject::Queue => format!("automations-x.fifo-{}", alarm.id),
            };
            let message = of(&name, NoticeKind::Started, 0);
            assert!(message.text.contains(alarm.title) && message.text.contains("\n\nRun: automations "));
            assert!(
                message.id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)),
                "{}",
                message.id
            );
            let (text, is_clean) =
                (&message.text, |text: &str| !text.contains(".. ") && !text.contains("  "));
            assert!(is_clean(text), "{text}");
        }
    }
}
