//! How dead letters are read: SQS hides each from every other reader for a time, until it is deleted or put back.

use super::{Content, DeadLetter, DeadLetterQueues, Queue, Selection};
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use automations::reason::Reason;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System};
use futures::future::try_join_all;
use futures::{StreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Seconds for which a message that is read here is hidden from every other reader: long enough to act on some thousands.
const VISIBILITY: i32 = 300;

/// The same, for a person.
pub(super) const HELD_FOR: &str = "5 min";

/// After this time, messages that are held are put back and read again: a minute is left for slow requests.
pub(super) const MOST_HELD: Duration = Duration::from_mins(4);

/// Dead letters that are put back at the same time.
const AT_ONCE: usize = 8;

/// The largest number of messages in a response of SQS.
const BATCH: usize = 10;

/// A message group of a FIFO queue in which more messages may be behind those that were read. SQS delivers at most the first ten
/// of a group, and the next ones only after these are deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MoreBehind {
    /// The dead-letter queue.
    pub queue: String,
    /// The ids of the messages in front, in their order.
    pub in_front: Vec<String>,
}

/// Dead letters that are held.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) dead_letters: Vec<DeadLetter>,
    pub(super) more_behind: Vec<MoreBehind>,
}

impl DeadLetterQueues {
    /// Holds the selected dead letters; the others are put back.
    pub(super) async fn select(&self, selection: &Selection) -> Result<Taken> {
        let queues = self.queues(selection).await?;
        let mut selected = Taken::default();
        let mut others = Vec::new();
        for taken in try_join_all(queues.iter().map(|queue| self.take(queue))).await? {
            selected.more_behind.extend(taken.more_behind);
            let (wanted, other): (Vec<_>, Vec<_>) =
                taken.dead_letters.into_iter().partition(|dead_letter| selection.takes(dead_letter));
            selected.dead_letters.extend(wanted);
            others.extend(other);
        }
        self.put_back(&others).await?;
        Ok(selected)
    }

    /// Deletes a dead letter that is held. False if it was held for too long: it is visible again, or another command deleted it.
    pub(super) async fn delete(&self, dead_letter: &DeadLetter) -> Result<bool> {
        let request = self.sqs.delete_message().queue_url(&dead_letter.url);
        match request.receipt_handle(&dead_letter.receipt).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_expired(&error) => Ok(false),
            Err(error) => Err(refused(error, "a dead letter cannot be deleted", "sqs:DeleteMessage")),
        }
    }

    /// Makes dead letters that are held visible again; one that was held for too long is.
    pub(super) async fn put_back(&self, dead_letters: &[DeadLetter]) -> Result<()> {
        let each = dead_letters.iter().map(|dead_letter| {
            let request = self.sqs.change_message_visibility().queue_url(&dead_letter.url);
            request.receipt_handle(&dead_letter.receipt).visibility_timeout(0).send()
        });
        let mut each = stream::iter(each).buffered(AT_ONCE);
        while let Some(put_back) = each.next().await {
            match put_back {
                Ok(_) => {}
                Err(error) if is_expired(&error) => {}
                Err(error) => return Err(error).context("a dead letter cannot be put back"),
            }
        }
        Ok(())
    }

    pub(super) async fn take(&self, queue: &Queue) -> Result<Taken> {
        let mut dead_letters: Vec<DeadLetter> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut cut_off = BTreeSet::new();
        // An empty queue is not read. SQS counts late, so a queue that has any is read to its end.
        if !self.is_thorough && queue.visible == 0 {
            return Ok(Taken::default());
        }
        loop {
            let request = self.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(10);
            let request =
                request.visibility_timeout(VISIBILITY).wait_time_seconds(1).message_attribute_names("All");
            let request = request.message_system_attribute_names(System::All);
            let messages = request.send().await?.messages.unwrap_or_default();
            let taken: Vec<DeadLetter> =
                messages.iter().map(|message| self.dead_letter(queue, message)).collect();
            // One that is received again was held for too long: every message was read.
            let is_over = dead_letters.len().saturating_add(taken.len()) >= self.most
                || taken.is_empty()
                || taken.iter().any(|dead_letter| !seen.insert(dead_letter.id.clone()));
            if taken.len() >= BATCH {
                cut_off.extend(taken.iter().filter_map(|dead_letter| dead_letter.group.clone()));
            }
            dead_letters.retain(|dead_letter| !taken.iter().any(|again| again.id == dead_letter.id));
            dead_letters.extend(taken);
            if is_over {
                let more_behind = more_behind(queue, &dead_letters, &cut_off);
                return Ok(Taken { dead_letters, more_behind });
            }
        }
    }

    fn dead_letter(&self, queue: &Queue, message: &Message) -> DeadLetter {
        let attribute = |name: &str| {
            let value = message.message_attributes().and_then(|all| all.get(name)?.string_value());
            value.unwrap_or_default().to_owned()
        };
        let system = |name: &System| message.attributes().and_then(|all| all.get(name)).cloned();
        let sent = system(&System::SentTimestamp).and_then(|millis| millis.parse::<u64>().ok());
        let sent = sent.map_or(self.now, Timestamp::from_millis);
        let body = message.body().unwrap_or_default();
        let owner = queue.name.split("-dead-letters").next().unwrap_or_default();
        let owner = owner.strip_prefix(&self.stack).and_then(|owner| owner.strip_prefix('-'));
        let owner = owner.unwrap_or_default();
        DeadLetter {
            queue: queue.name.clone(),
            id: message.message_id().unwrap_or_default().to_owned(),
            reason: reason_of(attribute("reason"), system(&System::DeadLetterQueueSourceArn)),
            error: attribute("error"),
            function: attribute("function"),
            first_failure: attribute("first_failure"),
            last_failure: attribute("last_failure"),
            receives: attribute("receives"),
            dead_lettered_at: sent,
            age_s: self.now.since(sent).as_secs(),
            content: Content::of(body, owner),
            superseded_by: None,
            owner: owner.to_owned(),
            group: system(&System::MessageGroupId),
            receipt: message.receipt_handle().unwrap_or_default().to_owned(),
            body: body.to_owned(),
            url: queue.url.clone(),
        }
    }
}

