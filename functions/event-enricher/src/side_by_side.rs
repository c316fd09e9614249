//! Work for several organisations at the same time, each within its share of the time: one that is slow, or does not respond at
//! all, costs the others nothing.

use automations::futures::{StreamExt as _, stream};
use std::time::Duration;

/// Organisations that are worked on at once.
const AT_ONCE: usize = 8;
/// The time that is left for the results of all hints, and at most this part of the whole.
const TO_FINISH: Duration = Duration::from_secs(5);
const MOST_TO_FINISH: u32 = 4;

/// Does `work` for each key, and passes it its share of this time. The result is `None` if it was not done within its share;
/// it is then dropped at the point that it has reached.
pub(crate) async fn side_by_side<K, T>(
    keys: Vec<K>,
    time: Duration,
    work: impl AsyncFn(K, Duration) -> T,
) -> Vec<Option<T>> {
    let (work, share) = (&work, share(time, keys.len()));
    let works = keys.into_iter().map(async |key| tokio::time::timeout(share, work(key, share)).await.ok());
    stream::iter(works).buffered(AT_ONCE).collect().await
}

/// Those who wait for a place begin at the latest when the share of those before them has ended. So each has the same share,
/// however many there are and however slow the others.
fn share(time: Duration, count: usize) -> Duration {
    let rounds = u32::try_from(count.div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
    let to_finish = TO_FINISH.min(time.checked_div(MOST_TO_FINISH).unwrap_or_default());
    time.saturating_sub(to_finish).checked_div(rounds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    /// F14 of the field faults: whatever the number of silent organisations, the others are done.
    #[tokio::test]
    async fn those_who_never_respond_cost_the_others_nothing() {
        for (silent, all) in [(1, 2), (7, 8), (20, 21)] {
            let work = async |key: usize, _| if key < silent { pending().await } else { key };
            let results = side_by_side((0..all).collect(), Duration::from_millis(200), work).await;
            let expected = (0..all).map(|key| (key >= silent).then_some(key));
            assert_eq!(results, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_shares_of_all_rounds_end_before_the_deadline_with_time_to_finish() {
        let seconds = Duration::from_secs;
        assert_eq!(share(seconds(60), 1), seconds(55));
        assert_eq!((share(seconds(60), 8), share(seconds(60), 9)), (seconds(55), seconds(55) / 2));
        assert_eq!(share(seconds(8), 3), seconds(6), "a short deadline leaves a quarter of itself");
        assert_eq!(share(Duration::ZERO, 0), Duration::ZERO);
    }
}
