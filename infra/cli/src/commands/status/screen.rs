//! A status as one screen of text.

use super::{AlarmState, Attention, FunctionState, OrganisationState, Part, QueueState, Status, kept};
use crate::commands::dead_letters::Summary;
use crate::commands::pause;
use crate::report::{count, table};
use crate::schedules::ScheduleState;
use crate::time::age;
use automations::clock::Timestamp;
use automations::model::reminder::KNOWN_UNTIL;
use automations::store::Pause;

impl Status {
    /// The screen: what is empty or as it should be is only counted.
    pub fn screen(&self, attention: &[Attention]) -> String {
        let head = format!("{} at {}: {}", self.stack, self.at, self.state);
        let holidays = self.holidays_left().map(|_| {
            format!("public holidays are known until {KNOWN_UNTIL}; reminders and stage ages may count business days beyond that")
        });
        let blocks = [
            Some(head),
            Some(block("queues", &self.queues, queues)),
            Some(block("dead letters", &self.dead_letters, dead_letters)),
            Some(block("organisations", &self.organisations, organisations)),
            Some(block("functions", &self.functions, functions)),
            Some(block("schedules", &self.schedules, schedules)),
            Some(block("own settings", &self.own_settings, kept::own_rows)),
            Some(block("reminders", &self.reminders, kept::reminder_rows)),
            Some(block("alarms", &self.alarms, |all| alarms(all, self))),
            Some(block("pauses", &self.pauses, |all| pauses(all, self))),
            holidays,
            Some(needed(attention)),
        ];
        blocks.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }
}

fn block<T>(name: &str, part: &Part<Vec<T>>, shown: impl Fn(&[T]) -> String) -> String {
    match part {
        Part::Read(items) => shown(items),
        Part::NotRead(error) => format!("{name}: not read: {error}"),
    }
}

fn queues(all: &[QueueState]) -> String {
    let busy: Vec<&QueueState> =
        all.iter().filter(|queue| queue.waiting > 0 || queue.in_flight > 0).collect();
    let rows = busy.iter().map(|queue| {
        let oldest = queue.oldest_s.map_or_else(|| "?".to_owned(), age);
        [queue.queue.clone(), queue.waiting.to_string(), queue.in_flight.to_string(), oldest]
    });
    let rows: Vec<_> = rows.collect();
    with_rest(["queue", "waiting", "in flight", "oldest"], &rows, all.len(), "queue", "queues")
}

fn dead_letters(all: &[Summary]) -> String {
    let full = all.iter().filter(|summary| summary.count > 0 || summary.held > 0);
    let rows = full.map(|summary| {
        let reasons = summary.reasons.iter().map(|(reason, number)| format!("{reason} {number}"));
        let held = (summary.held > 0).then(|| format!("{} held by another reader", summary.held));
        let reasons: Vec<String> = reasons.chain(held).collect();
        let oldest = summary.oldest_s.map_or_else(|| "?".to_owned(), age);
        [summary.queue.clone(), summary.count.to_string(), oldest, reasons.join(", ")]
    });
    let rows: Vec<_> = rows.collect();
    let heads = ["dead letters", "waiting", "oldest", "reasons"];
    with_rest(heads, &rows, all.len(), "dead-letter queue", "dead-letter queues")
}

/// The rows, and how many others are empty.
fn with_rest<const COLUMNS: usize>(
    heads: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
    all: usize,
    one: &str,
    several: &str,
) -> String {
    let number = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX), one, several);
    match (rows.len(), all.saturating_sub(rows.len())) {
        (0, rest) => format!("{}: empty", number(rest)),
        (_, 0) => table(heads, rows),
        (_, rest) => format!("{}\n{} more: empty", table(heads, rows), number(rest)),
    }
}

fn organisations(all: &[OrganisationState]) -> String {
    if all.is_empty() {
        return "there is no organisation yet".to_owned();
    }
    let rows = all.iter().map(|state| {
        let token = match (state.token_problem, state.days_left) {
            (Some(problem), _) => problem.to_owned(),
            (None, Some(days)) => count(days, "day left", "days left"),
            (None, None) => "does not say when it expires".to_owned(),
        };
        let webhook = state.last_webhook_s.map(|seconds| format!("{} ago", age(seconds)));
        let webhook = if state.is_listed { webhook } else { Some("rejected".to_owned()) };
        [state.organisation.to_string(), token, webhook.unwrap_or_else(|| "none in 90 days".to_owned())]
    });
    table(["organisation", "token", "last webhook"], &rows.collect::<Vec<_>>())
}

fn functions(all: &[FunctionState]) -> String {
    let versioned: Vec<&FunctionState> = all.iter().filter(|function| function.version.is_some()).collect();
    let rows = versioned.iter().map(|function| {
        let version = function.version.clone().unwrap_or_default();
        let canary = function.canary.as_ref();
        let canary = canary.map(|(version, percent)| format!(", {percent}% of the traffic to {version}"));
        [function.function.clone(), format!("{version}{}", canary.unwrap_or_default())]
    });
    let rows: Vec<_> = rows.collect();
    let rest = all.len().saturating_sub(rows.len());
    let rest = count(u64::try_from(rest).unwrap_or(u64::MAX), "function", "functions");
    format!("{}\n{rest} more: as deployed last", table(["function", "version that serves"], &rows))
}

fn schedules(all: &[ScheduleState]) -> String {
    if all.is_empty() {
        return "no handler has a schedule".to_owned();
    }
    let time = |at: Option<Timestamp>| at.map_or_else(|| "?".to_owned(), |at| at.to_string());
    let rows = all.iter().map(|state| {
        let next = if state.is_enabled { time(state.next) } else { "switched off".to_owned() };
        let last = state.last.map_or_else(|| "never".to_owned(), |at| at.to_string());
        [state.handler.clone(), format!("{} {}", state.expression, state.zone), last, next]
    });
    table(["handler", "schedule", "last", "next"], &rows.collect::<Vec<_>>())
}

fn alarms(all: &[AlarmState], status: &Status) -> String {
    if all.is_empty() {
        return "no alarm sounds".to_owned();
    }
    let rows = all.iter().map(|alarm| {
        let since = alarm.since.map(|since| age(status.at.since(since).as_secs()));
        let section = alarm.section.clone().unwrap_or_default();
        [alarm.alarm.clone(), since.unwrap_or_else(|| "?".to_owned()), section]
    });
    table(["alarm", "for", "runbook"], &rows.collect::<Vec<_>>())
}

fn pauses(all: &[Pause], status: &Status) -> String {
    if all.is_empty() {
        return "nothing is paused".to_owned();
    }
    let rows: Vec<_> = all.iter().map(|pause| pause::row(pause, status.at)).collect();
    table(["paused", "since", "for", "reason"], &rows)
}

fn needed(attention: &[Attention]) -> String {
    if attention.is_empty() {
        return "nothing needs a person".to_owned();
    }
    let lines = attention.iter().map(|it| format!("  {} → {}", it.what, it.next));
    let lines: Vec<String> = std::iter::once("needs a person:".to_owned()).chain(lines).collect();
    lines.join("\n")
}
