//! Dead letters sent back to the queue that they came from: the ids in them are the same, so that what was performed is not
//! performed again.

use super::hold::refused;
use super::resent::marked;
use super::{DeadLetter, DeadLetterQueues, MoreBehind, Selection};
use crate::bulk::Bulk;
use crate::report::say;
use anyhow::{Context as _, Result};
use automations::clock;
use automations::json::from_json;
use automations::model::action::PlannedAction;
use automations::model::resent::Resent;
use automations::reason::Reason;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

/// How long a command waits for the result of what it sent back.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What was sent back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// The number of messages that were sent back.
    pub redriven: usize,
    /// The number of messages that stay, because their actions may have taken effect.
    pub outcome_unknown: usize,
    /// The number of actions that stay, because a newer one of the same handler was performed.
    pub superseded: usize,
    /// The number of messages that were sent back, but are dead letters still, as they were held for too long to be deleted. To
    /// send them back again is harmless.
    pub not_deleted: usize,
    /// The number of messages that were read and are left, as the run ended early. More may be behind them.
    pub left: usize,
    /// Groups with messages in front that stay.
    pub more_behind: Vec<MoreBehind>,
    /// By source queue's URL: fingerprints of the bodies that were sent back to it.
    #[serde(skip)]
    pub(super) sent: BTreeMap<String, BTreeSet<u64>>,
    /// The ids of the dead letters that were there at the start or were sent back: two of them may have the same body.
    #[serde(skip)]
    pub(super) present: BTreeSet<String>,
}

/// What became of the messages that were sent back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// By reason: the number of messages that were dead-lettered again.
    pub came_back: BTreeMap<String, usize>,
    /// Whether messages were still being processed when the wait ended.
    pub is_open: bool,
}

/// What the operator consents to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Consent {
    /// Also send back actions that may have taken effect.
    pub retry_unknown: bool,
    /// Also send back actions after which a newer one of the same handler was performed.
    pub out_of_order: bool,
}

/// One run: what it has done, and which messages belong to it.
struct Run<'a> {
    selection: &'a Selection,
    consent: Consent,
    bulk: &'a Bulk,
    /// Whether its limit is reached, or its operator ended it.
    is_over: bool,
    redriven: Redriven,
    /// The ids of those that were sent back but not deleted.
    not_deleted: BTreeSet<String>,
}

impl DeadLetterQueues {
    /// Sends these dead letters back, each once: one that fails again is a new message and stays. Those with an unknown outcome
    /// and those that are superseded stay too, unless the operator consents. An action or event that is sent back says so; see
    /// [`Resent`].
    ///
    /// # Errors
    /// If a request fails; what was sent back by then is no longer in the dead-letter queue.
    pub async fn redrive(&self, selection: &Selection, consent: Consent) -> Result<Redriven> {
        self.redrive_within(selection, consent, &Bulk::default()).await
    }

    /// The same, with a limit and a rate, until its operator ends it.
    ///
    /// # Errors
    /// As [`Self::redrive`]; `bulk` has the number of those that were sent back.
    pub async fn redrive_within(
        &self,
        selection: &Selection,
        consent: Consent,
        bulk: &Bulk,
    ) -> Result<Redriven> {
        let (redriven, not_deleted) = (Redriven::default(), BTreeSet::new());
        let mut run = Run { selection, consent, bulk, is_over: false, redriven, not_deleted };
        let mut before = (0, 0);
        // A FIFO queue shows the rest of a group only after its first messages are deleted.
        loop {
            self.redrive_round(&mut run).await?;
            let so_far = (run.redriven.redriven, run.not_deleted.len());
            if run.is_over || so_far == before {
                run.redriven.not_deleted = run.not_deleted.len();
                return Ok(run.redriven);
            }
            before = so_far;
        }
    }

