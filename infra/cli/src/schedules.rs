//! The handlers' schedules as they are deployed, with the last and the next firing of each.

use crate::stack_resources;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use automations::id::ClockKind;
use automations::json::from_json;
use automations::model::firing::{Firing, LastFired};
use automations::store::Store;
use aws_sdk_scheduler::types::ScheduleState as State;
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use serde::Serialize;
use std::time::Duration;

/// Schedules that are read at the same time.
const AT_ONCE: usize = 8;
/// A firing is published within a minute or two.
const LATE: Duration = Duration::from_mins(15);

/// A handler's schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleState {
    /// The handler.
    pub handler: String,
    /// The expression.
    pub expression: String,
    /// The time zone.
    pub zone: String,
    /// Whether AWS sends its firings.
    pub is_enabled: bool,
    /// When the last one was due that was published.
    pub last: Option<Timestamp>,
    /// When the next one is due; none if it is switched off, or if its rate counts from a time that is not known yet.
    pub next: Option<Timestamp>,
    /// When one was due of which no event came in a quarter of an hour.
    pub overdue: Option<Timestamp>,
}

/// The schedules of a stack, by handler.
pub(crate) async fn deployed(
    cloudformation: &aws_sdk_cloudformation::Client,
    scheduler: &aws_sdk_scheduler::Client,
    store: &Store,
    stack: &str,
    now: Timestamp,
) -> Result<Vec<ScheduleState>> {
    let names = stack_resources::of_type(cloudformation, stack, "AWS::Scheduler::Schedule");
    let clocks = async { store.clocks().await.context("the last firings of schedules") };
    let (names, clocks) = future::try_join(names, clocks).await?;
    let read = stream::iter(names).map(|name| read(scheduler, name));
    let read: Vec<Option<(Firing, bool)>> = read.buffered(AT_ONCE).try_collect().await?;
    let states =
        read.into_iter().flatten().map(|(firing, is_enabled)| state(&firing, is_enabled, &clocks, now));
    Ok(states.collect())
}

/// What a schedule sends, and whether it does; none if it is none of a handler's.
async fn read(scheduler: &aws_sdk_scheduler::Client, name: String) -> Result<Option<(Firing, bool)>> {
    let schedule = scheduler.get_schedule().name(&name).send().await;
    let schedule = schedule.with_context(|| format!("Scheduler does not describe {name}"))?;
    let input = schedule.target().and_then(|target| target.input()).unwrap_or_default();
    // That of the reconciler or of alarm-notifier sends nothing of this form.
    let firing: Option<Firing> = from_json(input.as_bytes()).ok();
    let is_enabled = schedule.state().is_none_or(|state| *state == State::Enabled);
    Ok(firing.map(|firing| (firing, is_enabled)))
}

fn state(
    firing: &Firing,
    is_enabled: bool,
    clocks: &[(ClockKind, LastFired)],
    now: Timestamp,
) -> ScheduleState {
    let Firing { clock, schedule, .. } = firing;
    let last = clocks.iter().find(|(other, _)| other == clock).map(|(_, last)| last);
    let (next, overdue) = match last.filter(|last| last.schedule == schedule.to_string()) {
        Some(last) => {
            let due = schedule.newest(Some(last.at), now);
            (schedule.next_after(due), Some(due).filter(|due| *due > last.at && now.since(*due) > LATE))
        }
        None => (schedule.next_after_first(now), None),
    };
    ScheduleState {
        handler: clock.as_str().trim_start_matches("clock.").to_owned(),
        expression: schedule.expression.to_string(),
        zone: schedule.zone.to_string(),
        is_enabled,
        last: last.map(|last| last.at),
        next: next.filter(|_| is_enabled),
        overdue: overdue.filter(|_| is_enabled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firing(schedule: &str) -> Firing {
        let text = format!(
            r#"{{"clock": "clock.digest", "scheduled_at": "<aws.scheduler.scheduled-time>", "schedule": "{schedule}", "zone": "Australia/Sydney"}}"#
        );
        from_json(text.as_bytes()).unwrap()
    }

    fn last(at: &str, schedule: &str) -> Vec<(ClockKind, LastFired)> {
        let last = LastFired { at: at.parse().unwrap(), schedule: format!("{schedule} Australia/Sydney") };
        vec![(ClockKind::parse("clock.digest").unwrap(), last)]
    }

    #[test]
    fn the_next_firing_is_that_of_the_expression_and_a_rates_counts_from_its_last_one() {
        let now = "2026-11-26T03:30:00Z".parse().unwrap();
        let next = |schedule: &str, clocks: &[_]| state(&firing(schedule), true, clocks, now).next;
        let monday: Option<Timestamp> = "2026-11-29T21:00:00Z".parse().ok();
        assert_eq!(next("cron(0 8 ? * MON *)", &[]), monday);
        assert_eq!(next("cron(0 8 ? * MON *)", &last("2026-11-22T21:00:00Z", "cron(0 8 ? * MON *)")), monday);
        assert_eq!(next("rate(1 hour)", &[]), None);
        let hourly = last("2026-11-26T01:10:00Z", "rate(1 hour)");
        assert_eq!(next("rate(1 hour)", &hourly), "2026-11-26T04:10:00Z".parse().ok());
        assert_eq!(next("rate(2 hours)", &hourly), None, "another schedule counts from another time");
        let overdue = |at: &str| state(&firing("rate(1 hour)"), true, &last(at, "rate(1 hour)"), now).overdue;
        assert_eq!(overdue("2026-11-26T01:10:00Z"), "2026-11-26T03:10:00Z".parse().ok());
        assert_eq!(overdue("2026-11-26T03:10:00Z"), None);
        assert_eq!(overdue("2026-11-26T02:20:00Z"), None, "it is ten minutes late");
        let off = state(&firing("rate(1 hour)"), false, &hourly, now);
        assert_eq!(
            (off.next, off.last, off.handler.as_str()),
            (None, "2026-11-26T01:10:00Z".parse().ok(), "digest")
        );
    }
}
