//! The checks that a change causes, beside the ticket's regular checks, which the idle bill has.

use automations::model::check_schedule::AFTER_A_CHANGE;
use std::time::Duration;

/// How long after a change each of them is, if nothing else changes.
pub(crate) fn after_a_change() -> [Duration; AFTER_A_CHANGE.len()] {
    AFTER_A_CHANGE
}

/// Their number.
pub(crate) fn count() -> f64 {
    crate::metrics::from_usize(AFTER_A_CHANGE.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each check comes later than the one before by more than that one did, and the last is before the regular one has surely come.
    #[test]
    fn checks_become_rarer_until_they_are_regular() {
        let after = after_a_change();
        let starts = std::iter::once(Duration::ZERO).chain(after);
        let intervals: Vec<Duration> =
            after.iter().zip(starts).map(|(after, before)| after.saturating_sub(before)).collect();
        assert!(intervals.is_sorted_by(|a, b| a < b), "{intervals:?}");
        assert!(after.iter().all(|after| *after < Duration::from_hours(24)), "{after:?}");
    }
}
