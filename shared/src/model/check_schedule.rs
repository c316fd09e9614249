//! When a ticket is looked at again though nobody asked: soon where events of it may be unpublished, else ever more
//! rarely while nothing changes.

use crate::clock::Timestamp;
use crate::model::diff::Snapshot;
use crate::model::stage_age::StageAgeThresholds;
use std::time::Duration;

/// Events that were stored and not published within this time wait for somebody who was lost.
const UNPUBLISHED_FOR: Duration = Duration::from_mins(2);
/// The first look after a change.
const FIRST: Duration = Duration::from_hours(1);
/// A ticket that people work on is looked at at least so often.
const LONGEST: Duration = Duration::from_hours(24);
/// One that is switched off, or that the API no longer knows.
const MAX_OVER: Duration = Duration::from_hours(30 * 24);

/// When a ticket was last looked at, and when it is again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSchedule {
    /// The last look.
    pub verified: Timestamp,
    /// The next one, at the latest.
    pub due: Timestamp,
    /// How long nothing had to happen before it.
    pub quiet: Duration,
}

impl CheckSchedule {
    /// After a look that found a change, which is stored and not yet published.
    pub fn unpublished(now: Timestamp) -> Self {
        Self { verified: now, due: now.later(UNPUBLISHED_FOR), quiet: FIRST }
    }

    /// After everything was published.
    pub fn published(now: Timestamp) -> Self {
        Self { verified: now, due: now.later(FIRST), quiet: FIRST }
    }

    /// After a look that was due and found nothing: twice as long as the last time, or until the next mark, so that it is
    /// told in time.
    #[must_use]
    pub fn unchanged(self, snapshot: &Snapshot, thresholds: &StageAgeThresholds, now: Timestamp) -> Self {
        let longest = if snapshot.is_over() { MAX_OVER } else { LONGEST };
        let quiet = self.quiet.saturating_mul(2).clamp(FIRST, longest);
        let due = thresholds.next(snapshot).map_or(now.later(quiet), |mark| mark.min(now.later(quiet)));
        Self { verified: now, due, quiet }
    }

    /// Whether the next look is due.
    pub fn is_due(self, now: Timestamp) -> bool {
        self.due <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::{Seen, change};
    use crate::testing;

    fn snapshot(active: bool) -> Snapshot {
        let ticket = crate::Ticket { active: Some(active), ..testing::ticket() };
        change(None, Some(Seen { ticket, name_digest: "d".into() }), false).unwrap().snapshot
    }

    #[test]
    fn a_ticket_that_does_not_change_is_looked_at_ever_more_rarely_up_to_a_bound() {
        let hours = |active: bool| -> Vec<u64> {
            let (mut watch, snapshot) =
                (CheckSchedule::published(Timestamp::from_millis(0)), snapshot(active));
            let look = |_| {
                watch = watch.unchanged(&snapshot, &StageAgeThresholds::default(), watch.due);
                watch.due.since(watch.verified).as_secs() / 3_600
            };
            (0..12).map(look).collect()
        };
        assert_eq!(hours(true), [2, 4, 8, 16, 24, 24, 24, 24, 24, 24, 24, 24]);
        assert_eq!(hours(false), [2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]);
    }

    #[test]
    fn a_mark_is_not_waited_past() {
        let hours = |hours: u64| Timestamp::from_seconds(hours * 3_600);
        let snapshot = Snapshot { stage_since: Some(hours(0)), ..snapshot(true) };
        let watch = CheckSchedule { verified: hours(0), due: hours(0), quiet: Duration::from_hours(24) };
        let due = |now: u64, active: bool| {
            let ticket = crate::Ticket { active: Some(active), ..snapshot.ticket.clone() };
            watch.unchanged(&Snapshot { ticket, ..snapshot.clone() }, &"3".parse().unwrap(), hours(now)).due
        };
        assert_eq!((due(10, true), due(60, true)), (hours(34), hours(72)));
        assert_eq!(due(60, false), hours(60 + 48), "what is switched off does not age");
    }

    #[test]
    fn what_may_be_unpublished_is_looked_at_soon() {
        let now = Timestamp::from_millis(1_000);
        let watch = CheckSchedule::unpublished(now);
        assert!(!watch.is_due(now) && watch.is_due(now.later(UNPUBLISHED_FOR)));
    }
}
