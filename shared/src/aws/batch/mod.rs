//! One SQS batch in, one partial batch response out. Every message is acknowledged after its work, goes back to the queue,
//! or is moved to the dead-letter queue with its reason: no message is dropped.

use crate::aws::attribute::attribute_value;
use crate::cache::ttl::TtlCache;
use crate::clock::{self, Timestamp};
use crate::failure::{Failure, Remedy, chain};
use crate::json;
use crate::reason::Reason;
use crate::telemetry::EventName;
use crate::telemetry::metric::{Metric, Metrics};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use futures::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// The queue that a function receives from, and its dead-letter queue.
#[derive(Debug)]
pub struct SourceQueue {
    client: Client,
    function: String,
    queue: String,
    dead_letters: String,
    /// By message id: the reason of its first failure, as far as this instance saw it.
    first_failures: TtlCache<String, Reason>,
}

/// A message that has failed on this many receives is dead-lettered by its function, with the reason. With the growing delays,
/// an outage of some five hours is waited out.
pub const MAX_RECEIVES: u32 = 29;

/// The queues' `maxReceiveCount` in the templates, after which SQS moves a message without a reason: one that crashes its
/// function each time. Far above [`MAX_RECEIVES`], as a message that only waits for an earlier one of its group is received
/// too, and must not be dead-lettered untried.
pub const QUEUE_MAX_RECEIVES: u32 = 100;

/// Message groups that are worked on at the same time.
const MAX_CONCURRENT_GROUPS: usize = 4;
/// With less time than this before the deadline, no further message is started.
const MIN_TIME: Duration = Duration::from_secs(2);

/// A received message, parsed.
#[derive(Debug, Clone)]
pub struct Message<T> {
    /// The body.
    pub body: T,
    /// Delivery attempt, starting at 1.
    pub receives: u32,
    envelope: Envelope,
}

#[derive(Debug, Clone)]
struct Envelope {
    id: String,
    receipt: String,
    text: String,
    group: Option<String>,
    receives: u32,
}

/// Why the work on a message did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageError {
    /// The reason code.
    pub reason: Reason,
    /// What to do.
    pub remedy: Remedy,
    /// The chain of errors, without personal data.
    pub text: String,
}

impl MessageError {
    /// An error if there is too little time before `until`, the invocation's deadline, to start another message.
    pub fn if_out_of_time(until: Timestamp) -> Option<Self> {
        (until.since(clock::now()) < MIN_TIME).then(out_of_time)
    }
}

impl<F: Failure> From<F> for MessageError {
    fn from(failure: F) -> Self {
        Self { reason: failure.reason(), remedy: failure.remedy(), text: chain(&failure) }
    }
}

/// A record had no message id, so the whole batch is retried.
#[derive(Debug, thiserror::Error)]
#[error("a record of the batch has no message id or no receipt handle; the whole batch is retried")]
pub struct MissingMessageId;

/// A message and the result of the work on it.
type Worked<T> = (Message<T>, Result<(), MessageError>);

impl SourceQueue {
    /// A function's queue and its dead-letter queue by their URLs. `function` is its name.
    pub fn new(client: Client, function: String, queue: String, dead_letters: String) -> Self {
        let first_failures = TtlCache::new(10_000);
        Self { client, function, queue, dead_letters, first_failures }
    }

