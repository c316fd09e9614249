//! The rounds of regular checks: whose turn it is, so that each ticket has one turn in each round, also after an outage. Pure, the time is an
//! argument.

use crate::clock::Timestamp;
use crate::model::check_schedule::{AFTER_A_CHANGE, Position, Rhythm, Slice, Slot};
use std::time::Duration;

/// How far the rounds have come: everything before it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The slice whose turn is next.
    pub slice: Slice,
    /// Of that slice, the tickets up to this position were asked for.
    pub after: Option<Position>,
}

/// The turn of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The slice.
    pub slice: Slice,
    /// The position after which its tickets are still to be asked for.
    pub after: Option<Position>,
    /// Whether the slice is of the last day: if not, its tickets of each day have a later turn.
    is_of_last_day: bool,
}

impl Turn {
    /// The slots whose tickets are checked.
    pub fn slots(&self) -> Vec<Slot> {
        let daily = self.is_of_last_day.then(|| self.slice.slot(Rhythm::Daily));
        daily.into_iter().chain([self.slice.slot(Rhythm::Monthly)]).collect()
    }

    /// The slices whose changed tickets are checked.
    pub fn changed_in(&self) -> Vec<Slice> {
        let after = AFTER_A_CHANGE.iter().filter(|_| self.is_of_last_day);
        after.map(|after| self.slice.earlier(*after)).collect()
    }

    /// The cursor after this turn.
    pub fn done(&self) -> Cursor {
        Cursor { slice: self.slice.next(), after: None }
    }

    /// The cursor after the turn of the tickets up to this position.
    pub fn done_up_to(&self, position: Position) -> Cursor {
        Cursor { slice: self.slice, after: Some(position) }
    }
}

/// The turns that have come, oldest first: of slices that have ended, and at most one whole round. Without a cursor, the rounds begin now.
pub fn turns(cursor: Option<Cursor>, now: Timestamp) -> impl Iterator<Item = Turn> {
    let current = Slice::of(now).number();
    let of_round = |rhythm: Rhythm| current.saturating_sub(rhythm.slices());
    let (day, month) = (of_round(Rhythm::Daily), of_round(Rhythm::Monthly));
    // A cursor in the future was set by a wrong clock.
    let cursor = cursor.filter(|cursor| cursor.slice.number() <= current);
    let oldest = Cursor { slice: Slice::numbered(month), after: None };
    let last = Cursor { slice: Slice::numbered(current.saturating_sub(1)), after: None };
    let start = cursor.map_or(last, |cursor| cursor.max(oldest));
    (start.slice.number()..current).map(move |number| Turn {
        slice: Slice::numbered(number),
        after: start.after.filter(|_| number == start.slice.number()),
        is_of_last_day: number >= day,
    })
}

