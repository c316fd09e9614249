//! How long a ticket has been in its stage, and which thresholds of days it passed there: pure, the time is an argument.

use crate::clock::Timestamp;
use crate::model::diff::Change;
use crate::model::event::EventKind;
use crate::model::snapshot::Snapshot;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

/// Thresholds in days, such as 3, 7 and 14: for each one, `ticket.stage_aged` is published once in a ticket's stay in a stage.
/// A ticket that is switched off or gone does not age.
///
/// ```
/// use automations::model::stage_age::StageAgeThresholds;
///
/// assert!("3, 7,14".parse::<StageAgeThresholds>().is_ok() && "".parse::<StageAgeThresholds>().is_ok());
/// assert!("3,0".parse::<StageAgeThresholds>().is_err() && "a week".parse::<StageAgeThresholds>().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageAgeThresholds(BTreeSet<u16>);

/// The text is not a list of thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a threshold is a number of days from 1 to 65535; thresholds are separated by commas")]
pub struct InvalidThreshold;

impl FromStr for StageAgeThresholds {
    type Err = InvalidThreshold;

    fn from_str(text: &str) -> Result<Self, InvalidThreshold> {
        let parts = text.split(',').map(str::trim).filter(|_| !text.trim().is_empty());
        let thresholds = parts.map(|part| part.parse().ok().filter(|days| *days > 0).ok_or(InvalidThreshold));
        Ok(Self(thresholds.collect::<Result<_, _>>()?))
    }
}

impl StageAgeThresholds {
    /// Adds to the change that a check found an event for each threshold that was passed since the last check, in the same
    /// version. If it is not known since when a ticket has been in its stage, its stay begins now.
    pub fn apply(&self, before: Option<&Snapshot>, found: Option<Change>, now: Timestamp) -> Option<Change> {
        let (mut snapshot, mut kind) = match (found, before) {
            (Some(change), _) => (change.snapshot, change.kind),
            (None, Some(before)) if self.has_change(before, now) => (before.next(), Vec::new()),
            _ => return None,
        };
        snapshot.stage_since.get_or_insert(now);
        for days in self.passed(&snapshot, now) {
            snapshot.aged = days;
            let (ticket, stage) = (snapshot.ticket.clone(), snapshot.ticket.stage.clone());
            kind.push(EventKind::StageAged { ticket, stage, days });
        }
        Some(Change { snapshot, kind })
    }

    /// When the next threshold is passed; none for a ticket that does not age.
    pub fn next(&self, snapshot: &Snapshot) -> Option<Timestamp> {
        let since = snapshot.stage_since.filter(|_| !snapshot.is_inactive())?;
        Some(after(since, *self.not_passed_yet(snapshot).next()?))
    }

    /// Whether there is something to store although the ticket did not change.
    fn has_change(&self, snapshot: &Snapshot, now: Timestamp) -> bool {
        let begins = snapshot.stage_since.is_none() && !snapshot.is_inactive() && !self.0.is_empty();
        begins || !self.passed(snapshot, now).is_empty()
    }