    /// Does `work` on all messages together. It returns a result for each message, and may record metrics.
    ///
    /// # Errors
    /// [`MissingMessageId`], before any work is done.
    pub async fn together<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        work: impl AsyncFnOnce(Vec<Message<T>>, &Metrics) -> Vec<Worked<T>>,
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let metrics = Metrics::default();
        let (messages, mut failed) = self.open(event, &metrics).await?;
        for (message, result) in work(messages, &metrics).await {
            failed.extend(self.settle(&message.envelope, result, &metrics).await);
        }
        metrics.flush();
        Ok(respond(failed))
    }

    /// Does `work` on the messages of a group one after the other, and on several groups at the same time. If a message
    /// must be retried, the later ones of its group wait for it. A message that cannot be started well before `until`,
    /// the invocation's deadline, is retried.
    ///
    /// # Errors
    /// [`MissingMessageId`], before any work is done.
    pub async fn by_group<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        until: Timestamp,
        work: impl AsyncFn(&Message<T>, &Metrics) -> Result<(), MessageError>,
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let metrics = Metrics::default();
        let (messages, mut failed) = self.open(event, &metrics).await?;
        let (work, metrics_of_all) = (&work, &metrics);
        let groups = grouped(messages).into_iter().map(async |messages| {
            let mut failed = Vec::new();
            let mut blocked_for: Option<Duration> = None;
            for message in messages {
                let result = match (blocked_for, MessageError::if_out_of_time(until)) {
                    (Some(delay), _) => Err(blocked(delay)),
                    (None, Some(late)) => Err(late),
                    (None, None) => work(&message, metrics_of_all).await,
                };
                let delay = result.as_ref().err().map(|error| {
                    delay(error.remedy, message.receives, &message.envelope.id).unwrap_or(MAX_DELAY)
                });
                let kept = self.settle(&message.envelope, result, metrics_of_all).await;
                // A message that was dead-lettered is gone from the queue, so its group goes on.
                blocked_for = blocked_for.or(delay.filter(|_| kept.is_some()));
                failed.extend(kept);
            }
            failed
        });
        let rest: Vec<Vec<String>> =
            stream::iter(groups).buffer_unordered(MAX_CONCURRENT_GROUPS).collect().await;
        failed.extend(rest.into_iter().flatten());
        metrics.flush();
        Ok(respond(failed))
    }

    async fn open<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        metrics: &Metrics,
    ) -> Result<(Vec<Message<T>>, Vec<String>), MissingMessageId> {
        let envelopes: Option<Vec<Envelope>> = event.records.into_iter().map(envelope).collect();
        let mut messages = Vec::new();
        let mut failed = Vec::new();
        for envelope in envelopes.ok_or(MissingMessageId)? {
            match json::from_json(envelope.text.as_bytes()) {
                Ok(body) => messages.push(Message { body, receives: envelope.receives, envelope }),
                Err(error) => {
                    let (reason, remedy) = (Reason::MalformedMessage, Remedy::DeadLetter);
                    let error = MessageError { reason, remedy, text: error.to_string() };
                    failed.extend(self.settle(&envelope, Err(error), metrics).await);
                }
            }
        }
        Ok((messages, failed))
    }

    /// Retries or dead-letters a message that failed. Returns its id if Lambda must not acknowledge it.
    async fn settle(
        &self,
        envelope: &Envelope,
        result: Result<(), MessageError>,
        metrics: &Metrics,
    ) -> Option<String> {
        let error = result.err()?;
        if error.remedy == Remedy::RefreshCredential {
            metrics.record(Metric::CredentialRefused, 1);
        }
        let Envelope { id, receives, .. } = envelope;
        let subject = json::subject_id(&envelope.text);
        let first = self.first_failures.get(id.as_str()).unwrap_or(error.reason);
        self.first_failures.put(id.clone(), first, FIRST_FAILURE_TTL);
        // A message that was not tried has not failed, however often it was received.
        let is_untried = matches!(error.reason, Reason::BlockedByEarlierMessage | Reason::OutOfTime);
        let delay = delay(error.remedy, *receives, id).filter(|_| is_untried || *receives < MAX_RECEIVES);
        if let Some(delay) = delay {
            tracing::warn!(
                event_name = EventName::MessageRetried.as_str(),
                message.id = id,
                message.receives = receives,
                subject,
                reason = error.reason.as_str(),
                error = error.text,
                retry_ms = millis(delay),
                "the message will be retried"
            );
            self.delay(envelope, delay).await;
            return Some(id.clone());
        }
        let reason = if error.remedy == Remedy::DeadLetter { error.reason } else { Reason::RetriesExhausted };
        if self.dead_letter(envelope, reason, first, &error).await {
            metrics.record(Metric::MessagesDeadLettered, 1);
            tracing::error!(
                event_name = EventName::MessageDeadLettered.as_str(),
                message.id = id,
                message.receives = receives,
                subject,
                reason = reason.as_str(),
                last_failure = error.reason.as_str(),
                error = error.text,
                "the message was moved to the dead-letter queue"
            );
            return None;
        }
        tracing::error!(
            event_name = EventName::MessageDeadLetterFailed.as_str(),
            message.id = id,
            reason = reason.as_str(),
            error = error.text,
            "the dead-letter queue does not accept the message; it will be retried"
        );
        Some(id.clone())
    }

    /// Has a message delivered again after `delay` instead of after the queue's whole visibility timeout. If that fails,
    /// the timeout applies, so nothing is lost.
    async fn delay(&self, envelope: &Envelope, delay: Duration) {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.queue);
        let response = request.receipt_handle(&envelope.receipt).visibility_timeout(seconds).send().await;
        if response.is_err() {
            tracing::warn!(
                event_name = EventName::MessageDelayNotChanged.as_str(),
                message.id = envelope.id,
                "the delay of the message could not be changed; the queue's visibility timeout applies"
            );
        }
    }

    /// Sends a message to the dead-letter queue as it was received, with the reason. Returns whether that succeeded.
    async fn dead_letter(
        &self,
        envelope: &Envelope,
        reason: Reason,
        first: Reason,
        error: &MessageError,
    ) -> bool {
        let mut request =
            self.client.send_message().queue_url(&self.dead_letters).message_body(&envelope.text);
        let receives = envelope.receives.to_string();
        let attributes = [
            ("reason", reason.as_str()),
            ("function", self.function.as_str()),
            ("first_failure", first.as_str()),
            ("last_failure", error.reason.as_str()),
            ("receives", &receives),
            ("error", &attribute_value(&error.text)),
        ];
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let Ok(value) = value else { return false };
            request = request.message_attributes(name, value);
        }
        // A FIFO queue's dead-letter queue is FIFO too; the message's id keeps a second attempt from sending it twice.
        let fifo = self.dead_letters.rsplit('.').next() == Some("fifo");
        let request = request.set_message_deduplication_id(fifo.then(|| envelope.id.clone()));
        let group = envelope.group.clone().or_else(|| fifo.then(|| envelope.id.clone()));
        request.set_message_group_id(group).send().await.is_ok()
    }
}

