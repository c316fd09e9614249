//! What of a status needs a person, and the next command.

use super::{AlarmState, FunctionState, OrganisationState, Part, Status};
use crate::commands::dead_letters::Summary;
use crate::report::count;
use crate::schedules::ScheduleState;
use automations::clock::Timestamp;
use automations::model::reminder::{KNOWN_UNTIL, Zone, holidays_left};
use automations::store::{Pause, Paused};
use serde::Serialize;

/// Fewer days than this are left only if a rotation failed: tokens live for 14 days and are rotated every 7. As
/// `TokenExpiresAlarm` in `infra/stacks/alarms.yaml`.
const MIN_DAYS_LEFT: u64 = 4;

/// From this many days before the last known public holidays on, a person is needed; before that, the screen says it.
const MIN_HOLIDAYS_LEFT: i32 = 60;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attention {
    /// What it is.
    pub what: String,
    /// What to do: a command, or a section of the runbook.
    pub next: String,
}

impl Status {
    /// Everything that needs a person, the most urgent first.
    pub fn attention(&self) -> Vec<Attention> {
        let mut all = Vec::new();
        // A change that is in progress needs no person.
        if !self.state.ends_with("_COMPLETE") && !self.state.ends_with("_IN_PROGRESS") {
            let what = format!("the stack is {}", or_missing(&self.state));
            all.push(attention(what, "see its events in CloudFormation"));
        }
        all.extend(part("alarms", &self.alarms, of_alarm));
        all.extend(part("organisations", &self.organisations, of_organisation));
        all.extend(part("functions", &self.functions, of_function));
        all.extend(part("dead letters", &self.dead_letters, of_dead_letters));
        all.extend(part("pauses", &self.pauses, |pause| of_pause(pause, self.at)));
        all.extend(part("triggers of what is paused", &self.read_while_paused, of_read_while_paused));
        all.extend(part("schedules", &self.schedules, of_schedule));
        // Their alarms say whether they are too long.
        all.extend(part("queues", &self.queues, |_| Vec::new()));
        all.extend(part("queues of automations listen", &self.left_behind, of_left_behind));
        all.extend(self.ages_not_read.iter().map(|error| not_read("ages of queues", error)));
        if self.holidays_left().is_some_and(|days| days < MIN_HOLIDAYS_LEFT) {
            let what = format!(
                "public holidays are known until {KNOWN_UNTIL}: business days of reminders and stage ages count without later ones"
            );
            all.push(attention(what, "deploy a version whose holidays.txt goes on: docs/decisions/0064"));
        }
        all
    }

    /// The days until public holidays are not known, if that is less than half a year.
    pub(super) fn holidays_left(&self) -> Option<i32> {
        Zone::Sydney.date_of(self.at).and_then(holidays_left)
    }
}

fn part<T>(name: &str, part: &Part<Vec<T>>, of: impl Fn(&T) -> Vec<Attention>) -> Vec<Attention> {
    match part {
        Part::Read(items) => items.iter().flat_map(of).collect(),
        Part::NotRead(error) => vec![not_read(name, error)],
    }
}

fn not_read(name: &str, error: &str) -> Attention {
    let next = "check the profile's permissions: docs/deploy.md, \"Account and permissions\"";
    attention(format!("not read: {name}: {error}"), next)
}

fn of_schedule(state: &ScheduleState) -> Vec<Attention> {
    let late = state
        .overdue
        .map(|due| format!("the schedule of {} was due at {due}, and no event came", state.handler));
    late.map(|late| attention(late, "automations dlq list")).into_iter().collect()
}

fn of_alarm(alarm: &AlarmState) -> Vec<Attention> {
    let next = alarm
        .section
        .as_ref()
        .map_or_else(|| "docs/runbook.md".to_owned(), |section| format!("docs/runbook.md, \"{section}\""));
    vec![attention(format!("the alarm {} sounds", alarm.alarm), &next)]
}

fn of_organisation(state: &OrganisationState) -> Vec<Attention> {
    let name = &state.organisation;
    let mut all = Vec::new();
    if !state.is_listed {
        let what = format!("{name} is not on the list of organisations: its webhooks are rejected");
        all.push(attention(what, &format!("automations organisation urls {name}")));
    }
    let renew = format!("automations organisation renew {name}");
    match (state.token_problem, state.days_left) {
        (Some(problem), _) => {
            all.push(attention(format!("the token of {name} cannot be used: {problem}"), &renew));
        }
        (None, Some(days)) if days < MIN_DAYS_LEFT => {
            let days = count(days, "day", "days");
            all.push(attention(format!("the token of {name} has {days} left; its rotation fails"), &renew));
        }
        (None, _) => {}
    }
    all
}

fn of_function(function: &FunctionState) -> Vec<Attention> {
    let next = "automations smoke; docs/runbook.md, \"Deployment not serving traffic\"";
    function.problems.iter().map(|problem| attention(problem.clone(), next)).collect()
}

fn of_dead_letters(summary: &Summary) -> Vec<Attention> {
    let number = summary.count.saturating_add(summary.held);
    if number == 0 {
        return Vec::new();
    }
    let what = format!("{} in {}", count(number, "dead letter", "dead letters"), summary.queue);
    vec![attention(what, &format!("automations dlq show --queue {}", summary.queue))]
}

fn of_left_behind(queue: &String) -> Vec<Attention> {
    let what = format!("a crashed `automations listen` left the queue {queue} and its subscription");
    vec![attention(what, "the next `automations listen` removes both")]
}

/// A pause is intended; only one that loses messages soon needs a person, or one whose end was interrupted.
fn of_pause(pause: &Pause, now: Timestamp) -> Vec<Attention> {
    let what = pause.paused.words();
    let next = "docs/runbook.md, \"Pause and resume\"";
    if pause.is_resuming() {
        return vec![attention(format!("{what} is being resumed"), next)];
    }
    pause
        .is_near_retention(now)
        .then(|| attention(format!("{what} is paused for over 10 days; SQS deletes messages after 14"), next))
        .into_iter()
        .collect()
}

/// A deployment that changes a trigger enables it. The function lets what it receives wait, and that spends receives.
fn of_read_while_paused(paused: &Paused) -> Vec<Attention> {
    let option = match paused {
        Paused::Handler(name) => format!("--handler {name}"),
        Paused::Organisation(name) => format!("--organisation {name}"),
        Paused::Writing => "--writing".to_owned(),
    };
    let what = format!(
        "{} is paused, and Lambda reads its queue all the same: nothing is done, and its messages spend receives",
        paused.words()
    );
    vec![attention(what, &format!("automations pause {option} --yes"))]
}

fn attention(what: impl Into<String>, next: &str) -> Attention {
    Attention { what: what.into(), next: next.to_owned() }
}

fn or_missing(state: &str) -> &str {
    if state.is_empty() { "not there" } else { state }
}
