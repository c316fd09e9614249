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
use automations::store::{Pause, PauseState, Paused, Store};
use aws_sdk_sqs::error::ProvideErrorMetadata as _;
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
    pub(super) organisations: Organisations,
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

    /// Whether there is a pause of it, which may outlive what it is of, or something of that name.
    ///
    /// # Errors
    /// If there is neither, or a request fails.
    pub async fn can_be_resumed(&self, paused: &Paused) -> Result<()> {
        if self.store.pauses().await?.iter().any(|pause| pause.paused == *paused) {
            return Ok(());
        }
        self.exists(paused).await
    }

    /// Pauses it. If it is paused already, Lambda's trigger is disabled again, in case something else enabled it.
    ///
    /// # Errors
    /// If a request fails: run it again. What was stored by then is in force.
    pub async fn pause(&self, paused: &Paused, reason: Option<String>, now: Timestamp) -> Result<()> {
        let before = self.store.pauses().await?.into_iter().find(|pause| pause.paused == *paused);
        let pause = match before {
            Some(before) => {
                Pause { reason: reason.or(before.reason.clone()), state: PauseState::InForce, ..before }
            }
            None => Pause::new(paused.clone(), now, reason),
        };
        self.store.put_pause(&pause).await?;
        if let Some(queue) = self.queue_of(paused) {
            self.trigger(&queue, false).await?;
            self.alarm(&queue, false).await?;
        }
        Ok(())
    }

    /// Ends a pause. It may take three minutes, until no function remembers it.
    ///
    /// # Errors
    /// If a request fails: run it again.
    pub async fn resume(&self, paused: &Paused) -> Result<Resumed> {
        if let Paused::Organisation(organisation) = paused {
            return self.resume_organisation(organisation).await;
        }
        let Some(queue) = self.queue_of(paused) else { return Ok(Resumed::default()) };
        if !self.has_queue(&queue).await? {
            // The handler was removed from the template.
            self.store.delete_pause(paused).await?;
            return Ok(Resumed::default());
        }
        let all = self.store.pauses().await?;
        let before = all.into_iter().find(|pause| pause.paused == *paused);
        let since = before.as_ref().map(|pause| pause.since);
        // Deleted at the end: if this command is interrupted, the item still says so, and it can be run again.
        if let Some(before) = before {
            self.store.put_pause(&Pause { state: PauseState::Resuming, ..before }).await?;
        }
        let was_read = self.is_enabled(&queue).await?;
        // An instance that still remembers the pause would let each message wait, and spend a receive.
        if was_read || since.is_some_and(|since| clock::now().since(since) < self.patience) {
            self.wait().await;
        }
        self.was_not_paused_again(paused).await?;
        self.trigger(&queue, true).await?;
        self.alarm(&queue, true).await?;
        self.store.delete_pause(paused).await?;
        Ok(Resumed::default())
    }

    /// Whether Lambda reads the queue of what is paused; not if there is none.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn is_read(&self, paused: &Paused) -> Result<bool> {
        match self.queue_of(paused) {
            Some(queue) if self.has_queue(&queue).await? => self.is_enabled(&queue).await,
            Some(_) | None => Ok(false),
        }
    }

    /// A pause that is made while this command ends the one before must stay.
    pub(super) async fn was_not_paused_again(&self, paused: &Paused) -> Result<()> {
        let again = self
            .store
            .pauses()
            .await?
            .into_iter()
            .any(|pause| pause.paused == *paused && !pause.is_resuming());
        let what = paused.words();
        anyhow::ensure!(
            !again,
            "{what} was paused again meanwhile, and stays so; `automations resume` ends that"
        );
        Ok(())
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

    async fn has_queue(&self, queue: &str) -> Result<bool> {
        let is_gone = |code: &str| code.ends_with("NonExistentQueue") || code.ends_with("QueueDoesNotExist");
        match self.sqs.get_queue_url().queue_name(queue).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code().is_some_and(is_gone) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("the queue {queue}")),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stub;
    use automations::id::OrganisationId;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    /// Resumes what is paused in a stack with one organisation, `north`, and no handler; returns the requests that change something.
    async fn resumed(paused: &Paused) -> Vec<String> {
        let (result, changes) = resumed_amid(paused, false).await;
        result.unwrap();
        changes
    }

    /// The same, and what became of it; perhaps another operator pauses it again meanwhile.
    async fn resumed_amid(paused: &Paused, is_paused_again: bool) -> (Result<Resumed>, Vec<String>) {
        let changes: Arc<Mutex<Vec<String>>> = Arc::default();
        let (seen, sk) = (Arc::clone(&changes), paused.to_string());
        let in_force = json!({ "pk": { "S": "PAUSES" }, "sk": { "S": sk }, "since": { "N": "1" } });
        let stored = Mutex::new(in_force.clone());
        let config = stub::config(Duration::ZERO, move |operation, request| {
            let response = match operation {
                "Query" => json!({ "Items": [*stored.lock().unwrap()] }),
                "Scan" => json!({ "Items": [] }),
                "ListSecrets" => json!({ "SecretList": [{ "Name": "a/north/api-token" }] }),
                "GetQueueUrl" => {
                    return (
                        400,
                        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"x"}"#.to_owned(),
                    );
                }
                "ListStackResources" => {
                    return (200, stub::xml(operation, "<StackResourceSummaries></StackResourceSummaries>"));
                }
                "PutItem" => {
                    let states = ["resuming", "ending"]
                        .into_iter()
                        .filter(|state| request["Item"].get(*state).is_some());
                    seen.lock().unwrap().push(states.collect::<Vec<_>>().join(" "));
                    let put = if is_paused_again { in_force.clone() } else { request["Item"].clone() };
                    *stored.lock().unwrap() = put;
                    json!({})
                }
                other => {
                    seen.lock()
                        .unwrap()
                        .push(format!("{other} {}", request["Key"]["sk"]["S"].as_str().unwrap_or_default()));
                    json!({})
                }
            };
            (200, Value::to_string(&response))
        });
        let target = Target { config, local: None, stack: "a".to_owned() };
        let switch = Pauser { patience: Duration::ZERO, ..Pauser::of(&target).unwrap() };
        switch.can_be_resumed(paused).await.unwrap();
        let result = switch.resume(paused).await;
        let changes = changes.lock().unwrap();
        (result, changes.clone())
    }

    #[tokio::test]
    async fn a_pause_that_another_operator_makes_meanwhile_stays() {
        let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
        let (result, changes) = resumed_amid(&north, true).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains("was paused again meanwhile"), "{error}");
        assert_eq!(changes, ["resuming"]);
    }

    /// What CloudFormation does not know, an update leaves as it is.
    #[test]
    fn the_template_does_not_say_whether_a_trigger_is_enabled() {
        let template = include_str!("../../../../../template.yaml");
        let sources: Vec<&str> = template.split("FunctionResponseTypes:").collect();
        assert_eq!(sources.len(), 4, "of hints, of events and of actions");
        for before in &sources[..3] {
            let source = before.rsplit_once("Queue:").unwrap().1;
            assert!(source.contains("BatchSize:") && !source.contains("Enabled"), "{source}");
        }
    }

    /// A deployment that changes the trigger may have enabled it.
    #[tokio::test]
    async fn a_paused_handler_whose_queue_is_read_is_found() {
        for (state, is_read) in
            [("Enabled", true), ("Enabling", true), ("Disabled", false), ("Disabling", false)]
        {
            let config = stub::config(Duration::ZERO, move |operation, _| {
                let response = match operation {
                    "GetQueueUrl" => json!({ "QueueUrl": "http://127.0.0.1/a-h.fifo" }),
                    "GetQueueAttributes" => json!({ "Attributes": { "QueueArn": "arn:q" } }),
                    other if other.contains("/event-source-mappings") => {
                        json!({ "EventSourceMappings": [{ "UUID": "u", "State": state }] })
                    }
                    other => panic!("{other}"),
                };
                (200, Value::to_string(&response))
            });
            let pauser = Pauser::of(&Target { config, local: None, stack: "a".to_owned() }).unwrap();
            assert_eq!(pauser.is_read(&Paused::Handler("h".to_owned())).await.unwrap(), is_read, "{state}");
            let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
            assert!(!pauser.is_read(&north).await.unwrap(), "it has no queue");
        }
    }

    /// Else its pause reminds for ever.
    #[tokio::test]
    async fn the_pause_of_a_handler_or_an_organisation_that_was_removed_can_be_ended() {
        assert_eq!(resumed(&Paused::Handler("removed".to_owned())).await, ["DeleteItem HANDLER#removed"]);
        let south = Paused::Organisation(OrganisationId::parse("south").unwrap());
        assert_eq!(resumed(&south).await, ["DeleteItem ORGANISATION#south"]);
    }

    #[tokio::test]
    async fn an_organisations_pause_ends_after_all_that_was_held_is_sent_and_all_actions_are_performed() {
        let north = Paused::Organisation(OrganisationId::parse("north").unwrap());
        let expected = ["resuming", "resuming ending", "DeleteItem ORGANISATION#north"];
        assert_eq!(resumed(&north).await, expected);
    }
}
