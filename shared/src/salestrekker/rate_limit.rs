//! The rate limit of requests for each organisation, and the growing pauses between retries.

use super::{Error, Limits};
use crate::clock;
use crate::id::OrganisationId;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use retry_policies::policies::ExponentialBackoff;
use retry_policies::{Jitter, RetryDecision, RetryPolicy as _};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The longest pause between retries.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The longest first pause.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

type Buckets = RateLimiter<OrganisationId, HashMapStateStore<OrganisationId>, DefaultClock>;

/// A token bucket for each organisation, and the backoff between retries.
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

    /// Waits until the organisation's rate limit permits a request.
    ///
    /// # Errors
    /// [`Error::Throttled`] if that is after `end`; it holds the wait.
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
            clock::pause(wait).await;
        }
        Ok(())
    }

    /// The pause before the next retry, after `retried` of them: random, up to twice the previous bound, and
    /// at least what the API advised. `None` if there were too many, or if it would end after `end`.
    pub(super) fn retry_delay(&self, retried: u32, error: &Error, end: Instant) -> Option<Duration> {
        let RetryDecision::Retry { execute_after } = self.backoff.should_retry(UNIX_EPOCH, retried) else {
            return None;
        };
        let advised = match error {
            Error::Throttled { retry_after } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        Some(clock::until(execute_after).max(advised)).filter(|wait| fits(*wait, end))
    }
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
        let delay = |retried, error, seconds| rate_limit.retry_delay(retried, error, in_seconds(seconds));
        assert!(delay(0, &unavailable, 60).is_some_and(|wait| wait <= FIRST_PAUSE));
        assert!(delay(1, &unavailable, 60).is_some_and(|wait| wait <= FIRST_PAUSE * 2));
        assert_eq!(delay(2, &unavailable, 60), None);
        let advised = Error::Throttled { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!(delay(0, &advised, 60), Some(Duration::from_secs(7)));
        assert_eq!(delay(0, &advised, 5), None, "not within the deadline");
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