fn envelope(record: SqsMessage) -> Option<Envelope> {
    let id = record.message_id.filter(|id| !id.is_empty())?;
    let receipt = record.receipt_handle.filter(|receipt| !receipt.is_empty())?;
    let receives =
        record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1);
    let group = record.attributes.get("MessageGroupId").cloned();
    Some(Envelope { id, receipt, text: record.body.unwrap_or_default(), group, receives })
}

/// The messages of each group, in their order. A message without a group is a group of its own.
fn grouped<T>(messages: Vec<Message<T>>) -> Vec<Vec<Message<T>>> {
    let mut groups: Vec<Vec<Message<T>>> = Vec::new();
    let mut positions: HashMap<String, usize> = HashMap::new();
    for message in messages {
        let known = message.envelope.group.as_ref().and_then(|group| positions.get(group));
        if let Some(group) = known.and_then(|position| groups.get_mut(*position)) {
            group.push(message);
        } else {
            positions.extend(message.envelope.group.clone().map(|group| (group, groups.len())));
            groups.push(vec![message]);
        }
    }
    groups
}

fn out_of_time() -> MessageError {
    let text = "the invocation's deadline is near".to_owned();
    MessageError { reason: Reason::OutOfTime, remedy: Remedy::Retry { after: Some(Duration::ZERO) }, text }
}

fn blocked(delay: Duration) -> MessageError {
    let text = "an earlier message of the same group is retried first".to_owned();
    MessageError {
        reason: Reason::BlockedByEarlierMessage,
        remedy: Remedy::Retry { after: Some(delay) },
        text,
    }
}

/// How long the first failure of a message is remembered.
const FIRST_FAILURE_TTL: Duration = Duration::from_hours(6);

/// SQS permits 12 hours; with 15 minutes an operator soon sees a fix take effect.
const MAX_DELAY: Duration = Duration::from_mins(15);

/// When a message is retried: as advised, else 2 s doubled at each receive, up to 15 minutes, plus up to a quarter that
/// differs by message, so that messages that failed together are not retried together. `None`: never.
fn delay(remedy: Remedy, receives: u32, message: &str) -> Option<Duration> {
    match remedy {
        Remedy::DeadLetter => None,
        Remedy::Retry { after: Some(after) } => Some(after.min(MAX_DELAY)),
        Remedy::Retry { after: None } | Remedy::RefreshCredential => {
            let base = 2_u64
                .checked_shl(receives.saturating_sub(1))
                .filter(|seconds| *seconds > 0)
                .unwrap_or(u64::MAX);
            let base = Duration::from_secs(base).min(MAX_DELAY);
            let spread =
                message.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            Some(base.saturating_add(base.mul_f64(f64::from(spread % 256) / 1_024.0)).min(MAX_DELAY))
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn respond(failed: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(failed);
    response
}

#[cfg(test)]
mod tests;
