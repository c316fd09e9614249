//! One SQS batch in, one partial batch response out. Every message ends acknowledged after its work, back on the queue,
//! or in the dead-letter queue with its reason: nothing is dropped.

use crate::cache::ttl::Kept;
use crate::clock::{self, Moment};
use crate::failure::{Failure, Remedy, chain};
use crate::json;
use crate::telemetry::metric::{Figures, Metric};
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use futures::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::time::Duration;

/// The queue that a function works through, and the one for what it gives up.
#[derive(Debug)]
pub struct Source {
    client: Client,
    function: &'static str,
    queue: String,
    dead_letters: String,
    /// By message: the kind of its first failure, as far as this instance saw it.
    first_failures: Kept<String, &'static str>,
}

/// A message that was received so often without success is given up. One receive less than the queues' own
/// `maxReceiveCount` in template.yaml, so that a dead letter says why it is one; what crashes the function every time is
/// moved by the queue itself, and says nothing. With the growing delays, an outage of some five hours is waited out.
pub const MOST_RECEIVES: u32 = 29;

/// So many groups are worked on at once.
const GROUPS_AT_ONCE: usize = 4;
/// With less time than this before the deadline, nothing is begun.
const LEAST_TIME: Duration = Duration::from_secs(2);

/// One message, parsed.
#[derive(Debug, Clone)]
pub struct Letter<T> {
    /// What it says.
    pub body: T,
    /// How often it was received: 1 the first time.
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

/// Why a message's work did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A fixed word for logs and the dead letter's attribute.
    pub kind: &'static str,
    /// What to do.
    pub remedy: Remedy,
    /// The chain of errors, without a person's data.
    pub text: String,
}

impl Trouble {
    /// Where so little is left before `until`, the invocation's deadline, that nothing more should be begun.
    pub fn of_lateness(until: Moment) -> Option<Self> {
        (until.since(clock::now()) < LEAST_TIME).then(out_of_time)
    }
}

impl<F: Failure> From<F> for Trouble {
    fn from(failure: F) -> Self {
        Self { kind: failure.kind(), remedy: failure.remedy(), text: chain(&failure) }
    }
}

/// A batch that Lambda must deliver again as a whole, as its messages cannot even be named.
#[derive(Debug, thiserror::Error)]
#[error("a message of the batch has no id or no receipt; nothing of the batch was done")]
pub struct Unnameable;

/// A message and what became of it.
type Worked<T> = (Letter<T>, Result<(), Trouble>);

impl Source {
    /// A function's queue and its dead-letter queue, by their URLs; the function, by its folder.
    pub fn new(client: Client, function: &'static str, queue: String, dead_letters: String) -> Self {
        let first_failures = Kept::new(10_000);
        Self { client, function, queue, dead_letters, first_failures }
    }

