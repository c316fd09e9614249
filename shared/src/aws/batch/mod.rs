//! One SQS batch in, one partial batch response out. Every message is acknowledged after its work, goes back to the queue,
//! or is moved to the dead-letter queue with its reason: no message is dropped.

mod delay;
mod group;
mod message;

pub use delay::{MAX_RECEIVES, QUEUE_MAX_RECEIVES};
pub use group::Group;
pub use message::{Message, MessageError, MissingMessageId};

use crate::aws::attribute::attribute_value;
use crate::cache::ttl::TtlCache;
use crate::clock::{self, Timestamp};
use crate::failure::Remedy;
use crate::json;
use crate::reason::Reason;
use crate::telemetry::EventName;
use crate::telemetry::metric::{Metric, Metrics, SourceKind};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::MessageAttributeValue;
use delay::{MAX_DELAY, delay};
use futures::{StreamExt as _, stream};
use message::{Envelope, body, envelope, grouped};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The queue that a function receives from, and its dead-letter queue.
#[derive(Debug)]
pub struct SourceQueue {
    client: Client,
    kind: SourceKind,
    function: String,
    queue: String,
    dead_letters: String,
    /// By message id, as far as this instance saw it.
    histories: TtlCache<String, History>,
}

/// The failures of a message: a receive on which it only waited is none.
#[derive(Debug, Clone, Copy)]
struct History {
    first: Reason,
    failures: u32,
}

/// A message that Lambda must not acknowledge, and when it is received again.
#[derive(Debug)]
struct Kept {
    id: String,
    delay: Duration,
}

/// Message groups that are worked on at the same time: all of a batch, which is mostly waiting for the vendor. The client's
/// own limit of requests in a second keeps its pace.
const MAX_CONCURRENT_GROUPS: usize = 10;
/// With less time than this before the deadline, no further message is started.
const MIN_TIME: Duration = Duration::from_secs(2);
/// How long the failures of a message are remembered.
const HISTORY_TTL: Duration = Duration::from_hours(6);

impl MessageError {
    /// An error if there is too little time before `until`, the invocation's deadline, to start another message.
    pub fn if_out_of_time(until: Timestamp) -> Option<Self> {
        (until.since(clock::now()) < MIN_TIME).then(|| {
            let text = "the invocation's deadline is near".to_owned();
            Self { reason: Reason::OutOfTime, remedy: Remedy::Wait { after: None }, text }
        })
    }

    fn blocked() -> Self {
        let text = "an earlier message of the same group is retried first".to_owned();
        Self { reason: Reason::BlockedByEarlierMessage, remedy: Remedy::Wait { after: None }, text }
    }
}

/// A message and the result of the work on it.
type Worked<T> = (Message<T>, Result<(), MessageError>);

impl SourceQueue {
    /// A function's queue and its dead-letter queue by their URLs. `function` is its name.
    pub fn new(
        client: Client,
        kind: SourceKind,
        function: String,
        queue: String,
        dead_letters: String,
    ) -> Self {
        let histories = TtlCache::new(10_000);
        Self { client, kind, function, queue, dead_letters, histories }
    }

    /// Does `work` on all messages together. It returns a result for each message, with or without its body, and may record metrics.
    ///
    /// # Errors
    /// [`MissingMessageId`], before any work is done.
    pub async fn together<T: DeserializeOwned, U>(
        &self,
        event: SqsEvent,
        work: impl AsyncFnOnce(Vec<Message<T>>, &Metrics) -> Vec<Worked<U>>,
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let metrics = Metrics::default();
        let (mut messages, mut kept) = (Vec::new(), Vec::new());
        for envelope in opened(event)? {
            match body(&envelope.text) {
                Ok(body) => messages.push(Message { body, receives: envelope.receives, envelope }),
                Err(error) => kept.extend(self.settle(&envelope, Err(error), &metrics).await),
            }
        }
        for (message, result) in work(messages, &metrics).await {
            kept.extend(self.settle(&message.envelope, result, &metrics).await);
        }
        metrics.flush();
        Ok(respond(kept))
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
        let work = &work;
        let one_by_one = async |groups: &mut [Group<'_, T>]| {
            let groups = groups.iter_mut().map(async |group| {
                let metrics = group.metrics;
                while let Some(message) = group.next_run(|_, _| false).await.pop() {
                    // In a box, as the compiler limits how deeply futures are nested.
                    let result = Box::pin(work(&message, metrics)).await;
                    group.settle(message, result).await;
                }
            });
            stream::iter(groups).buffer_unordered(MAX_CONCURRENT_GROUPS).collect::<()>().await;
        };
        self.in_groups(event, until, one_by_one).await
    }

