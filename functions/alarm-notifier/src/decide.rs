//! What a change of an alarm, or the time, makes of a problem, and what is reported of it: pure.

use crate::change::{Change, State};
use automations::alarm::{NamedAlarm, NoticePolicy};
use automations::clock::Timestamp;
use automations::store::{NoticeKind, Problem, UnsentNotice};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A problem that lasts is reported again after this time.
const REMINDER: Duration = Duration::from_hours(24);
/// A problem that comes back within this time of its end is the same one.
const QUIET: Duration = Duration::from_hours(1);
/// Two alarms of one problem sound at about the same time: the second one is not reported.
const SAME_CAUSE: Duration = Duration::from_mins(30);
/// Two changes of an alarm that reports each of them, in so short a time, are one report.
const AT_ONCE: Duration = Duration::from_mins(5);
/// A notice that is not sent after this time failed: Lambda invokes again after a minute.
const SENDING: Duration = Duration::from_secs(50);

/// What to do with a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// Leave it as it is.
    Nothing,
    /// Store this, and send its unsent notice, if it has one.
    Store(Box<Problem>),
    /// Delete it: it is over, and that was reported.
    Over,
}

/// After a change of one of its alarms.
pub(crate) fn after_change(
    known: Option<&Problem>,
    change: &Change,
    named: &NamedAlarm<'_>,
    now: Timestamp,
) -> Next {
    let id = named.alarm.id;
    if let Some(problem) = known.filter(|known| is_old(known, change, named)) {
        return retried(problem, now);
    }
    match (named.alarm.notices, change.state) {
        (NoticePolicy::Never, _) | (_, State::InsufficientData) | (NoticePolicy::Each, State::Ok) => {
            Next::Nothing
        }
        (NoticePolicy::Each, State::Alarm) => each(known, change, named, now),
        (NoticePolicy::State, State::Alarm) => sounds(known, change, named, now, Duration::ZERO),
        (NoticePolicy::Rest, State::Alarm) => sounds(known, change, named, now, SAME_CAUSE),
        (NoticePolicy::State | NoticePolicy::Rest, State::Ok) => {
            known.map_or(Next::Nothing, |problem| ends(problem, change, id, now))
        }
    }
}

/// A change that is delivered again, or later than a newer one. An alarm may change twice at the same time, to the precision that the
/// message has.
fn is_old(known: &Problem, change: &Change, named: &NamedAlarm<'_>) -> bool {
    let id = named.alarm.id;
    let is_so = match named.alarm.notices {
        NoticePolicy::Each | NoticePolicy::Never => true,
        NoticePolicy::State | NoticePolicy::Rest => {
            known.sounding.contains(id) == (change.state == State::Alarm)
        }
    };
    known.changes.get(id).is_some_and(|at| *at > change.at || (*at == change.at && is_so))
}

/// What time has brought.
pub(crate) fn after_time(problem: &Problem, now: Timestamp) -> Next {
    let again = retried(problem, now);
    if again != Next::Nothing || problem.unsent.is_some() {
        return again;
    }
    let last_change = problem.changes.values().max().copied().unwrap_or(problem.since);
    match (problem.sounding.is_empty(), problem.is_resolved) {
        (false, _) if now.since(problem.notified_at) >= REMINDER => {
            store(problem.clone(), Some(NoticeKind::Reminder), now)
        }
        (true, false) if now.since(last_change) >= QUIET => {
            store(Problem { is_resolved: true, ..problem.clone() }, Some(NoticeKind::Resolved), now)
        }
        (true, true) if now.since(last_change) >= QUIET => Next::Over,
        _ => Next::Nothing,
    }
}

/// An alarm that reports each time that it sounds. Whether the problem lasts, another alarm says.
fn each(known: Option<&Problem>, change: &Change, named: &NamedAlarm<'_>, now: Timestamp) -> Next {
    let Some(known) = known else {
        let problem = Problem { sounding: BTreeSet::new(), is_resolved: true, ..new(change, named) };
        return store(problem, Some(NoticeKind::Started), now);
    };
    let is_reported = now.since(known.notified_at) < AT_ONCE;
    store(changed(known, change, named), (!is_reported).then_some(NoticeKind::Started), now)
}

/// An alarm that sounds until it ends.
fn sounds(
    known: Option<&Problem>,
    change: &Change,
    named: &NamedAlarm<'_>,
    now: Timestamp,
    same_cause: Duration,
) -> Next {
    let Some(known) = known else { return store(new(change, named), Some(NoticeKind::Started), now) };
    let mut problem = changed(known, change, named);
    problem.sounding.insert(named.alarm.id.to_owned());
    let (was_over, was_reported) = (known.sounding.is_empty(), now.since(known.notified_at) < same_cause);
    problem.is_resolved = false;
    let notice = if !was_over || was_reported {
        None
    } else {
        problem.episodes = known.episodes.saturating_add(1);
        (problem.episodes == 2).then_some(NoticeKind::Returned)
    };
    store(problem, notice, now)
}

/// The end of one alarm; of the problem, if no other one sounds. If it came back before, only a quiet hour is its end.
fn ends(known: &Problem, change: &Change, id: &str, now: Timestamp) -> Next {
    let mut problem = known.clone();
    problem.changes.insert(id.to_owned(), change.at);
    if !problem.sounding.remove(id) {
        // Its beginning may be delivered after it, and is then known to be old.
        return store(problem, None, now);
    }
    let is_over = problem.sounding.is_empty();
    problem.is_resolved = is_over && problem.episodes == 1;
    let notice = problem.is_resolved.then_some(NoticeKind::Resolved);
    store(problem, notice, now)
}

/// A notice that another invocation failed to send.
fn retried(problem: &Problem, now: Timestamp) -> Next {
    match problem.unsent {
        Some(UnsentNotice { kind, claimed_at }) if now.since(claimed_at) >= SENDING => {
            store(problem.clone(), Some(kind), now)
        }
        _ => Next::Nothing,
    }
}

fn new(change: &Change, named: &NamedAlarm<'_>) -> Problem {
    let id = named.alarm.id.to_owned();
    Problem {
        alarm: change.alarm.clone(),
        since: change.at,
        sounding: BTreeSet::from([id.clone()]),
        changes: BTreeMap::from([(id, change.at)]),
        episodes: 1,
        value: change.value.map(|value| named.alarm.unit.of(value)),
        notified_at: change.at,
        is_resolved: false,
        unsent: None,
    }
}

fn changed(known: &Problem, change: &Change, named: &NamedAlarm<'_>) -> Problem {
    let mut problem = known.clone();
    problem.changes.insert(named.alarm.id.to_owned(), change.at);
    problem.alarm.clone_from(&change.alarm);
    problem.value = change.value.map(|value| named.alarm.unit.of(value)).or(problem.value);
    problem
}

/// The problem with this notice; without one, what is unsent stays so.
fn store(mut problem: Problem, notice: Option<NoticeKind>, now: Timestamp) -> Next {
    if let Some(kind) = notice {
        problem.unsent = Some(UnsentNotice { kind, claimed_at: now });
        problem.notified_at = now;
    }
    Next::Store(Box::new(problem))
}

#[cfg(test)]
mod tests;
