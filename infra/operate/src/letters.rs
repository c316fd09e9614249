//! Dead letters: where they are, and why.

use crate::queues::Queue;
use anyhow::{Context as _, Result};
use automations::aws;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System, QueueAttributeName as Attribute};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Seconds for which a message that is looked at is not given to anybody else.
const LOOK: i32 = 60;

/// The dead-letter queues of a stack.
#[derive(Debug)]
pub struct DeadLetterQueues {
    pub(crate) sqs: Client,
    pub(crate) cloudformation: aws_sdk_cloudformation::Client,
    pub(crate) stack: String,
    now: u64,
}

/// One dead letter, without what it says.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    /// The dead-letter queue.
    pub queue: String,
    /// The message's id.
    pub id: String,
    /// Why it was given up; a fixed word.
    pub reason: String,
    /// The function that gave it up; empty where the queue itself did.
    pub function: String,
    /// The kind of its first failure.
    pub first_failure: String,
    /// The kind of its last failure.
    pub last_failure: String,
    /// How often it was received.
    pub receives: String,
    /// Seconds since it was given up.
    pub age_s: u64,
    #[serde(skip)]
    pub(crate) body: String,
    #[serde(skip)]
    pub(crate) group: Option<String>,
    #[serde(skip)]
    pub(crate) receipt: String,
    #[serde(skip)]
    pub(crate) url: String,
}

/// What stands in one dead-letter queue.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The queue.
    pub queue: String,
    /// How many letters, as SQS counts them: about.
    pub count: u64,
    /// How many of them, by reason. In a FIFO queue, letters behind the first ten of a group are not seen.
    pub reasons: BTreeMap<String, usize>,
    /// The age in seconds of the oldest that was seen.
    pub oldest_s: Option<u64>,
}

/// Which letters are meant; all where nothing is named.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only those in queues whose name holds this.
    pub queue: Option<String>,
    /// Only those that were given up for this reason.
    pub reason: Option<String>,
    /// Only this one.
    pub id: Option<String>,
}

impl Selection {
    fn takes(&self, letter: &DeadLetter) -> bool {
        let is =
            |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        is(&self.reason, &letter.reason) && is(&self.id, &letter.id) && self.takes_queue(&letter.queue)
    }

    fn takes_queue(&self, name: &str) -> bool {
        self.queue.as_deref().is_none_or(|wanted| name.contains(wanted))
    }
}

impl DeadLetterQueues {
    /// The dead letters of this stack; `now` is in seconds since 1970 began.
    pub fn new(config: &SdkConfig, stack: String, now: u64) -> Self {
        let cloudformation = aws_sdk_cloudformation::Client::new(config);
        Self { sqs: aws::sqs(config), cloudformation, stack, now }
    }

