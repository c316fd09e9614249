//! What was read, for a short time: several views of a page, and its live updates, ask AWS once.

use anyhow::Result;
use automations::clock::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The last value that was read. A request that comes while it is being read waits for it.
#[derive(Debug)]
pub(super) struct Cached<T> {
    kept_for: Duration,
    last: Mutex<Option<(Timestamp, Arc<T>)>>,
}

impl<T> Cached<T> {
    pub(super) fn new(kept_for: Duration) -> Self {
        Self { kept_for, last: Mutex::new(None) }
    }

    /// The last value if it is young enough; else what `read` returns.
    ///
    /// # Errors
    /// Those of `read`, which are not kept.
    pub(super) async fn get(&self, now: Timestamp, read: impl Future<Output = Result<T>>) -> Result<Arc<T>> {
        let mut last = self.last.lock().await;
        if let Some((_, value)) = last.as_ref().filter(|(at, _)| now.since(*at) < self.kept_for) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(read.await?);
        *last = Some((now, Arc::clone(&value)));
        Ok(value)
    }

    /// Forgets it, as something was changed.
    pub(super) async fn forget(&self) {
        *self.last.lock().await = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[tokio::test]
    async fn a_value_is_read_again_when_it_is_old_or_forgotten_and_an_error_is_not_kept() {
        let cached = Cached::new(Duration::from_secs(10));
        let at = Timestamp::from_seconds;
        let read = async |seconds, value: u8| cached.get(at(seconds), async { Ok(value) }).await.unwrap();
        assert!(cached.get(at(100), async { bail!("no") }).await.is_err());
        assert_eq!(*read(100, 1).await, 1);
        assert_eq!(*read(109, 2).await, 1);
        assert_eq!(*read(110, 3).await, 3);
        cached.forget().await;
        assert_eq!(*read(111, 4).await, 4);
    }
}
