//! How fast: so many requests a second in an organisation's name, and ever longer pauses between repetitions.

use super::{Error, Limits};
use crate::clock;
use crate::id::OrganisationId;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use retry_policies::policies::ExponentialBackoff;
use retry_policies::{Jitter, RetryDecision, RetryPolicy as _};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The longest pause that the growing ones grow to.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The first pause is at most this long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

type Buckets = RateLimiter<OrganisationId, HashMapStateStore<OrganisationId>, DefaultClock>;

/// A token bucket for each organisation, and the policy of repetitions.
#[derive(Debug)]
pub(super) struct RateLimit {
    buckets: Buckets,
    backoff: ExponentialBackoff,
}

impl RateLimit {
    pub(super) fn new(limits: &Limits) -> Self {
        let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.burst);
        let backoff = ExponentialBackoff::builder()
            .retry_bounds(FIRST_PAUSE, MAX_PAUSE)
            .jitter(Jitter::Full)
            .build_with_max_retries(limits.retries);
        Self { buckets: RateLimiter::hashmap(quota), backoff }
    }

    /// Waits for the organisation's turn.
    ///
    /// # Errors
    /// [`Error::Throttled`] where the turn comes after `end`; it says when.
    pub(super) async fn wait_for_turn(
        &self,
        organisation: &OrganisationId,
        end: Instant,
    ) -> Result<(), Error> {
        let clock = DefaultClock::default();
        while let Err(not_yet) = self.buckets.check_key(organisation) {
            let wait = not_yet.wait_time_from(clock.now());
            if !fits(wait, end) {
                return Err(Error::Throttled { retry_after: Some(wait) });
            }
            pause(wait).await;
        }
        Ok(())
    }

    /// The pause before the next repetition, after `repeated` of them: at random up to twice the last one's bound, and
    /// at least what the API advised. `None` where it is not worth it: too many, or not before `end`.
    pub(super) fn retry_delay(&self, repeated: u32, error: &Error, end: Instant) -> Option<Duration> {
        let RetryDecision::Retry { execute_after } = self.backoff.should_retry(UNIX_EPOCH, repeated) else {
            return None;
        };
        let advised = match error {
            Error::Throttled { retry_after } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        Some(clock::until(execute_after).max(advised)).filter(|wait| fits(*wait, end))
    }
}

pub(super) async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a bounded pause that somebody asked for")]
    tokio::time::sleep(time).await;
}

fn fits(wait: Duration, end: Instant) -> bool {
    wait < end.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn with_retries(retries: u32) -> RateLimit {
        let one = NonZeroU32::MIN;
        RateLimit::new(&Limits { requests_per_second: one, burst: one, retries, ..Limits::default() })
    }

    fn in_seconds(seconds: u64) -> Instant {
        Instant::now().checked_add(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn repetitions_end_and_advice_is_taken_where_it_fits() {
        let rate_limit = with_retries(2);
        let unavailable = Error::Unavailable { why: "a test" };
        let repetition =
            |repeated, error, seconds| rate_limit.retry_delay(repeated, error, in_seconds(seconds));
        assert!(repetition(0, &unavailable, 60).is_some_and(|wait| wait <= FIRST_PAUSE));
        assert!(repetition(1, &unavailable, 60).is_some_and(|wait| wait <= FIRST_PAUSE * 2));
        assert_eq!(repetition(2, &unavailable, 60), None);
        let advised = Error::Throttled { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(repetition(0, &advised, 60), Some(Duration::from_secs(7)));
        assert_eq!(repetition(0, &advised, 5), None, "not within the deadline");
    }

    #[tokio::test]
    async fn a_turn_that_comes_too_late_says_when_it_comes_and_spoils_no_other_organisations() {
        let rate_limit = with_retries(0);
        let [north, south] = ["north", "south"].map(|name| OrganisationId::parse(name).unwrap());
        let now = Instant::now();
        rate_limit.wait_for_turn(&north, now).await.unwrap();
        let late = rate_limit.wait_for_turn(&north, now).await.unwrap_err();
        assert!(
            matches!(late, Error::Throttled { retry_after: Some(wait) } if wait <= Duration::from_secs(1))
        );
        rate_limit.wait_for_turn(&south, now).await.unwrap();
    }
}