    /// Does `work` on the groups of a batch, which takes their messages and settles each. What it does not settle is retried.
    ///
    /// # Errors
    /// [`MissingMessageId`], before any work is done.
    pub async fn in_groups<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        until: Timestamp,
        work: impl AsyncFnOnce(&mut [Group<'_, T>]),
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let metrics = Metrics::default();
        let groups = grouped(opened(event)?).into_iter();
        let mut groups: Vec<Group<'_, T>> =
            groups.map(|envelopes| Group::new(self, &metrics, until, envelopes)).collect();
        work(&mut groups).await;
        let mut kept = Vec::new();
        for group in groups {
            kept.extend(group.finish().await);
        }
        metrics.flush();
        Ok(respond(kept))
    }

    /// Retries or dead-letters a message that failed.
    async fn settle(
        &self,
        envelope: &Envelope,
        result: Result<(), MessageError>,
        metrics: &Metrics,
    ) -> Option<Kept> {
        let error = result.err()?;
        if error.remedy == Remedy::RefreshCredential {
            metrics.record(Metric::CredentialRefused, 1);
        }
        match error.remedy {
            Remedy::Retry { .. } | Remedy::RefreshCredential | Remedy::DeadLetter => {
                metrics.record(Metric::MessagesFailed(self.kind), 1);
            }
            Remedy::Wait { .. } | Remedy::OtherVersion => {}
        }
        let (history, now) = (self.history(envelope, &error), clock::now());
        if let Some(delay) = delay(error.remedy, envelope, history.failures, now) {
            if let Some(age) = envelope.age(now) {
                metrics.record_duration(Metric::RetriedMessageAge(self.kind), age);
            }
            return Some(self.retry(envelope, &error, delay).await);
        }
        let Envelope { id, receives, .. } = envelope;
        let reason = match error.remedy {
            Remedy::DeadLetter | Remedy::OtherVersion => error.reason,
            Remedy::Retry { .. } | Remedy::Wait { .. } | Remedy::RefreshCredential => {
                Reason::RetriesExhausted
            }
        };
        let Err(queue_failure) = self.dead_letter(envelope, reason, history.first, &error).await else {
            metrics.record(Metric::MessagesDeadLettered, 1);
            tracing::error!(
                event_name = EventName::MessageDeadLettered.as_str(),
                message.id = id,
                message.receives = receives,
                subject = json::subject_id(&envelope.text),
                reason = reason.as_str(),
                last_failure = error.reason.as_str(),
                error = error.text,
                "the message was moved to the dead-letter queue"
            );
            return None;
        };
        tracing::error!(
            event_name = EventName::MessageDeadLetterFailed.as_str(),
            message.id = id,
            reason = queue_failure.as_str(),
            dead_letter_reason = reason.as_str(),
            error = error.text,
            "the dead-letter queue does not accept the message; it will be retried"
        );
        self.delay(envelope, MAX_DELAY).await;
        Some(Kept { id: id.clone(), delay: MAX_DELAY })
    }

    /// What this instance saw of a message, with this error.
    fn history(&self, envelope: &Envelope, error: &MessageError) -> History {
        let before = self.histories.get(envelope.id.as_str());
        let before = before.unwrap_or(History { first: error.reason, failures: 0 });
        let is_failure = !matches!(error.remedy, Remedy::Wait { .. });
        let failures = before.failures.saturating_add(is_failure.into());
        let history = History { failures, ..before };
        self.histories.put(envelope.id.clone(), history, HISTORY_TTL);
        history
    }

    /// Leaves a message on the queue, to be received again after `delay`.
    async fn retry(&self, envelope: &Envelope, error: &MessageError, delay: Duration) -> Kept {
        tracing::warn!(
            event_name = EventName::MessageRetried.as_str(),
            message.id = envelope.id,
            message.receives = envelope.receives,
            subject = json::subject_id(&envelope.text),
            reason = error.reason.as_str(),
            error = error.text,
            retry_ms = millis(delay),
            "the message will be retried"
        );
        self.delay(envelope, delay).await;
        Kept { id: envelope.id.clone(), delay }
    }

    /// Has a message delivered again after `delay` instead of after the queue's whole visibility timeout. If that fails,
    /// the timeout applies, so nothing is lost.
    async fn delay(&self, envelope: &Envelope, delay: Duration) {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.queue);
        let response = request.receipt_handle(&envelope.receipt).visibility_timeout(seconds).send().await;
        if let Err(error) = response {
            tracing::warn!(
                event_name = EventName::MessageDelayNotChanged.as_str(),
                message.id = envelope.id,
                reason = queue_failure(&error).as_str(),
                "the delay of the message could not be changed; the queue's visibility timeout applies"
            );
        }
    }

    /// Sends a message to the dead-letter queue as it was received, with the reason. If that fails: why.
    async fn dead_letter(
        &self,
        envelope: &Envelope,
        reason: Reason,
        first: Reason,
        error: &MessageError,
    ) -> Result<(), Reason> {
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
            let value = value.map_err(|_incomplete| Reason::QueueRejected)?;
            request = request.message_attributes(name, value);
        }
        // A FIFO queue's dead-letter queue is FIFO too; the message's id keeps a second attempt from sending it twice.
        let fifo = self.dead_letters.rsplit('.').next() == Some("fifo");
        let request = request.set_message_deduplication_id(fifo.then(|| envelope.id.clone()));
        let group = envelope.group.clone().or_else(|| fifo.then(|| envelope.id.clone()));
        request.set_message_group_id(group).send().await.map(drop).map_err(|error| queue_failure(&error))
    }
}

fn opened(event: SqsEvent) -> Result<Vec<Envelope>, MissingMessageId> {
    event.records.into_iter().map(envelope).collect::<Option<_>>().ok_or(MissingMessageId)
}

fn queue_failure<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Reason {
    if crate::aws::is_client_error(error) { Reason::QueueRejected } else { Reason::QueueUnavailable }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn respond(kept: Vec<Kept>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.set_failures(kept.into_iter().map(|kept| kept.id).collect::<Vec<_>>());
    response
}

#[cfg(test)]
mod tests;
