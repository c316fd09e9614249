//! When updates are read back: while they are under way, unless that was too early before.

use automations::cache::ttl::TtlCache;
use automations::id::OrganisationId;
use std::time::Duration;

/// A look is sent this long after an update: behind it, but hardly later.
const BEHIND_FIRST: Duration = Duration::from_millis(10);
/// And this much later for each further update: each may need a connection of its own.
const BEHIND_OTHERS: Duration = Duration::from_millis(4);
/// How long an organisation's updates are read back after their responses, if a look was too early.
const AFTER_RESPONSES: Duration = Duration::from_mins(15);

/// The organisations whose API showed an update only when it had responded, as far as this instance saw. How the vendor orders a
/// read and a write that overlap is not known.
#[derive(Debug)]
pub struct Looks(TtlCache<OrganisationId, ()>);

impl Default for Looks {
    fn default() -> Self {
        Self(TtlCache::new(1_000))
    }
}

impl Looks {
    /// The time from these updates to the look at them; none if the look is to wait for their responses.
    pub(crate) fn pause_before(&self, organisation: &OrganisationId, updates: usize) -> Option<Duration> {
        let others = u32::try_from(updates.checked_sub(1)?).unwrap_or(u32::MAX);
        let pause = BEHIND_FIRST.saturating_add(BEHIND_OTHERS.saturating_mul(others));
        self.0.get(organisation).is_none().then_some(pause)
    }

    pub(crate) fn were_too_early(&self, organisation: &OrganisationId) {
        self.0.put(organisation.clone(), (), AFTER_RESPONSES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_was_too_early_makes_the_next_ones_wait_for_that_organisation_alone() {
        let [north, south] = ["north", "south"].map(|name| OrganisationId::parse(name).unwrap());
        let looks = Looks::default();
        let pause =
            |organisation, updates| looks.pause_before(organisation, updates).map(|pause| pause.as_millis());
        assert_eq!([0, 1, 10].map(|updates| pause(&north, updates)), [None, Some(10), Some(46)]);
        looks.were_too_early(&north);
        assert_eq!((pause(&north, 1), pause(&south, 1)), (None, Some(10)));
    }
}
