//! When a ticket is checked although no webhook names it: soon if events of it may be unpublished, else less and less often
//! while nothing changes.

use crate::clock::Timestamp;
use crate::model::snapshot::Snapshot;
use crate::model::stage_age::StageAgeThresholds;
use std::time::Duration;

/// If stored events are not published within this time, their publisher has crashed.
const UNPUBLISHED_FOR: Duration = Duration::from_mins(2);
/// From a change to the first check.
const FIRST: Duration = Duration::from_hours(1);
/// The longest interval of a ticket that people work on.
const MAX_ACTIVE: Duration = Duration::from_hours(24);
/// The longest interval of a ticket that is switched off, or that the API no longer returns.
const MAX_INACTIVE: Duration = Duration::from_hours(30 * 24);

/// When a ticket was last checked, and when it is checked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSchedule {
    /// The last check.
    pub last_checked: Timestamp,
    /// The next check, at the latest.
    pub next_check: Timestamp,
    /// The interval between checks, which doubles while nothing changes.
    pub interval: Duration,
}

impl CheckSchedule {
    /// After a check that found a change, which is stored and not yet published.
    pub fn unpublished(now: Timestamp) -> Self {
        Self { last_checked: now, next_check: now.later(UNPUBLISHED_FOR), interval: FIRST }
    }

    /// After everything was published.
    pub fn published(now: Timestamp) -> Self {
        Self { last_checked: now, next_check: now.later(FIRST), interval: FIRST }
    }

    /// After a check that was due and found no change: twice the last interval, or less if the ticket passes a stage-age
    /// threshold before that.
    #[must_use]
    pub fn unchanged(self, snapshot: &Snapshot, thresholds: &StageAgeThresholds, now: Timestamp) -> Self {
        let longest = if snapshot.is_inactive() { MAX_INACTIVE } else { MAX_ACTIVE };
        let interval = self.interval.saturating_mul(2).clamp(FIRST, longest);
        let regular = now.later(interval);
        let next_check = thresholds.next(snapshot).map_or(regular, |threshold| threshold.min(regular));
        Self { last_checked: now, next_check, interval }
    }

    /// Whether the next check is due.
    pub fn is_due(self, now: Timestamp) -> bool {
        self.next_check <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::testing;

    fn snapshot(active: bool) -> Snapshot {
        let ticket = crate::Ticket { active: Some(active), ..testing::ticket() };
        change(None, Some(Seen::without_fields(ticket, "d")), false).unwrap().snapshot
    }

    #[test]
    fn a_ticket_that_does_not_change_is_looked_at_ever_more_rarely_up_to_a_bound() {
        let hours = |active: bool| -> Vec<u64> {
            let (mut schedule, snapshot) =
                (CheckSchedule::published(Timestamp::from_millis(0)), snapshot(active));
            let check = |_| {
                schedule = schedule.unchanged(&snapshot, &StageAgeThresholds::default(), schedule.next_check);
                schedule.next_check.since(schedule.last_checked).as_secs() / 3_600
            };
            (0..12).map(check).collect()
        };
        assert_eq!(hours(true), [2, 4, 8, 16, 24, 24, 24, 24, 24, 24, 24, 24]);
        assert_eq!(hours(false), [2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]);
    }

    #[test]
    fn a_mark_is_not_waited_past() {
        let hours = |hours: u64| Timestamp::from_seconds(hours * 3_600);
        let snapshot = Snapshot { stage_since: Some(hours(0)), ..snapshot(true) };
        let day = Duration::from_hours(24);
        let schedule = CheckSchedule { last_checked: hours(0), next_check: hours(0), interval: day };
        let next = |now: u64, active: bool| {
            let ticket = crate::Ticket { active: Some(active), ..snapshot.ticket.clone() };
            let snapshot = Snapshot { ticket, ..snapshot.clone() };
            schedule.unchanged(&snapshot, &"3".parse().unwrap(), hours(now)).next_check
        };
        assert_eq!((next(10, true), next(60, true)), (hours(34), hours(72)));
        assert_eq!(next(60, false), hours(60 + 48), "what is switched off does not age");
    }

    #[test]
    fn what_may_be_unpublished_is_looked_at_soon() {
        let now = Timestamp::from_millis(1_000);
        let schedule = CheckSchedule::unpublished(now);
        assert!(!schedule.is_due(now) && schedule.is_due(now.later(UNPUBLISHED_FOR)));
    }
}