/// How long the turn that is next has waited; none if no turn has come.
pub fn lag(cursor: Option<Cursor>, now: Timestamp) -> Duration {
    turns(cursor, now).next().map(|turn| now.since(turn.slice.end())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const MINUTE: u64 = 60;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The cursor after a run at this time that does all turns.
    fn after(cursor: Option<Cursor>, now: Timestamp) -> Option<Cursor> {
        turns(cursor, now).last().map(|turn| turn.done()).or(cursor)
    }

    #[test]
    fn a_turn_comes_once_when_its_slice_has_ended() {
        let count = |cursor, text| turns(cursor, at(text)).count();
        let first = after(None, at("2026-11-25T09:35:00Z"));
        assert_eq!(first.unwrap().slice.start(), at("2026-11-25T09:30:00Z"), "it begins with the last one");
        assert_eq!(count(first, "2026-11-25T09:39:59Z"), 0);
        assert_eq!(count(first, "2026-11-25T09:40:00Z"), 1);
        let next = after(first, at("2026-11-25T09:40:00Z"));
        assert_eq!(count(next, "2026-11-25T09:40:30Z"), 0);
        assert_eq!(lag(first, at("2026-11-25T09:41:00Z")).as_secs(), 60);
        assert_eq!(lag(next, at("2026-11-25T09:41:00Z")).as_secs(), 0);
    }

    #[test]
    fn a_turn_that_was_missed_is_made_up_and_the_rest_of_one_goes_on() {
        let slice = Slice::of(at("2026-11-25T23:40:00Z"));
        let half = Cursor { slice, after: Some(Position(7)) };
        let turns: Vec<Turn> = turns(Some(half), at("2026-11-26T00:12:00Z")).collect();
        let starts: Vec<String> = turns.iter().map(|turn| turn.slice.start().to_string()).collect();
        assert_eq!(
            starts,
            ["2026-11-25T23:40:00.000Z", "2026-11-25T23:50:00.000Z", "2026-11-26T00:00:00.000Z"]
        );
        let slots: Vec<String> = turns.iter().map(|turn| turn.slots()[0].to_string()).collect();
        assert_eq!(slots, ["day#142", "day#143", "day#0"]);
        assert_eq!(turns.iter().map(|turn| turn.after).collect::<Vec<_>>(), [Some(Position(7)), None, None]);
    }

    #[test]
    fn a_cursor_that_a_wrong_clock_set_holds_nothing_up() {
        let now = at("2026-11-25T09:35:00Z");
        let wrong = Cursor { slice: Slice::of(at("2036-01-01T00:00:00Z")), after: None };
        assert_eq!(turns(Some(wrong), now).count(), 1);
    }

    #[test]
    fn after_a_long_outage_there_is_one_round_of_each_rhythm() {
        let now = at("2026-11-25T09:35:00Z");
        let cursor = Cursor { slice: Slice::of(at("2026-01-01T00:00:00Z")), after: Some(Position(3)) };
        let turns: Vec<Turn> = turns(Some(cursor), now).collect();
        let mut slots: Vec<Slot> = turns.iter().flat_map(Turn::slots).collect();
        assert_eq!(slots.len(), 4_320 + 144);
        slots.sort_unstable();
        slots.dedup();
        assert_eq!(slots.len(), 4_320 + 144, "each once");
        assert!(turns.iter().all(|turn| turn.after.is_none()));
        assert_eq!(turns.iter().flat_map(Turn::changed_in).count(), 4 * 144);
    }

    proptest! {
        /// Whatever the times of the runs: each slice is done once, so that each slot has its turn, and each change its checks.
        #[test]
        fn every_slice_has_one_turn(start in 0_u64..3 * DAY, gaps in proptest::collection::vec(1_u64..DAY, 1..30)) {
            let mut now = start.saturating_add(100 * DAY);
            let mut cursor = after(None, Timestamp::from_seconds(now));
            let first = cursor.unwrap().slice;
            let (mut slices, mut changed) = (Vec::new(), BTreeMap::<Slice, usize>::new());
            for gap in gaps {
                now = now.saturating_add(gap);
                for turn in turns(cursor, Timestamp::from_seconds(now)) {
                    slices.push(turn.slice);
                    prop_assert_eq!(turn.slots(), [turn.slice.slot(Rhythm::Daily), turn.slice.slot(Rhythm::Monthly)]);
                    for slice in turn.changed_in() {
                        let times = changed.entry(slice).or_default();
                        *times = times.saturating_add(1);
                    }
                }
                cursor = after(cursor, Timestamp::from_seconds(now));
            }
            let expected: Vec<Slice> = (first.number()..Slice::of(Timestamp::from_seconds(now)).number()).map(Slice::numbered).collect();
            prop_assert_eq!(&slices, &expected);
            for (slice, times) in changed {
                let wanted = AFTER_A_CHANGE.iter().filter(|after| slices.contains(&Slice::of(slice.start().later(**after)))).count();
                prop_assert_eq!(times, wanted);
            }
        }
    }
}
