//! Whether a message is retried, and when.

use super::message::Envelope;
use crate::clock::Timestamp;
use crate::failure::Remedy;
use std::time::Duration;

/// A message that fails on this receive, or on a later one, is dead-lettered by its function, with the reason. With the growing
/// delays, an outage of some five hours is waited out.
pub const MAX_RECEIVES: u32 = 29;

/// The queues' `maxReceiveCount` in the templates, after which SQS moves a message without a reason: one that crashes its
/// function each time, or one that has only waited, for about a day. Far above [`MAX_RECEIVES`], as a message that waits for an
/// earlier one of its group is received too.
pub const QUEUE_MAX_RECEIVES: u32 = 100;

/// SQS counts the receives on which a message only waited too. So a message is not dead-lettered before its function's instance
/// saw it fail this often …
const MIN_FAILURES: u32 = 3;
/// … or before this receive: a little before SQS moves it without a reason.
const LAST_RECEIVE: u32 = 90;

/// How long a message of an unknown kind waits for another version of the program.
const OTHER_VERSION_WITHIN: Duration = Duration::from_hours(1);

/// SQS permits 12 hours; with 15 minutes an operator soon sees a fix take effect.
pub(super) const MAX_DELAY: Duration = Duration::from_mins(15);

/// When a message is retried, after this number of failures that this instance saw; `None`: never.
pub(super) fn delay(remedy: Remedy, envelope: &Envelope, failures: u32, now: Timestamp) -> Option<Duration> {
    let growing = growing(envelope.receives, &envelope.id);
    let is_exhausted =
        envelope.receives >= LAST_RECEIVE || (envelope.receives >= MAX_RECEIVES && failures >= MIN_FAILURES);
    match remedy {
        Remedy::DeadLetter => None,
        Remedy::OtherVersion => (now.since(envelope.sent) < OTHER_VERSION_WITHIN).then_some(growing),
        Remedy::Wait { after } => Some(after.unwrap_or_default().clamp(growing, MAX_DELAY)),
        Remedy::Retry { .. } | Remedy::RefreshCredential if is_exhausted => None,
        Remedy::Retry { after: Some(after) } => Some(after.min(MAX_DELAY)),
        Remedy::Retry { after: None } | Remedy::RefreshCredential => Some(growing),
    }
}

/// 2 s doubled at each receive, up to 15 minutes, plus up to a quarter that differs by message, so that messages that failed
/// together are not retried together.
fn growing(receives: u32, message: &str) -> Duration {
    let base =
        2_u64.checked_shl(receives.saturating_sub(1)).filter(|seconds| *seconds > 0).unwrap_or(u64::MAX);
    let base = Duration::from_secs(base).min(MAX_DELAY);
    let spread = message.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    base.saturating_add(base.mul_f64(f64::from(spread % 256) / 1_024.0)).min(MAX_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn envelope(receives: u32, id: &str) -> Envelope {
        let (id, sent) = (id.to_owned(), Timestamp::from_millis(0));
        Envelope { id, receipt: "r".to_owned(), text: String::new(), group: None, receives, sent }
    }

    fn after(remedy: Remedy, receives: u32) -> Option<u64> {
        let delay = delay(remedy, &envelope(receives, ""), MIN_FAILURES, Timestamp::from_millis(1));
        delay.map(|delay| delay.as_secs())
    }

    #[test]
    fn delays_grow_and_advice_is_taken() {
        let seconds = (1..12).filter_map(|receives| after(Remedy::Retry { after: None }, receives));
        assert_eq!(seconds.collect::<Vec<_>>(), [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(after(Remedy::Retry { after: Some(Duration::from_secs(7)) }, 5), Some(7));
        assert_eq!(after(Remedy::DeadLetter, 1), None);
    }

    #[test]
    fn what_waits_is_never_dead_lettered_and_short_advice_does_not_use_up_its_receives() {
        let advised = Remedy::Wait { after: Some(Duration::from_secs(100)) };
        assert_eq!((after(advised, 1), after(advised, 9)), (Some(100), Some(512)));
        assert_eq!(after(Remedy::Wait { after: None }, QUEUE_MAX_RECEIVES), Some(900));
        let wait = |receives| after(Remedy::Wait { after: Some(Duration::from_secs(1)) }, receives);
        let whole: u64 = (1..QUEUE_MAX_RECEIVES).filter_map(wait).sum();
        assert!(whole > 22 * HOUR.as_secs(), "a throttled message waits for {whole} s before SQS moves it");
    }

    #[test]
    fn the_receives_on_which_a_message_only_waited_are_not_its_last_chance() {
        let retry = |receives, failures| {
            let now = Timestamp::from_millis(1);
            delay(Remedy::Retry { after: None }, &envelope(receives, ""), failures, now).is_some()
        };
        assert!(retry(MAX_RECEIVES - 1, 28) && !retry(MAX_RECEIVES, 28));
        assert!(retry(MAX_RECEIVES, MIN_FAILURES - 1) && retry(LAST_RECEIVE - 1, 1));
        assert!(!retry(LAST_RECEIVE, 1), "with its reason, before SQS moves it without one");
    }

    /// F13: as long as a canary deployment and its rollback last.
    #[test]
    fn an_unknown_kind_waits_for_an_hour_however_often_it_is_received() {
        let waits = |receives, millis| {
            let now = Timestamp::from_millis(millis);
            delay(Remedy::OtherVersion, &envelope(receives, ""), 99, now).is_some()
        };
        let hour = u64::try_from(HOUR.as_millis()).unwrap();
        assert!(waits(1, 0) && waits(LAST_RECEIVE, hour - 1));
        assert!(!waits(1, hour) && !waits(LAST_RECEIVE, hour));
    }

    proptest! {
        #[test]
        fn a_delay_is_never_more_than_a_quarter_of_an_hour(receives: u32, message: String, advice: u64) {
            let after = Some(Duration::from_millis(advice));
            for remedy in [Remedy::Retry { after: None }, Remedy::RefreshCredential, Remedy::Wait { after }] {
                let now = Timestamp::from_millis(1);
                let Some(delay) = delay(remedy, &envelope(receives, &message), 1, now) else { continue };
                prop_assert!(delay >= Duration::from_secs(2) && delay <= MAX_DELAY);
            }
        }
    }
}