    fn passed(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<u16> {
        let Some(since) = snapshot.stage_since.filter(|_| !snapshot.is_inactive()) else { return Vec::new() };
        self.not_passed_yet(snapshot).copied().take_while(|days| after(since, *days) <= now).collect()
    }

    /// The thresholds above the last one for which there was an event.
    fn not_passed_yet(&self, snapshot: &Snapshot) -> impl Iterator<Item = &u16> {
        let aged = snapshot.aged;
        self.0.iter().filter(move |days| **days > aged)
    }
}

fn after(since: Timestamp, days: u16) -> Timestamp {
    since.later(Duration::from_hours(24).saturating_mul(days.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::testing::a_ticket;
    use proptest::prelude::*;

    const DAY: u64 = 24 * 3_600_000;
    const NONE: [u16; 0] = [];

    /// Checks at `at` a ticket in this stage; returns the thresholds of the events, and stores the snapshot in `before`.
    fn check(
        before: &mut Option<Snapshot>,
        stage: &str,
        active: bool,
        thresholds: &StageAgeThresholds,
        at: u64,
    ) -> Vec<u16> {
        let draft = a_ticket().in_stage(stage);
        let ticket = if active { draft } else { draft.switched_off() }.ticket();
        let seen = Seen::without_fields(ticket, "d");
        let found = change(before.as_ref(), Some(seen), false);
        let Some(change) = thresholds.apply(before.as_ref(), found, Timestamp::from_millis(at)) else {
            return Vec::new();
        };
        let aged = |kind: &EventKind| match kind {
            EventKind::StageAged { days, ticket, .. } => {
                assert_eq!(ticket.version, change.snapshot.ticket.version);
                Some(*days)
            }
            _ => None,
        };
        let announced = change.kind.iter().filter_map(aged).collect();
        *before = Some(change.snapshot);
        announced
    }

    #[test]
    fn a_snapshot_that_does_not_know_since_when_begins_now_and_without_marks_nothing_is_stored() {
        let thresholds: StageAgeThresholds = "3".parse().unwrap();
        let old = change(None, Some(Seen::without_fields(a_ticket().ticket(), "d")), false);
        let old = old.unwrap().snapshot;
        assert_eq!(StageAgeThresholds::default().apply(Some(&old), None, Timestamp::from_millis(1)), None);
        let begun = thresholds.apply(Some(&old), None, Timestamp::from_millis(5)).unwrap();
        assert_eq!((begun.snapshot.stage_since, begun.kind.len()), (Some(Timestamp::from_millis(5)), 0));
        assert_eq!(thresholds.apply(Some(&begun.snapshot), None, Timestamp::from_millis(9)), None, "once");
        let text = crate::json::to_json(&old).replace(r#","stage_since":null,"aged":0"#, "");
        assert_eq!(
            crate::json::from_json::<Snapshot>(text.as_bytes()).unwrap(),
            old,
            "as it was stored before"
        );
    }

    #[test]
    fn marks_that_are_passed_at_once_are_told_at_once_and_a_new_stage_begins_anew() {
        let (thresholds, mut known) = ("7,3,14".parse().unwrap(), None);
        assert_eq!(check(&mut known, "a", true, &thresholds, 0), NONE);
        assert_eq!(thresholds.next(known.as_ref().unwrap()), Some(Timestamp::from_millis(3 * DAY)));
        assert_eq!(check(&mut known, "a", true, &thresholds, 8 * DAY), [3, 7]);
        assert_eq!(check(&mut known, "a", true, &thresholds, 14 * DAY - 1), NONE);
        assert_eq!(check(&mut known, "a", true, &thresholds, 14 * DAY), [14]);
        assert_eq!(thresholds.next(known.as_ref().unwrap()), None);
        assert_eq!(check(&mut known, "b", true, &thresholds, 15 * DAY), NONE);
        assert_eq!(check(&mut known, "b", true, &thresholds, 18 * DAY), [3]);
        assert_eq!(
            check(&mut known, "a", true, &thresholds, 30 * DAY),
            NONE,
            "it did not age while it was away"
        );
    }

    proptest! {
        /// Whenever the ticket is checked: after each check, exactly the thresholds that the stay has passed had an event, each
        /// of them once.
        #[test]
        fn each_mark_is_told_once_in_each_stay(
            thresholds in proptest::collection::btree_set(1_u16..20, 0..5),
            checks in proptest::collection::vec((0_u64..6 * DAY, "[ab]", proptest::bool::weighted(0.8)), 1..40),
        ) {
            let thresholds = StageAgeThresholds(thresholds);
            let (mut known, mut now, mut since, mut announced) = (None, 0_u64, 0, BTreeSet::new());
            let mut last = String::new();
            for (gap, stage, active) in checks {
                now = now.saturating_add(gap);
                if stage != last {
                    (since, last) = (now, stage.clone());
                    announced.clear();
                }
                let newly = check(&mut known, &stage, active, &thresholds, now);
                if !active {
                    prop_assert_eq!((newly.len(), thresholds.next(known.as_ref().unwrap())), (0, None));
                }
                for days in newly {
                    prop_assert!(announced.insert(days), "{days} is announced twice");
                }
                let at = |days: &u16| DAY.saturating_mul(u64::from(*days)).saturating_add(since);
                let passed = |days: &u16| at(days) <= now;
                if active {
                    let expected: BTreeSet<u16> = thresholds.0.iter().copied().filter(passed).collect();
                    prop_assert_eq!(&announced, &expected);
                    let next = thresholds.0.iter().find(|days| !passed(days));
                    let next = next.map(|days| Timestamp::from_millis(at(days)));
                    prop_assert_eq!(thresholds.next(known.as_ref().unwrap()), next);
                }
            }
        }
    }
}