    async fn redrive_round(&self, run: &mut Run<'_>) -> Result<()> {
        let mut stay = Vec::new();
        run.redriven.outcome_unknown = 0;
        run.redriven.superseded = 0;
        run.redriven.left = 0;
        let (held_since, before) = (Instant::now(), run.redriven.redriven);
        let taken = self.select(run.selection).await?;
        run.redriven.more_behind = taken.more_behind;
        let dead_letters = taken.dead_letters;
        run.bulk.expects(before.saturating_add(dead_letters.len()));
        if run.redriven.sent.is_empty() {
            run.redriven.present = dead_letters.iter().map(|dead_letter| dead_letter.id.clone()).collect();
        }
        for mut dead_letter in dead_letters {
            if run.not_deleted.contains(&dead_letter.id) {
                if self.delete(&dead_letter).await? {
                    run.not_deleted.remove(&dead_letter.id);
                }
                continue;
            }
            if run.redriven.has_come_back(&dead_letter) {
                stay.push(dead_letter);
                continue;
            }
            let is_unknown = dead_letter.reason == Reason::OutcomeUnknown.as_str();
            if is_unknown && !run.consent.retry_unknown {
                run.redriven.outcome_unknown = run.redriven.outcome_unknown.saturating_add(1);
                stay.push(dead_letter);
                continue;
            }
            // Sent while it is held no more, it could be sent twice.
            let is_old = run.redriven.redriven > before && held_since.elapsed() > self.most_held;
            run.is_over = run.is_over || (!is_old && run.bulk.next(1).await == 0);
            if is_old || run.is_over {
                run.redriven.left = run.redriven.left.saturating_add(1);
                stay.push(dead_letter);
                continue;
            }
            // Just before it is sent: with many dead letters, one request for each of them first would outlast the hold.
            self.mark_superseded([&mut dead_letter]).await?;
            if dead_letter.superseded_by.is_some() && !run.consent.out_of_order {
                run.redriven.superseded = run.redriven.superseded.saturating_add(1);
                stay.push(dead_letter);
                continue;
            }
            if is_unknown {
                let Ok(planned) = from_json::<PlannedAction>(dead_letter.body.as_bytes()) else {
                    say(&format!("{} stays: it is not an action", dead_letter.id));
                    run.redriven.outcome_unknown = run.redriven.outcome_unknown.saturating_add(1);
                    stay.push(dead_letter);
                    continue;
                };
                let unparked = self.store.unpark(&planned.organisation, &planned.id).await;
                unparked.context(
                    "the record of an action cannot be opened; the profile needs dynamodb:UpdateItem",
                )?;
            }
            let resent = Resent { out_of_order: run.consent.out_of_order, ..Resent::at(self.now) };
            let body = marked(&dead_letter.body, &dead_letter.owner, resent);
            if !self.send_back(&dead_letter, &body).await? {
                run.not_deleted.insert(dead_letter.id.clone());
            }
            run.redriven.redriven = run.redriven.redriven.saturating_add(1);
            run.bulk.did(1);
            run.redriven.sent.entry(source_of(&dead_letter)).or_default().insert(fingerprint(&body));
            run.redriven.present.insert(dead_letter.id);
        }
        self.put_back(&stay).await
    }

    /// First to the queue, then out of the dead letters: a crash in between duplicates the message, and its ids make that harmless.
    /// Whether it was deleted, as of [`Self::delete`].
    async fn send_back(&self, dead_letter: &DeadLetter, body: &str) -> Result<bool> {
        let source = source_of(dead_letter);
        let is_fifo = source.rsplit('.').next() == Some("fifo");
        let request = self.sqs.send_message().queue_url(source).message_body(body);
        let request = request.set_message_group_id(dead_letter.group.clone());
        // The dead letter's own id: the queue may still remember the action's for five minutes.
        let request = request.set_message_deduplication_id(is_fifo.then(|| dead_letter.id.clone()));
        let sent = request.send().await;
        sent.map_err(|error| refused(error, "a dead letter cannot be sent back", "sqs:SendMessage"))?;
        self.delete(dead_letter).await
    }

    /// Waits until what was sent back was processed or dead-lettered again, but not longer than `limit`.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn outcome(&self, redriven: &Redriven, limit: Duration) -> Result<Outcome> {
        let end = clock::now().later(limit);
        let mut was_empty = false;
        loop {
            let mut depth: u64 = 0;
            for source in redriven.sent.keys() {
                let (waiting, held) = self.depth(source).await?;
                depth = depth.saturating_add(waiting).saturating_add(held);
            }
            // Twice: SQS counts a message late.
            let is_empty = depth == 0;
            if (is_empty && was_empty) || clock::now() >= end {
                return Ok(Outcome { came_back: self.came_back(redriven).await?, is_open: !is_empty });
            }
            was_empty = is_empty;
            #[expect(clippy::disallowed_methods, reason = "the pause between two reads of a queue's depth")]
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn came_back(&self, redriven: &Redriven) -> Result<BTreeMap<String, usize>> {
        let mut came_back = BTreeMap::new();
        for source in redriven.sent.keys() {
            // `NAME` or `NAME.fifo`; its dead letters are in `NAME-dead-letters` or `NAME-dead-letters.fifo`.
            let name = source.rsplit('/').next().unwrap_or_default();
            let name = name.strip_suffix(".fifo").unwrap_or(name);
            let selection = Selection { queue: Some(format!("{name}-dead-letters")), ..Selection::default() };
            for (dead_letter, _) in self.show(&selection).await? {
                if redriven.has_come_back(&dead_letter) {
                    let count: &mut usize = came_back.entry(dead_letter.reason).or_default();
                    *count = count.saturating_add(1);
                }
            }
        }
        Ok(came_back)
    }
}

impl Redriven {
    /// Whether a dead letter was sent back in this run and has failed again: then it is a new message with the same body.
    fn has_come_back(&self, dead_letter: &DeadLetter) -> bool {
        let sent = self.sent.get(&source_of(dead_letter));
        let has_sent = sent.is_some_and(|sent| sent.contains(&fingerprint(&dead_letter.body)));
        has_sent && !self.present.contains(&dead_letter.id)
    }
}

/// The URL of the queue that a dead letter came from.
fn source_of(dead_letter: &DeadLetter) -> String {
    dead_letter.url.replacen("-dead-letters", "", 1)
}

/// A message that fails again has another id and time, and the same body.
fn fingerprint(body: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
