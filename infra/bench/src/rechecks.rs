//! The checks that a change causes, after which the ticket is checked as rarely as before.

use automations::clock::Timestamp;
use automations::model::check_schedule::CheckSchedule;
use automations::model::snapshot::Snapshot;
use automations::model::stage_age::StageAgeThresholds;
use automations::testing;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long after a change each of them is, if nothing else changes: those after intervals that are shorter than the longest.
/// What follows is an open ticket's regular checks, which the idle bill has.
pub(crate) fn after_a_change() -> Vec<Duration> {
    let snapshot = Snapshot {
        ticket: testing::ticket(),
        name_digest: String::new(),
        gone: false,
        stage_since: None,
        aged: 0,
        private_fields: BTreeMap::new(),
    };
    let start = Timestamp::from_millis(0);
    let schedules = std::iter::successors(Some(CheckSchedule::published(start)), |schedule| {
        Some(schedule.unchanged(&snapshot, &StageAgeThresholds::default(), schedule.next_check))
    });
    let schedules: Vec<CheckSchedule> = schedules.take(1_000).collect();
    let longest = schedules.iter().map(|schedule| schedule.interval).max().unwrap_or_default();
    let early = schedules.iter().take_while(|schedule| schedule.interval < longest);
    early.map(|schedule| schedule.next_check.since(start)).collect()
}

/// Their number.
pub(crate) fn count() -> f64 {
    crate::metrics::from_usize(after_a_change().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each check comes later than the one before by more than that one did, and the last is within days.
    #[test]
    fn checks_become_rarer_until_they_are_regular() {
        let after = after_a_change();
        assert!((1..20).contains(&after.len()), "{after:?}");
        let starts = std::iter::once(Duration::ZERO).chain(after.iter().copied());
        let intervals: Vec<Duration> =
            after.iter().zip(starts).map(|(after, before)| after.saturating_sub(before)).collect();
        assert!(intervals.is_sorted_by(|a, b| a < b), "{intervals:?}");
        assert!(*after.last().unwrap() < Duration::from_hours(14 * 24), "{after:?}");
    }
}
