//! What is counted and measured, for alarms and the dashboard. docs/logging.md says who tells what, and what reads it.
//!
//! Every metric stands here, with its unit and the few values that it is told apart by. All of it are enums: no other name can
//! be written, and no text that came from outside, such as the id of an organisation or a ticket, gets into one. So no figure
//! says anything of a person, and their number, which is what `CloudWatch` charges for, is known.

mod line;

use crate::clock;
use line::Line;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A metric, told apart by at most one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// Webhooks that were accepted, by the label of the token in their URL.
    Webhooks(Stage),
    /// Requests that the door did not take.
    Refused(Reason),
    /// Secrets Manager does not answer, and a secret that is so much older than it may be is used.
    SecretStale,
    /// Days until an API token that was just read expires.
    TokenDaysLeft,
    /// Salestrekker refused an organisation's credential.
    CredentialRefused,
    /// Events that the bus took.
    EventsPublished,
    /// Events that the bus did not take.
    NotPublished,
    /// From a webhook to each event that was published because of it.
    HintAge,
    /// Since the last look at the ticket that was longest not looked at, of those that are due.
    OldestUnverified,
    /// Since the ticket that is longest due is due.
    LongestDue,
    /// Events that stand in outboxes though their tickets are due: who was to publish them was lost, or the bus did not take them.
    OutboxBacklog,
    /// The age of the oldest of those.
    OutboxAge,
    /// Actions, by what came of them.
    ActionsPerformed(Outcome),
    /// From a handler's decision to its action being done.
    ActionAge,
    /// Messages that were put into a dead-letter queue.
    GivenUp,
}

/// By which label of Secrets Manager a webhook's token is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// In use.
    Current,
    /// To be used next.
    Pending,
    /// In use before.
    Previous,
}

/// Why a request was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Not a webhook's path.
    NotFound,
    /// An unknown organisation or a wrong token.
    Unauthorised,
    /// Neither GET nor POST.
    MethodNotAllowed,
    /// More than a message can carry.
    TooLarge,
    /// A post without fields.
    Unreadable,
    /// The queue or the secrets do not answer.
    Unavailable,
}

/// What came of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Something was changed, created or sent.
    Done,
    /// Nothing had to be.
    AlreadySo,
    /// Nothing may be.
    WouldDo,
    /// An earlier delivery of it was performed.
    DoneBefore,
}

/// A metric's unit, as `CloudWatch` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// What is added up.
    Count,
    /// A duration.
    Milliseconds,
    /// A duration.
    Seconds,
    /// Days: `CloudWatch` has no unit for them.
    None,
}

impl Metric {
    /// All of them, each with each value that it is told apart by.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::SecretStale,
            Self::TokenDaysLeft,
            Self::CredentialRefused,
            Self::EventsPublished,
            Self::NotPublished,
            Self::HintAge,
            Self::OldestUnverified,
            Self::LongestDue,
            Self::OutboxBacklog,
            Self::OutboxAge,
            Self::ActionAge,
            Self::GivenUp,
        ];
        all.extend(Stage::ALL.map(Self::Webhooks));
        all.extend(Reason::ALL.map(Self::Refused));
        all.extend(Outcome::ALL.map(Self::ActionsPerformed));
        all
    }

    /// Its name and its unit.
    pub fn name(self) -> (&'static str, Unit) {
        match self {
            Self::Webhooks(_) => ("Webhooks", Unit::Count),
            Self::Refused(_) => ("Refused", Unit::Count),
            Self::SecretStale => ("SecretStale", Unit::Seconds),
            Self::TokenDaysLeft => ("TokenDaysLeft", Unit::None),
            Self::CredentialRefused => ("CredentialRefused", Unit::Count),
            Self::EventsPublished => ("EventsPublished", Unit::Count),
            Self::NotPublished => ("NotPublished", Unit::Count),
            Self::HintAge => ("HintAge", Unit::Milliseconds),
            Self::OldestUnverified => ("OldestUnverified", Unit::Seconds),
            Self::LongestDue => ("LongestDue", Unit::Seconds),
            Self::OutboxBacklog => ("OutboxBacklog", Unit::Count),
            Self::OutboxAge => ("OutboxAge", Unit::Seconds),
            Self::ActionsPerformed(_) => ("ActionsPerformed", Unit::Count),
            Self::ActionAge => ("ActionAge", Unit::Milliseconds),
            Self::GivenUp => ("GivenUp", Unit::Count),
        }
    }

    /// What it is told apart by, and the value of it.
    pub fn dimension(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Webhooks(stage) => Some(("Stage", stage.as_str())),
            Self::Refused(reason) => Some(("Reason", reason.as_str())),
            Self::ActionsPerformed(outcome) => Some(("Outcome", outcome.as_str())),
            Self::SecretStale
            | Self::TokenDaysLeft
            | Self::CredentialRefused
            | Self::EventsPublished
            | Self::NotPublished
            | Self::HintAge
            | Self::OldestUnverified
            | Self::LongestDue
            | Self::OutboxBacklog
            | Self::OutboxAge
            | Self::ActionAge
            | Self::GivenUp => None,
        }
    }
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Current, Self::Pending, Self::Previous];

    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Previous => "previous",
        }
    }
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotFound,
        Self::Unauthorised,
        Self::MethodNotAllowed,
        Self::TooLarge,
        Self::Unreadable,
        Self::Unavailable,
    ];

    /// For logs, metrics and the sender.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unauthorised => "unauthorised",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::Unreadable => "neither_form_nor_json_object",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Done, Self::AlreadySo, Self::WouldDo, Self::DoneBefore];

    /// For logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadySo => "already_so",
            Self::WouldDo => "would_do",
            Self::DoneBefore => "done_before",
        }
    }
}