    /// Does `work` on all messages together. It answers for each message that it was given, and may add to the invocation's
    /// figures.
    ///
    /// # Errors
    /// [`Unnameable`], before anything is done.
    pub async fn together<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        work: impl AsyncFnOnce(Vec<Letter<T>>, &Figures) -> Vec<Worked<T>>,
    ) -> Result<SqsBatchResponse, Unnameable> {
        let figures = Figures::default();
        let (letters, mut failed) = self.open(event, &figures).await?;
        for (letter, result) in work(letters, &figures).await {
            failed.extend(self.settle(&letter.envelope, result, &figures).await);
        }
        figures.tell();
        Ok(respond(failed))
    }

    /// Does `work` on one message after the other of each group, and on several groups at once. Where a message of a group
    /// must be tried again, the later ones of that group wait for it. What cannot be begun well before `until`, the
    /// invocation's deadline, comes again.
    ///
    /// # Errors
    /// [`Unnameable`], before anything is done.
    pub async fn by_group<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        until: Moment,
        work: impl AsyncFn(&Letter<T>, &Figures) -> Result<(), Trouble>,
    ) -> Result<SqsBatchResponse, Unnameable> {
        let figures = Figures::default();
        let (letters, mut failed) = self.open(event, &figures).await?;
        let (work, told) = (&work, &figures);
        let groups = grouped(letters).into_iter().map(async |letters| {
            let mut failed = Vec::new();
            let mut ahead: Option<Duration> = None;
            for letter in letters {
                let result = match (ahead, Trouble::of_lateness(until)) {
                    (Some(delay), _) => Err(behind(delay)),
                    (None, Some(late)) => Err(late),
                    (None, None) => work(&letter, told).await,
                };
                if let (Err(trouble), None) = (&result, ahead) {
                    ahead = delay(trouble.remedy, letter.receives, &letter.envelope.id);
                }
                failed.extend(self.settle(&letter.envelope, result, told).await);
            }
            failed
        });
        let rest: Vec<Vec<String>> = stream::iter(groups).buffer_unordered(GROUPS_AT_ONCE).collect().await;
        failed.extend(rest.into_iter().flatten());
        figures.tell();
        Ok(respond(failed))
    }

    async fn open<T: DeserializeOwned>(
        &self,
        event: SqsEvent,
        figures: &Figures,
    ) -> Result<(Vec<Letter<T>>, Vec<String>), Unnameable> {
        let envelopes: Option<Vec<Envelope>> = event.records.into_iter().map(envelope).collect();
        let mut letters = Vec::new();
        let mut failed = Vec::new();
        for envelope in envelopes.ok_or(Unnameable)? {
            match json::from_json(envelope.text.as_bytes()) {
                Ok(body) => letters.push(Letter { body, receives: envelope.receives, envelope }),
                Err(misfit) => {
                    let trouble = Trouble {
                        kind: "malformed_message",
                        remedy: Remedy::GiveUp,
                        text: misfit.to_string(),
                    };
                    failed.extend(self.settle(&envelope, Err(trouble), figures).await);
                }
            }
        }
        Ok((letters, failed))
    }

    /// Does what a result asks for; the message's id where Lambda must not acknowledge it.
    async fn settle(
        &self,
        envelope: &Envelope,
        result: Result<(), Trouble>,
        figures: &Figures,
    ) -> Option<String> {
        let trouble = result.err()?;
        if trouble.remedy == Remedy::RefreshCredential {
            figures.add(Metric::CredentialRefused, 1);
        }
        let Envelope { id, receives, .. } = envelope;
        let subject = json::id_in(&envelope.text);
        let first = self.first_failures.get(id.as_str()).unwrap_or(trouble.kind);
        self.first_failures.put(id.clone(), first, LONGEST_MEMORY);
        let delay = delay(trouble.remedy, *receives, id).filter(|_| *receives < MOST_RECEIVES);
        if let Some(delay) = delay {
            tracing::warn!(
                message.id = id,
                message.receives = receives,
                subject,
                failure.kind = trouble.kind,
                failure = trouble.text,
                retry_ms = millis(delay),
                "a message comes again"
            );
            self.postpone(envelope, delay).await;
            return Some(id.clone());
        }
        let reason = if trouble.remedy == Remedy::GiveUp { trouble.kind } else { "tried_too_often" };
        if self.bury(envelope, reason, first, trouble.kind).await {
            figures.add(Metric::GivenUp, 1);
            tracing::error!(
                message.id = id,
                message.receives = receives,
                subject,
                failure.kind = trouble.kind,
                failure = trouble.text,
                reason,
                "a message is given up; it stands in the dead-letter queue"
            );
            return None;
        }
        tracing::error!(
            message.id = id,
            failure.kind = trouble.kind,
            failure = trouble.text,
            "a message should be given up, but the dead-letter queue does not accept it; it comes again"
        );
        Some(id.clone())
    }

    /// Lets a message come again after `delay` rather than after the queue's whole visibility timeout. Where that
    /// fails, the timeout holds, so nothing is lost.
    async fn postpone(&self, envelope: &Envelope, delay: Duration) {
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let request = self.client.change_message_visibility().queue_url(&self.queue);
        let answer = request.receipt_handle(&envelope.receipt).visibility_timeout(seconds).send().await;
        if answer.is_err() {
            tracing::warn!(
                message.id = envelope.id,
                "the delay of a message cannot be changed; the queue's own holds"
            );
        }
    }

    /// Puts a message into the dead-letter queue as it was sent, with why; whether that succeeded.
    async fn bury(&self, envelope: &Envelope, reason: &str, first: &str, last: &str) -> bool {
        let mut request =
            self.client.send_message().queue_url(&self.dead_letters).message_body(&envelope.text);
        let receives = envelope.receives.to_string();
        let why = [
            ("reason", reason),
            ("function", self.function),
            ("first_failure", first),
            ("last_failure", last),
            ("receives", &receives),
        ];
        for (name, value) in why {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
            let Ok(value) = value else { return false };
            request = request.message_attributes(name, value);
        }
        // A FIFO queue's dead-letter queue is FIFO too; the message's id keeps a second burial from doubling it.
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

/// The letters of each group, in their order. A message without a group is one by itself.
fn grouped<T>(letters: Vec<Letter<T>>) -> Vec<Vec<Letter<T>>> {
    let mut groups: Vec<Vec<Letter<T>>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for letter in letters {
        let known = letter.envelope.group.as_ref().and_then(|group| places.get(group));
        if let Some(group) = known.and_then(|place| groups.get_mut(*place)) {
            group.push(letter);
        } else {
            places.extend(letter.envelope.group.clone().map(|group| (group, groups.len())));
            groups.push(vec![letter]);
        }
    }
    groups
}

fn out_of_time() -> Trouble {
    let text = "the invocation's time is nearly over".to_owned();
    Trouble { kind: "out_of_time", remedy: Remedy::Retry { after: Some(Duration::ZERO) }, text }
}

fn behind(delay: Duration) -> Trouble {
    let text = "an earlier message of its group comes again first".to_owned();
    Trouble { kind: "behind_a_failure", remedy: Remedy::Retry { after: Some(delay) }, text }
}

/// How long the first failure of a message is remembered.
const LONGEST_MEMORY: Duration = Duration::from_hours(6);

/// SQS forgets a receipt after 12 hours; a quarter of an hour keeps an operator's patience.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// When a message comes again: as advised, else 2 s doubled at each receive, up to 15 minutes, plus up to a quarter,
/// which differs by message, so that what failed together does not come back together. `None`: never.
fn delay(remedy: Remedy, receives: u32, message: &str) -> Option<Duration> {
    match remedy {
        Remedy::GiveUp => None,
        Remedy::Retry { after: Some(after) } => Some(after.min(LONGEST_DELAY)),
        Remedy::Retry { after: None } | Remedy::RefreshCredential => {
            let base = 2_u64
                .checked_shl(receives.saturating_sub(1))
                .filter(|seconds| *seconds > 0)
                .unwrap_or(u64::MAX);
            let base = Duration::from_secs(base).min(LONGEST_DELAY);
            let spread =
                message.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
            Some(base.saturating_add(base.mul_f64(f64::from(spread % 256) / 1_024.0)).min(LONGEST_DELAY))
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn respond(failed: Vec<String>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_without_an_id_fails_the_batch_loudly() {
        let mut record = SqsMessage::default();
        assert!(envelope(record.clone()).is_none());
        record.message_id = Some(String::new());
        record.receipt_handle = Some("r".into());
        assert!(envelope(record.clone()).is_none());
        record.message_id = Some("m".into());
        assert!(envelope(record).is_some());
    }

    #[test]
    fn delays_grow_and_advice_is_taken() {
        let retry = Remedy::Retry { after: None };
        let seconds: Vec<u64> =
            (1..12).map(|receives| delay(retry, receives, "").unwrap().as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        let advised = Remedy::Retry { after: Some(Duration::from_secs(7)) };
        assert_eq!(delay(advised, 5, "m"), Some(Duration::from_secs(7)));
        assert_eq!(delay(Remedy::GiveUp, 1, "m"), None);
    }

    proptest! {
        #[test]
        fn a_delay_is_never_more_than_a_quarter_of_an_hour(receives: u32, message: String) {
            let delay = delay(Remedy::RefreshCredential, receives, &message).unwrap();
            prop_assert!(delay >= Duration::from_secs(2) && delay <= LONGEST_DELAY);
        }
    }
}
