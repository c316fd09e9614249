//! Dead letters: the messages that a function could not process, with the reason.

mod arguments;
mod audited;
mod command;
mod content;
mod front;
mod hold;
mod lines;
mod masked;
mod plan;
mod redrive;
mod resent;
mod selection;
#[cfg(test)]
mod tests;

pub use arguments::Arguments;
pub use command::run;
pub use content::Content;
pub(crate) use front::{Front, QueueFront};
pub use hold::MoreBehind;
pub(crate) use lines::{dropped_lines, redriven_lines};
pub(crate) use masked::masked;
pub use plan::{Plan, PlanGroup};
pub use redrive::{Consent, Outcome, Redriven};
pub use selection::Selection;

use self::hold::Taken;
use crate::bulk::Bulk;
use crate::stack_resources;
use anyhow::{Context as _, Result};
use automations::aws;
use automations::clock::Timestamp;
use automations::id::ActionId;
use automations::json::from_json;
use automations::model::action::PlannedAction;
use automations::store::{Error as StoreError, Store};
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures::future::try_join_all;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The dead-letter queues of a stack.
#[derive(Debug, Clone)]
pub struct DeadLetterQueues {
    sqs: Client,
    cloudformation: aws_sdk_cloudformation::Client,
    stack: String,
    store: Store,
    now: Timestamp,
    /// Whether a queue is read although SQS counts no message in it: the count may be a minute late.
    is_thorough: bool,
    /// About how many messages of a queue are read.
    most: usize,
    /// Messages that are held longer than this are put back and read again before they are changed.
    most_held: Duration,
}

/// One dead letter, without its body.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// The dead-letter queue.
    pub queue: String,
    /// The message's id.
    pub id: String,
    /// Why it was dead-lettered: a reason code.
    pub reason: String,
    /// What happened, in a sentence; empty if SQS moved the message itself.
    pub error: String,
    /// The function that dead-lettered it; empty if SQS moved the message itself.
    pub function: String,
    /// The reason of its first failure.
    pub first_failure: String,
    /// The reason of its last failure.
    pub last_failure: String,
    /// How often it was received.
    pub receives: String,
    /// When it was dead-lettered.
    pub dead_lettered_at: Timestamp,
    /// Seconds since then.
    pub age_s: u64,
    /// What it is about.
    #[serde(flatten)]
    pub content: Content,
    /// A newer action of the same handler that was performed; see [`DeadLetterQueues::mark_superseded`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<ActionId>,
    /// As for [`Content`].
    #[serde(skip)]
    pub(crate) owner: String,
    #[serde(skip)]
    pub(crate) body: String,
    #[serde(skip)]
    pub(crate) group: Option<String>,
    #[serde(skip)]
    pub(crate) receipt: String,
    #[serde(skip)]
    pub(crate) url: String,
}

/// What is in one dead-letter queue.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The queue.
    pub queue: String,
    /// The number of messages that can be read now, as SQS approximates it.
    pub count: u64,
    /// The number of messages that another reader holds.
    pub held: u64,
    /// The number of messages by reason. In a FIFO queue, messages behind the first ten of a group are not seen.
    pub reasons: BTreeMap<String, usize>,
    /// The number of actions among those that were seen after which a newer one of the same handler was performed.
    pub superseded: usize,
    /// The age in seconds of the oldest that was seen.
    pub oldest_s: Option<u64>,
}

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The number of messages that were deleted.
    pub deleted: usize,
    /// The number of those that were read and left, as the run ended early. More may be behind them.
    pub left: usize,
    /// In their front are messages that were not selected.
    pub more_behind: Vec<MoreBehind>,
}

/// A dead-letter queue, with the numbers of its messages.
#[derive(Debug, Clone)]
struct Queue {
    name: String,
    url: String,
    visible: u64,
    held: u64,
}