/// Why a message was dead-lettered. A function says it in the attribute `reason`. A message that SQS moved has its `source`, the queue
/// where it was. SNS adds nothing to what it could not deliver.
///
/// Source: SQS's API reference, `ReceiveMessage`, "`DeadLetterQueueSourceArn`"; SNS's developer guide, "Amazon SNS dead-letter queues".
fn reason_of(reason: String, source: Option<String>) -> String {
    match (reason.is_empty(), source) {
        (false, _) => reason,
        (true, Some(_)) => Reason::MaxReceivesExceeded.to_string(),
        (true, None) => Reason::NotDelivered.to_string(),
    }
}

/// The groups of which more may be there: each was in a full response, and it filled it or SQS counts more messages than it showed.
fn more_behind(queue: &Queue, dead_letters: &[DeadLetter], cut_off: &BTreeSet<String>) -> Vec<MoreBehind> {
    if queue.url.rsplit('.').next() != Some("fifo") {
        return Vec::new();
    }
    let is_less = u64::try_from(dead_letters.len()).is_ok_and(|shown| shown < queue.visible);
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for dead_letter in dead_letters {
        let group = dead_letter.group.as_deref().unwrap_or_default();
        groups.entry(group).or_default().push(dead_letter.id.clone());
    }
    groups.retain(|group, in_front| cut_off.contains(*group) && (is_less || in_front.len() >= BATCH));
    let more = |in_front| MoreBehind { queue: queue.name.clone(), in_front };
    groups.into_values().map(more).collect()
}

/// Whether SQS refuses a receipt because its time has passed. FIFO queues refuse it also in `DeleteMessage`.
fn is_expired<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.code().unwrap_or_default().rsplit('.').next().unwrap_or_default();
    ["MessageNotInflight", "ReceiptHandleIsInvalid", "InvalidParameterValue"].contains(&code)
}

/// The error of a request, with the permission that it needs if that is why.
pub(super) fn refused<E, R>(error: SdkError<E, R>, what: &'static str, action: &'static str) -> anyhow::Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let is_denied = error.code().is_some_and(|code| code.contains("AccessDenied"));
    let what = if is_denied { format!("{what}; the profile needs {action}") } else { what.to_owned() };
    anyhow::Error::new(error).context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E3 of the AWS facts.
    #[test]
    fn what_sns_could_not_deliver_is_told_from_what_sqs_moved() {
        let source = || Some("arn:aws:sqs:ap-southeast-2:000000000000:automations-hints".to_owned());
        assert_eq!(reason_of("not_found".to_owned(), None), "not_found");
        assert_eq!(reason_of("not_found".to_owned(), source()), "not_found");
        assert_eq!(reason_of(String::new(), source()), "max_receives_exceeded");
        assert_eq!(reason_of(String::new(), None), "not_delivered");
    }
}
