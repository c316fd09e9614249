//! The messages of one group of a batch, in their order.

use super::message::{Envelope, Message, MessageError, body};
use super::{Kept, SourceQueue};
use crate::clock::Timestamp;
use crate::telemetry::metric::Metrics;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// The messages of one group that are still to be worked on. They are taken in their order, and each is settled once.
#[derive(Debug)]
pub struct Group<'a, T> {
    source: &'a SourceQueue,
    /// The invocation's metrics.
    pub(super) metrics: &'a Metrics,
    until: Timestamp,
    /// Messages that were taken and put back, before those that wait.
    returned: VecDeque<Message<T>>,
    waiting: VecDeque<Envelope>,
    /// The ids of messages that were taken and are not settled yet.
    taken: BTreeSet<String>,
    /// The messages that Lambda must not acknowledge. After the first, no other message of the group is worked on.
    kept: Vec<Kept>,
}

impl<'a, T: DeserializeOwned> Group<'a, T> {
    pub(super) fn new(
        source: &'a SourceQueue,
        metrics: &'a Metrics,
        until: Timestamp,
        envelopes: Vec<Envelope>,
    ) -> Self {
        let (waiting, returned) = (envelopes.into(), VecDeque::new());
        Self { source, metrics, until, returned, waiting, taken: BTreeSet::new(), kept: Vec::new() }
    }

    /// Takes the next message, and those after it for as long as `fits` says that one may be worked on together with those before
    /// it. Empty if no message is left. A message that cannot be read, or not be started in time, is settled.
    pub async fn next_run(&mut self, fits: impl Fn(&[Message<T>], &Message<T>) -> bool) -> Vec<Message<T>> {
        let mut run: Vec<Message<T>> = Vec::new();
        loop {
            if !self.kept.is_empty() {
                self.block_rest().await;
                return run;
            }
            let late = MessageError::if_out_of_time(self.until);
            if late.is_some() && !run.is_empty() {
                return run;
            }
            let next = match self.returned.pop_front() {
                Some(message) => Ok(message),
                None => match self.waiting.pop_front() {
                    Some(envelope) => read(envelope),
                    None => return run,
                },
            };
            match (next, late) {
                (Ok(message), None) if run.is_empty() || fits(&run, &message) => {
                    self.taken.insert(message.envelope.id.clone());
                    run.push(message);
                }
                (Ok(message), None) => {
                    self.returned.push_front(message);
                    return run;
                }
                (Ok(message), Some(late)) => self.settle_envelope(&message.envelope, Err(late)).await,
                (Err(unread), _) => {
                    let (envelope, error) = *unread;
                    if !run.is_empty() {
                        // Its turn is after the run.
                        self.waiting.push_front(envelope);
                        return run;
                    }
                    self.settle_envelope(&envelope, Err(error)).await;
                }
            }
        }
    }

    /// Acknowledges, retries or dead-letters a message that was taken. If an earlier one of the group is retried, one that failed
    /// waits for it.
    pub async fn settle(&mut self, message: Message<T>, result: Result<(), MessageError>) {
        self.taken.remove(&message.envelope.id);
        self.settle_envelope(&message.envelope, result).await;
    }

    /// Whether a message of the group is retried, so that those that are left wait for it.
    pub fn is_blocked(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Puts messages back that were taken last and not worked on.
    pub fn put_back(&mut self, messages: Vec<Message<T>>) {
        for message in messages.into_iter().rev() {
            self.taken.remove(&message.envelope.id);
            self.returned.push_front(message);
        }
    }

    /// The messages that Lambda must not acknowledge: those that are retried, and any that were not settled.
    pub(super) async fn finish(mut self) -> Vec<Kept> {
        self.block_rest().await;
        let unsettled = self.taken.into_iter().map(|id| Kept { id, delay: Duration::ZERO });
        self.kept.extend(unsettled);
        self.kept
    }

    async fn settle_envelope(&mut self, envelope: &Envelope, result: Result<(), MessageError>) {
        let kept = match (self.kept.first(), &result) {
            (Some(before), Err(_)) => {
                Some(self.source.retry(envelope, &MessageError::blocked(), before.delay).await)
            }
            // A message that was dead-lettered is gone from the queue, so its group goes on.
            _ => self.source.settle(envelope, result, self.metrics).await,
        };
        self.kept.extend(kept);
    }

    /// What is left waits for the first message that is retried.
    async fn block_rest(&mut self) {
        let delay = self.kept.first().map(|before| before.delay).unwrap_or_default();
        let returned = std::mem::take(&mut self.returned).into_iter().map(|message| message.envelope);
        for envelope in returned.chain(std::mem::take(&mut self.waiting)) {
            let kept = self.source.retry(&envelope, &MessageError::blocked(), delay).await;
            self.kept.push(kept);
        }
    }
}

fn read<T: DeserializeOwned>(envelope: Envelope) -> Result<Message<T>, Box<(Envelope, MessageError)>> {
    match body(&envelope.text) {
        Ok(body) => Ok(Message { body, receives: envelope.receives, envelope }),
        Err(error) => Err(Box::new((envelope, error))),
    }
}
