//! The first dead letters of each queue: what a page shows, however many there are.

use super::{DeadLetter, DeadLetterQueues, Selection, Summary};
use anyhow::Result;
use automations::clock::Timestamp;
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
use futures::future::try_join_all;
use std::collections::BTreeMap;

/// Requests to the table that are made at the same time.
const AT_ONCE: usize = 50;
/// A receipt that SQS never issued.
const NO_RECEIPT: &str = "no-receipt";

/// What was read of the dead-letter queues.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    /// When.
    pub(crate) at: Timestamp,
    /// By queue.
    pub(crate) queues: Vec<QueueFront>,
}

/// The first dead letters of a queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueFront {
    /// Its name.
    pub(crate) queue: String,
    /// The number of messages that can be read, as SQS approximates it; not less than those that were.
    pub(crate) count: u64,
    /// The number of messages that another reader holds.
    pub(crate) held: u64,
    /// Those that were read.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// Whether more may be behind the first messages of a group.
    pub(crate) has_more_behind: bool,
}

impl DeadLetterQueues {
    /// The same queues, of each of which about this number of messages is read.
    #[must_use]
    pub(crate) fn at_most(&self, most: usize) -> Self {
        Self { most, ..self.clone() }
    }

    /// What is in each queue, its first messages read and put back.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn front(&self) -> Result<Front> {
        let queues = self.queues(&Selection::default()).await?;
        let read = queues.into_iter().map(async |queue| {
            let taken = self.take(&queue).await?;
            self.put_back(&taken.dead_letters).await?;
            let number = u64::try_from(taken.dead_letters.len()).unwrap_or(u64::MAX);
            anyhow::Ok(QueueFront {
                count: queue.visible.max(number),
                queue: queue.name,
                held: queue.held,
                dead_letters: taken.dead_letters,
                has_more_behind: !taken.more_behind.is_empty(),
            })
        });
        Ok(Front { at: self.now, queues: try_join_all(read).await? })
    }

    /// How many messages are in each queue; none is read, so no reason is known.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn counted(&self) -> Result<Vec<Summary>> {
        let queues = self.queues(&Selection::default()).await?.into_iter();
        let summary = |queue: super::Queue| Summary {
            queue: queue.name,
            count: queue.visible,
            held: queue.held,
            reasons: BTreeMap::new(),
            superseded: 0,
            oldest_s: None,
        };
        Ok(queues.map(summary).collect())
    }

    /// [`Self::mark_superseded`], many at the same time.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(crate) async fn mark_side_by_side(&self, dead_letters: &mut [DeadLetter]) -> Result<()> {
        for some in dead_letters.chunks_mut(AT_ONCE) {
            try_join_all(some.iter_mut().map(|one| self.mark_superseded([one]))).await?;
        }
        Ok(())
    }

    /// Whether the profile may delete dead letters. A deletion is tried that deletes nothing: its receipt is not valid.
    ///
    /// # Errors
    /// If the queues cannot be listed.
    pub(crate) async fn may_delete(&self) -> Result<bool> {
        let queues = self.queues(&Selection::default()).await?;
        let Some(queue) = queues.first() else { return Ok(true) };
        let request = self.sqs.delete_message().queue_url(&queue.url).receipt_handle(NO_RECEIPT);
        let refused = request.send().await.err();
        let code = refused.as_ref().and_then(|error| error.code()).unwrap_or_default();
        Ok(!code.contains("AccessDenied"))
    }
}
