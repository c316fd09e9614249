//! Work that ends before the invocation does: Lambda stops an invocation at its deadline, and all of its hints come back, those
//! that are finished too.

use crate::enricher::Result;
use automations::aws::batch::MessageError;
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::reason::Reason;
use std::time::Duration;

/// The time that is left to respond, and to delay the hints that are retried.
const TO_RESPOND: Duration = Duration::from_secs(1);

/// The result of the work, which is not begun near `until`, the invocation's deadline, and is dropped a little before it. A call of
/// AWS has 12 s with its retries, whatever time is left.
pub(crate) async fn before(until: Timestamp, work: impl Future<Output = Result<()>>) -> Result<()> {
    if let Some(late) = MessageError::if_out_of_time(until) {
        return Err(late);
    }
    let left = until.earlier(TO_RESPOND).since(clock::now());
    tokio::time::timeout(left, work).await.unwrap_or_else(|_elapsed| {
        let text = "the invocation's time was used up before the event was published".to_owned();
        Err(MessageError { reason: Reason::TimedOut, remedy: Remedy::Retry { after: None }, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    fn seconds(seconds: u64) -> Timestamp {
        clock::now().later(Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn work_is_done_if_there_is_time_and_is_not_begun_near_the_deadline() {
        assert_eq!(before(seconds(60), ready(Ok(()))).await, Ok(()));
        let late = before(seconds(1), async { unreachable!("begun") }).await;
        assert_eq!(late.map_err(|late| late.reason), Err(Reason::OutOfTime));
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_dropped_before_the_deadline() {
        let until = clock::now().later(Duration::from_millis(2_100));
        let failed = before(until, pending()).await;
        assert_eq!(failed.map_err(|failed| failed.reason), Err(Reason::TimedOut));
    }
}
