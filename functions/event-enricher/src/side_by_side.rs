//! Work for several organisations at the same time, each within its share of the time: one that is slow, or does not respond at
//! all, costs the others nothing.

use automations::futures::{StreamExt as _, stream};
use std::time::{Duration, Instant};

/// Organisations that are worked on at once.
const AT_ONCE: usize = 8;
/// The time that is left for the results of all hints, and at most this part of the whole.
const TO_FINISH: Duration = Duration::from_secs(5);
const MOST_TO_FINISH: u32 = 4;

/// Does `work` for each key, and passes it its share of this time, at least `least` for as many keys as there is time for. Those
/// that remain get what the others leave, perhaps nothing. The result is `None` if the work was not done within its share; it is
/// then dropped at the point that it has reached.
pub(crate) async fn side_by_side<K, T>(
    keys: Vec<K>,
    (time, least): (Duration, Duration),
    work: impl AsyncFn(K, Duration) -> T,
) -> Vec<Option<T>> {
    let usable = usable(time);
    let (work, share, end) = (&work, share(usable, least, keys.len()), Instant::now().checked_add(usable));
    let works = keys.into_iter().map(async |key| {
        let left = end.map_or(usable, |end| end.saturating_duration_since(Instant::now()));
        let share = share.min(left);
        tokio::time::timeout(share, work(key, share)).await.ok()
    });
    stream::iter(works).buffered(AT_ONCE).collect().await
}

/// The time without what is left for the results of all hints.
fn usable(time: Duration) -> Duration {
    time.saturating_sub(TO_FINISH.min(time.checked_div(MOST_TO_FINISH).unwrap_or_default()))
}

/// Those who wait for a place begin at the latest when the share of those before them has ended. So each has the same share,
/// however slow the others, in as many rounds as have time for the least share.
fn share(usable: Duration, least: Duration, count: usize) -> Duration {
    let rounds = u128::try_from(count.div_ceil(AT_ONCE)).unwrap_or(u128::MAX);
    let possible = usable.as_nanos().checked_div(least.as_nanos()).unwrap_or(u128::MAX);
    let rounds = u32::try_from(rounds.min(possible).max(1)).unwrap_or(u32::MAX);
    usable.checked_div(rounds).unwrap_or_default()
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
            let results =
                side_by_side((0..all).collect(), (Duration::from_millis(200), Duration::ZERO), work).await;
            let expected = (0..all).map(|key| (key >= silent).then_some(key));
            assert_eq!(results, expected.collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn with_too_little_time_for_all_the_first_have_enough_and_the_rest_what_is_left() {
        let (time, least) = (Duration::from_millis(400), Duration::from_millis(250));
        let work = async |key: usize, share| if share >= least && key < 8 { pending().await } else { share };
        let results = side_by_side((0..20).collect(), (time, least), work).await;
        assert_eq!(results[..8], [None; 8], "these had their share, and used it up");
        let rest = results.iter().skip(8).map(|share| share.unwrap());
        assert!(rest.max() < Some(least));
        let shares = side_by_side((0..20).collect(), (time, least), async |_, share| share).await;
        assert!(shares.iter().all(|share| *share > Some(Duration::ZERO)), "who is quick leaves time");
    }

    #[test]
    fn the_shares_of_all_rounds_end_before_the_deadline_with_time_to_finish() {
        let seconds = Duration::from_secs;
        let of = |time, count| share(usable(seconds(time)), seconds(3), count);
        assert_eq!(of(60, 1), seconds(55));
        assert_eq!((of(60, 8), of(60, 9)), (seconds(55), seconds(55) / 2));
        assert_eq!(of(8, 3), seconds(6), "a short deadline leaves a quarter of itself");
        assert_eq!(of(0, 0), Duration::ZERO);
    }

    #[test]
    fn no_share_is_too_small_to_begin_however_many_there_are() {
        let seconds = Duration::from_secs;
        for (time, count) in [(6, 9), (6, 1_000), (15, 25), (60, 10_000), (900, 100_000)] {
            let share = share(usable(seconds(time)), seconds(3), count);
            assert!(share >= seconds(3), "{time} s, {count}: {share:?}");
        }
    }
}