    /// What stands in each dead-letter queue.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn list(&self) -> Result<Vec<Summary>> {
        let mut summaries = Vec::new();
        for queue in self.queues().await? {
            let letters = self.take(&queue).await?;
            let mut reasons = BTreeMap::new();
            for letter in &letters {
                let count: &mut usize = reasons.entry(letter.reason.clone()).or_default();
                *count = count.saturating_add(1);
            }
            let oldest_s = letters.iter().map(|letter| letter.age_s).max();
            self.put_back(letters).await?;
            let count = self.count(&queue).await?;
            summaries.push(Summary { queue: queue.name, count, reasons, oldest_s });
        }
        Ok(summaries)
    }

    /// How many letters stand in each dead-letter queue, as SQS counts them; none is looked at.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn counts(&self) -> Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for queue in self.queues().await? {
            let count = self.count(&queue).await?;
            counts.insert(queue.name, count);
        }
        Ok(counts)
    }

    /// These letters, and what each says. They stay where they are.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn show(&self, selection: &Selection) -> Result<Vec<(DeadLetter, String)>> {
        let letters = self.select(selection).await?;
        let shown = letters.iter().map(|letter| (letter.clone(), letter.body.clone())).collect();
        self.put_back(letters).await?;
        Ok(shown)
    }

    /// Lets these letters go, for good.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn drop(&self, selection: &Selection) -> Result<usize> {
        let mut dropped: usize = 0;
        loop {
            let letters = self.select(selection).await?;
            if letters.is_empty() {
                return Ok(dropped);
            }
            // A FIFO queue shows the rest of a group only when its first letters are gone.
            for letter in &letters {
                self.delete(letter).await?;
            }
            dropped = dropped.saturating_add(letters.len());
        }
    }

    /// Takes the letters that are meant; the others are put back.
    pub(crate) async fn select(&self, selection: &Selection) -> Result<Vec<DeadLetter>> {
        let mut selected = Vec::new();
        for queue in self.queues().await?.iter().filter(|queue| selection.takes_queue(&queue.name)) {
            let (taken, others) =
                self.take(queue).await?.into_iter().partition(|letter| selection.takes(letter));
            selected.extend::<Vec<DeadLetter>>(taken);
            self.put_back(others).await?;
        }
        Ok(selected)
    }

    pub(crate) async fn delete(&self, letter: &DeadLetter) -> Result<()> {
        let request = self.sqs.delete_message().queue_url(&letter.url).receipt_handle(&letter.receipt);
        request.send().await.context("a letter cannot be deleted")?;
        Ok(())
    }

    pub(crate) async fn put_back(&self, letters: Vec<DeadLetter>) -> Result<()> {
        for letter in letters {
            let request = self.sqs.change_message_visibility().queue_url(letter.url);
            request.receipt_handle(letter.receipt).visibility_timeout(0).send().await?;
        }
        Ok(())
    }

    async fn count(&self, queue: &Queue) -> Result<u64> {
        let wanted = Attribute::ApproximateNumberOfMessages;
        let request = self.sqs.get_queue_attributes().queue_url(&queue.url).attribute_names(wanted.clone());
        let answer = request.send().await?;
        let count = answer.attributes().and_then(|all| all.get(&wanted)?.parse().ok());
        count.context("a queue without a count")
    }

    async fn take(&self, queue: &Queue) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let request = self.sqs.receive_message().queue_url(&queue.url).max_number_of_messages(10);
            let request =
                request.visibility_timeout(LOOK).wait_time_seconds(1).message_attribute_names("All");
            let request = request.message_system_attribute_names(System::All);
            let messages = request.send().await?.messages.unwrap_or_default();
            let taken: Vec<DeadLetter> =
                messages.into_iter().map(|message| self.letter(queue, message)).collect();
            // One that comes again was looked at for too long: the queue has gone round.
            let is_over = taken.is_empty() || taken.iter().any(|letter| !seen.insert(letter.id.clone()));
            letters.retain(|letter: &DeadLetter| !taken.iter().any(|again| again.id == letter.id));
            letters.extend(taken);
            if is_over {
                return Ok(letters);
            }
        }
    }

    fn letter(&self, queue: &Queue, message: Message) -> DeadLetter {
        let attribute = |name: &str| {
            let value = message.message_attributes().and_then(|all| all.get(name)?.string_value());
            value.unwrap_or_default().to_owned()
        };
        let system = |name: &System| message.attributes().and_then(|all| all.get(name)).cloned();
        let sent = system(&System::SentTimestamp).and_then(|millis| millis.parse::<u64>().ok());
        let reason = attribute("reason");
        DeadLetter {
            queue: queue.name.clone(),
            id: message.message_id().unwrap_or_default().to_owned(),
            reason: if reason.is_empty() { "max_receives_exceeded".to_owned() } else { reason },
            function: attribute("function"),
            first_failure: attribute("first_failure"),
            last_failure: attribute("last_failure"),
            receives: attribute("receives"),
            age_s: sent.map_or(0, |sent| self.now.saturating_sub(sent / 1_000)),
            group: system(&System::MessageGroupId),
            receipt: message.receipt_handle().unwrap_or_default().to_owned(),
            body: message.body.unwrap_or_default(),
            url: queue.url.clone(),
        }
    }
}