impl Unit {
    /// As `CloudWatch` calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::None => "None",
        }
    }
}

/// The figures of one invocation or one request: counts are added up, everything else is kept value by value.
#[derive(Debug, Default)]
pub struct Figures(Mutex<BTreeMap<Metric, Vec<u64>>>);

/// Where figures belong: the stack's name, as several may be in one account.
static NAMESPACE: OnceLock<String> = OnceLock::new();

/// From now on figures are written. In tests and in an operator's tools they never are.
pub(crate) fn start(namespace: String) {
    // A second call (two tests in one process) keeps the first namespace, as that of the logs keeps the first subscriber.
    let _ = NAMESPACE.set(namespace);
}

/// Writes one figure by itself.
pub fn tell(metric: Metric, value: u64) {
    let figures = Figures::default();
    figures.add(metric, value);
    figures.tell();
}

impl Figures {
    /// Adds one.
    pub fn add(&self, metric: Metric, value: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = all.entry(metric).or_default();
        match values.last_mut() {
            Some(sum) if metric.name().1 == Unit::Count => *sum = sum.saturating_add(value),
            _ => values.push(value),
        }
    }

    /// Adds a duration, in its metric's unit.
    pub fn took(&self, metric: Metric, duration: Duration) {
        let value = match metric.name().1 {
            Unit::Milliseconds => duration.as_millis(),
            Unit::Seconds | Unit::Count | Unit::None => duration.as_secs().into(),
        };
        self.add(metric, u64::try_from(value).unwrap_or(u64::MAX));
    }

    /// Writes them among the logs, where there are any: a line, or as many as the format asks for.
    pub fn tell(self) {
        let Some(namespace) = NAMESPACE.get() else { return };
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let text: String = Line::all(&all, namespace, clock::now()).iter().map(Line::text).collect();
        // In one piece, so that no other line comes between.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_metric_is_among_all_of_them_by_its_own_name() {
        let own = include_str!("mod.rs");
        let body = own.split("pub enum Metric {\n").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
        let declared = body.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        let declared: BTreeSet<&str> = declared.filter_map(|line| line.split(['(', ',']).next()).collect();
        let all = Metric::all();
        assert_eq!(all.iter().map(|metric| metric.name().0).collect::<BTreeSet<_>>(), declared);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "one stands there twice");
    }

    #[test]
    fn counts_are_added_up_and_durations_are_not() {
        let figures = Figures::default();
        for value in [1, 2] {
            figures.add(Metric::GivenUp, value);
            figures.add(Metric::HintAge, value);
        }
        let all = figures.0.into_inner().unwrap();
        assert_eq!(all, BTreeMap::from([(Metric::GivenUp, vec![3]), (Metric::HintAge, vec![1, 2])]));
    }
}
