//! The alarms: what each means, why it has its threshold, and what to do. alarm-notifier writes its messages from this table, and
//! a test compares it with docs/alarms.md and with the templates, which have the alarms themselves.

mod table;

pub use table::ALARMS;

/// An alarm of the templates, or the same alarm of each function or queue.
#[derive(Debug, Clone, Copy)]
pub struct Alarm {
    /// The end of its name, after the application's and that of a function or queue.
    pub id: &'static str,
    /// What its name holds before the id.
    pub of: Subject,
    /// The problem that it reports. Alarms of one problem lead to one message.
    pub problem: &'static str,
    /// What happened, as the headline of a message.
    pub title: &'static str,
    /// When it sounds, with the metric's statistic and period.
    pub threshold: &'static str,
    /// The threshold in its template.
    pub limit: &'static str,
    /// Why it has that threshold.
    pub reason: &'static str,
    /// What its metric counts.
    pub unit: Unit,
    /// The section of docs/runbook.md.
    pub section: &'static str,
    /// The first command to run, without the options that name the stack.
    pub command: &'static str,
    /// Where that command, or the log, names the organisation. `CloudWatch` cannot: no metric has an organisation as a dimension.
    pub organisation: &'static str,
    /// Which of its changes are reported to people.
    pub notices: NoticePolicy,
}

/// What an alarm is about, beside the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The whole application.
    Application,
    /// A function.
    Function,
    /// A queue.
    Queue,
}

/// Which changes of an alarm are reported to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticePolicy {
    /// Its start, daily while it lasts, and its end.
    State,
    /// Each time that it sounds; its end means nothing.
    Each,
    /// As [`State`](Self::State), but nothing at its start if another alarm of the problem was just reported.
    Rest,
    /// None: it is for a deployment.
    Never,
}

/// What the value of a metric counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Changes of tickets.
    Changes,
    /// Days.
    Days,
    /// Failures.
    Failures,
    /// Events.
    Events,
    /// Messages.
    Messages,
    /// Percent of requests.
    Percent,
    /// Requests.
    Requests,
    /// Seconds.
    Seconds,
}

/// An alarm as its name in `CloudWatch` says it.
#[derive(Debug, Clone, Copy)]
pub struct NamedAlarm<'a> {
    /// Its row.
    pub alarm: &'static Alarm,
    /// The function or queue, without the application's name; empty if the alarm is about the application.
    pub subject: &'a str,
}

impl<'a> NamedAlarm<'a> {
    /// The alarm of this name in this application. None if the table has no such alarm.
    pub fn find(application: &str, name: &'a str) -> Option<Self> {
        let rest = name.strip_prefix(application)?.strip_prefix('-')?;
        let of = |alarm: &'static Alarm| {
            let before = rest.strip_suffix(alarm.id)?;
            let subject = before.strip_suffix('-').unwrap_or(before);
            let is_whole = match alarm.of {
                Subject::Application => before.is_empty(),
                Subject::Function | Subject::Queue => !subject.is_empty() && before.len() > subject.len(),
            };
            is_whole.then_some(Self { alarm, subject })
        };
        // `…-canary-errors` ends with `errors` too.
        ALARMS.iter().filter_map(of).max_by_key(|found| found.alarm.id.len())
    }

    /// The key of the problem, which its alarms share.
    pub fn problem(&self) -> String {
        let Self { alarm, subject } = self;
        if subject.is_empty() { alarm.problem.to_owned() } else { format!("{}#{subject}", alarm.problem) }
    }
}

impl Unit {
    /// A value with its unit, for people.
    pub fn of(self, value: f64) -> String {
        let rounded = value.round();
        let one_or_more = |one: &str, more: &str| {
            if (rounded - 1.0).abs() < f64::EPSILON {
                format!("1 {one}")
            } else {
                format!("{rounded} {more}")
            }
        };
        match self {
            Self::Changes => one_or_more("change", "changes"),
            Self::Days => one_or_more("day", "days"),
            Self::Failures => one_or_more("failure", "failures"),
            Self::Events => one_or_more("event", "events"),
            Self::Messages => one_or_more("message", "messages"),
            Self::Percent => format!("{rounded}% of requests"),
            Self::Requests => one_or_more("request", "requests"),
            Self::Seconds if value >= 172_800.0 => format!("{} days", (value / 86_400.0).round()),
            Self::Seconds if value >= 7_200.0 => format!("{} hours", (value / 3_600.0).round()),
            Self::Seconds if value >= 120.0 => format!("{} minutes", (value / 60.0).round()),
            Self::Seconds => one_or_more("second", "seconds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_alarm_is_found_by_its_name_with_what_it_is_about() {
        let found = |name| NamedAlarm::find("automations", name).map(|found| (found.alarm.id, found.subject));
        assert_eq!(found("automations-unauthorized-requests"), Some(("unauthorized-requests", "")));
        assert_eq!(found("automations-event-enricher-errors"), Some(("errors", "event-enricher")));
        let canary = found("automations-event-enricher-canary-errors");
        assert_eq!(canary, Some(("canary-errors", "event-enricher")));
        let arrived = found("automations-hints-dead-letters-arrived");
        assert_eq!(arrived, Some(("arrived", "hints-dead-letters")));
        let backlog = found("automations-a-handler.fifo-backlog");
        assert_eq!(backlog, Some(("backlog", "a-handler.fifo")));
        assert_eq!(found("automations-hints-retry-age"), Some(("hints-retry-age", "")));
        for other in ["automations-errors", "automations--errors", "automations-x", "other-hints-backlog", ""]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn no_two_rows_have_the_same_id_and_both_alarms_of_dead_letters_are_one_problem() {
        let ids: BTreeSet<&str> = ALARMS.iter().map(|alarm| alarm.id).collect();
        assert_eq!(ids.len(), ALARMS.len());
        let problem = |name| NamedAlarm::find("a", name).map(|found| found.problem());
        assert_eq!(problem("a-h.fifo-arrived"), problem("a-h.fifo-waiting"));
        assert_ne!(problem("a-h.fifo-arrived"), problem("a-i.fifo-arrived"));
    }

    #[test]
    fn a_value_is_read_with_its_unit() {
        assert_eq!(Unit::Messages.of(1.0), "1 message");
        assert_eq!(Unit::Messages.of(5.0), "5 messages");
        let seconds = [45.0, 2_400.0, 18_000.0, 2_700_000.0].map(|value| Unit::Seconds.of(value));
        assert_eq!(seconds, ["45 seconds", "40 minutes", "5 hours", "31 days"]);
        assert_eq!(Unit::Percent.of(7.4), "7% of requests");
    }
}
