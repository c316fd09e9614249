//! Pausing and resuming: the item in the table is what counts; Lambda's trigger of a queue and the alarm of its backlog follow it.

use crate::account::Target;
use crate::commands::dead_letters::DeadLetterQueues;
use crate::commands::organisation::Organisations;
use crate::handler_entries;
use anyhow::{Context as _, Result};
use automations::aws;
use automations::clock::{self, Timestamp};
#[cfg(not(test))]
use automations::store::PAUSES_CACHED_FOR;
use automations::store::{Pause, Paused, Store};
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Serialize;
use std::time::Duration;

/// As long as functions remember a pause, and a little longer.
#[cfg(not(test))]
const FORGOTTEN_AFTER: Duration = PAUSES_CACHED_FOR.saturating_add(Duration::from_secs(5));
/// A model of AWS remembers nothing.
#[cfg(test)]
const FORGOTTEN_AFTER: Duration = Duration::ZERO;

/// A stack in which something is paused.
#[derive(Debug)]
pub struct Pauser {
    pub(super) store: Store,
    pub(super) dead_letters: DeadLetterQueues,
    lambda: aws_sdk_lambda::Client,
    sqs: aws_sdk_sqs::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    organisations: Organisations,
    stack: String,
    /// How long it waits until no function remembers a pause.
    patience: Duration,
}

/// What the end of an organisation's pause set in motion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Resumed {
    /// Messages that were held and were sent again.
    pub sent_again: usize,
    /// Tickets that are due now.
    pub due: usize,
}

impl Pauser {
    /// Of this target.
    ///
    /// # Errors
    /// If its clients cannot be created.
    pub fn of(target: &Target) -> Result<Self> {
        let (stack, store) = (target.stack.clone(), target.store());
        Ok(Self {
            dead_letters: DeadLetterQueues::new(&target.config, stack.clone(), store.clone(), clock::now()),
            store,
            lambda: aws_sdk_lambda::Client::new(&target.config),
            sqs: aws::sqs(&target.config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&target.config),
            organisations: Organisations::of(target)?,
            stack,
            patience: FORGOTTEN_AFTER,
        })
    }

    /// What is paused.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub async fn list(&self) -> Result<Vec<Pause>> {
        Ok(self.store.pauses().await?)
    }

    /// Whether there is something of that name.
    ///
    /// # Errors
    /// If there is not, or a request fails.
    pub async fn exists(&self, paused: &Paused) -> Result<()> {
        match paused {
            Paused::Handler(name) => {
                handler_entries::of_handler(&self.lambda, &self.stack, name).await.map(drop)
            }
            Paused::Organisation(organisation) => self.organisations.existing(organisation).await,
            Paused::Writing => Ok(()),
        }
    }

    /// Pauses it. If it is paused already, Lambda's trigger is disabled again, in case something else enabled it.
    ///
    /// # Errors
    /// If a request fails: run it again. What was stored by then is in force.
    pub async fn pause(&self, paused: &Paused, reason: Option<String>, now: Timestamp) -> Result<()> {
        let before = self.store.pauses().await?.into_iter().find(|pause| pause.paused == *paused);
        let pause = match before {
            Some(before) => Pause { reason: reason.or(before.reason.clone()), resuming: false, ..before },
            None => Pause::new(paused.clone(), now, reason),
        };
        self.store.put_pause(&pause).await?;
        if let Some(queue) = self.queue_of(paused) {
            self.trigger(&queue, false).await?;
            self.alarm(&queue, false).await?;
        }
        Ok(())
    }

    /// Ends a pause. It may take two minutes, until no function remembers it.
    ///
    /// # Errors
    /// If a request fails: run it again.
    pub async fn resume(&self, paused: &Paused) -> Result<Resumed> {
        if let Paused::Organisation(organisation) = paused {
            return self.resume_organisation(organisation).await;
        }
        let Some(queue) = self.queue_of(paused) else { return Ok(Resumed::default()) };
        let all = self.store.pauses().await?;
        let before = all.into_iter().find(|pause| pause.paused == *paused);
        let since = before.as_ref().map(|pause| pause.since);
        // Deleted at the end: if this command is interrupted, the item still says so, and it can be run again.
        if let Some(before) = before {
            self.store.put_pause(&Pause { resuming: true, ..before }).await?;
        }
        let was_read = self.is_enabled(&queue).await?;
        // An instance that still remembers the pause would let each message wait, and spend a receive.
        if was_read || since.is_some_and(|since| clock::now().since(since) < self.patience) {
            self.wait().await;
        }
        self.trigger(&queue, true).await?;
        self.alarm(&queue, true).await?;
        self.store.delete_pause(paused).await?;
        Ok(Resumed::default())
    }

    pub(super) async fn wait(&self) {
        clock::pause(self.patience).await;
    }

    /// The name of the queue that is not read.
    fn queue_of(&self, paused: &Paused) -> Option<String> {
        match paused {
            Paused::Handler(name) => Some(format!("{}-{name}.fifo", self.stack)),
            Paused::Writing => Some(format!("{}-actions.fifo", self.stack)),
            Paused::Organisation(_) => None,
        }
    }

    /// Enables or disables what reads a queue.
    async fn trigger(&self, queue: &str, enabled: bool) -> Result<()> {
        for (uuid, _) in self.triggers(queue).await? {
            let request = self.lambda.update_event_source_mapping().uuid(uuid).enabled(enabled);
            let updated = request.send().await;
            updated.with_context(|| {
                format!("Lambda's trigger of {queue} cannot be changed; the profile needs lambda:UpdateEventSourceMapping")
            })?;
        }
        Ok(())
    }

    async fn is_enabled(&self, queue: &str) -> Result<bool> {
        let triggers = self.triggers(queue).await?;
        Ok(triggers.iter().any(|(_, state)| state.starts_with("Enabl")))
    }

    /// The ids of what reads a queue, and their states.
    async fn triggers(&self, queue: &str) -> Result<Vec<(String, String)>> {
        let url = self.sqs.get_queue_url().queue_name(queue).send().await;
        let url = url.with_context(|| format!("there is no queue {queue}"))?.queue_url.unwrap_or_default();
        let wanted = QueueAttributeName::QueueArn;
        let attributes = self.sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone());
        let attributes = attributes.send().await.with_context(|| format!("the queue {queue}"))?;
        let arn = attributes.attributes.and_then(|mut all| all.remove(&wanted)).unwrap_or_default();
        let mappings = self.lambda.list_event_source_mappings().event_source_arn(arn).send().await;
        let mappings = mappings.with_context(|| format!("Lambda does not list the triggers of {queue}"))?;
        let all = mappings.event_source_mappings.unwrap_or_default().into_iter();
        let found: Vec<_> = all.filter_map(|it| Some((it.uuid?, it.state.unwrap_or_default()))).collect();
        anyhow::ensure!(!found.is_empty(), "nothing reads the queue {queue}; deploy the stack again");
        Ok(found)
    }

    /// Whether the alarm of a queue's backlog notifies people.
    async fn alarm(&self, queue: &str, enabled: bool) -> Result<()> {
        let name = format!("{queue}-backlog");
        let done = if enabled {
            self.cloudwatch
                .enable_alarm_actions()
                .alarm_names(&name)
                .send()
                .await
                .map(drop)
                .map_err(Into::into)
        } else {
            self.cloudwatch
                .disable_alarm_actions()
                .alarm_names(&name)
                .send()
                .await
                .map(drop)
                .map_err(anyhow::Error::from)
        };
        done.with_context(|| format!("the actions of the alarm {name} cannot be changed"))
    }
}