impl DeadLetterQueues {
    /// The dead-letter queues of this stack, and its table. Ages are counted to `now`.
    pub fn new(config: &SdkConfig, stack: String, store: Store, now: Timestamp) -> Self {
        let cloudformation = aws_sdk_cloudformation::Client::new(config);
        Self {
            sqs: aws::sqs(config),
            cloudformation,
            stack,
            store,
            now,
            is_thorough: false,
            most: usize::MAX,
            most_held: hold::MOST_HELD,
        }
    }

    /// The same queues, each read to its end although SQS counts no message in it. It costs a second for each queue.
    #[must_use]
    pub fn thorough(&self) -> Self {
        Self { is_thorough: true, ..self.clone() }
    }

    /// What is in each dead-letter queue.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn list(&self) -> Result<Vec<Summary>> {
        let mut summaries = Vec::new();
        for queue in self.queues(&Selection::default()).await? {
            let mut dead_letters = self.take(&queue).await?.dead_letters;
            self.put_back(&dead_letters).await?;
            self.mark_superseded(&mut dead_letters).await?;
            let superseded = dead_letters.iter().filter(|dead_letter| dead_letter.superseded_by.is_some());
            let superseded = superseded.count();
            let mut reasons = BTreeMap::new();
            for dead_letter in &dead_letters {
                let count: &mut usize = reasons.entry(dead_letter.reason.clone()).or_default();
                *count = count.saturating_add(1);
            }
            let oldest_s = dead_letters.iter().map(|dead_letter| dead_letter.age_s).max();
            let count = queue.visible.max(u64::try_from(dead_letters.len()).unwrap_or(u64::MAX));
            let (queue, held) = (queue.name, queue.held);
            summaries.push(Summary { queue, count, held, reasons, superseded, oldest_s });
        }
        Ok(summaries)
    }

    /// The number of messages in each dead-letter queue, held ones included, as SQS approximates it; none is read.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>> {
        let queues = self.queues(&Selection::default()).await?;
        Ok(queues.into_iter().map(|queue| (queue.name, queue.visible.saturating_add(queue.held))).collect())
    }

    /// The number of messages that another reader holds: one that runs, or one that was
    /// interrupted, for up to five minutes.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn held(&self, selection: &Selection) -> Result<u64> {
        Ok(self.queues(selection).await?.iter().map(|queue| queue.held).sum())
    }

    /// These dead letters, each with its body. They stay where they are.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn show(&self, selection: &Selection) -> Result<Vec<(DeadLetter, String)>> {
        let dead_letters = self.read(selection).await?.dead_letters.into_iter();
        Ok(dead_letters.map(|dead_letter| (dead_letter.clone(), dead_letter.body)).collect())
    }

    /// The same, with the message groups of which more may be there.
    async fn read(&self, selection: &Selection) -> Result<Taken> {
        let taken = self.select(selection).await?;
        self.put_back(&taken.dead_letters).await?;
        Ok(taken)
    }

    /// Marks each action among these dead letters after which a newer one of the same handler was performed. One that is
    /// reprocessed is never superseded.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn mark_superseded(
        &self,
        dead_letters: impl IntoIterator<Item = &mut DeadLetter>,
    ) -> Result<()> {
        for dead_letter in dead_letters {
            let Ok(planned) = from_json::<PlannedAction>(dead_letter.body.as_bytes()) else { continue };
            if planned.resent.is_some_and(|resent| resent.reprocess) {
                continue;
            }
            dead_letter.superseded_by = match self.store.superseded_by(&planned).await {
                Ok(newer) => newer,
                // A record that cannot be read hides no dead letter; action-worker will name it.
                Err(StoreError::Unusable { .. }) => None,
                Err(error) => return Err(error).context("whether an action is superseded cannot be read"),
            };
        }
        Ok(())
    }

    /// Permanently deletes these dead letters; returns their number.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn drop(&self, selection: &Selection) -> Result<usize> {
        Ok(self.drop_within(selection, &Bulk::default()).await?.deleted)
    }

    /// Deletes those whose body is such; returns their number.
    ///
    /// # Errors
    /// If a request fails; some may be deleted.
    pub async fn drop_where(&self, is_such: impl Fn(&str) -> bool) -> Result<usize> {
        let is_such = |dead_letter: &DeadLetter| is_such(&dead_letter.body);
        Ok(self.drop_those(&Selection::default(), is_such, &Bulk::default()).await?.deleted)
    }

    /// Deletes the selected ones, and says of which message groups more may be there.
    ///
    /// # Errors
    /// If a request fails; `bulk` has the number of those that were deleted.
    pub async fn drop_within(&self, selection: &Selection, bulk: &Bulk) -> Result<Dropped> {
        self.drop_those(selection, |_| true, bulk).await
    }

    async fn drop_those(
        &self,
        selection: &Selection,
        is_such: impl Fn(&DeadLetter) -> bool,
        bulk: &Bulk,
    ) -> Result<Dropped> {
        let mut dropped = Dropped::default();
        // A FIFO queue shows the rest of a group only after its first messages are deleted.
        loop {
            let (before, held_since) = (dropped.deleted, Instant::now());
            let taken = self.select(selection).await?;
            let (wanted, others): (Vec<_>, Vec<_>) = taken.dead_letters.into_iter().partition(&is_such);
            self.put_back(&others).await?;
            bulk.expects(before.saturating_add(wanted.len()));
            let mut rest = wanted.into_iter();
            let mut is_over = false;
            for dead_letter in rest.by_ref() {
                let is_old = dropped.deleted > before && held_since.elapsed() > self.most_held;
                is_over = !is_old && bulk.next(1).await == 0;
                if is_old || is_over {
                    self.put_back(std::slice::from_ref(&dead_letter)).await?;
                    dropped.left = 1;
                    break;
                }
                if self.delete(&dead_letter).await? {
                    dropped.deleted = dropped.deleted.saturating_add(1);
                    bulk.did(1);
                }
            }
            let rest: Vec<DeadLetter> = rest.collect();
            self.put_back(&rest).await?;
            dropped.left = dropped.left.saturating_add(rest.len());
            if is_over || dropped.deleted == before {
                dropped.more_behind = taken.more_behind;
                return Ok(dropped);
            }
            dropped.left = 0;
        }
    }

    /// The dead-letter queues of the stack that are selected, by name, with the numbers of their messages.
    async fn queues(&self, selection: &Selection) -> Result<Vec<Queue>> {
        let urls = stack_resources::of_type(&self.cloudformation, &self.stack, "AWS::SQS::Queue").await?;
        let queues = urls.into_iter().filter_map(|url| Some((url.rsplit('/').next()?.to_owned(), url)));
        let queues = queues.filter(|(name, _)| name.contains("-dead-letters") && selection.takes_queue(name));
        let counted = queues.map(async |(name, url)| {
            let (visible, held) = self.depth(&url).await?;
            anyhow::Ok(Queue { name, url, visible, held })
        });
        let mut queues = try_join_all(counted).await?;
        queues.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(queues)
    }

    /// The numbers of messages of a queue: those that can be read or wait for their delay, and those that a reader holds.
    async fn depth(&self, url: &str) -> Result<(u64, u64)> {
        let request = self.sqs.get_queue_attributes().queue_url(url);
        let wanted = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesDelayed,
            Attribute::ApproximateNumberOfMessagesNotVisible,
        ];
        let response = request.set_attribute_names(Some(wanted.to_vec())).send().await?;
        let number = |name: &Attribute| {
            response.attributes().and_then(|all| all.get(name)?.parse::<u64>().ok()).unwrap_or_default()
        };
        let [visible, delayed, held] = wanted.each_ref().map(number);
        Ok((visible.saturating_add(delayed), held))
    }
}
