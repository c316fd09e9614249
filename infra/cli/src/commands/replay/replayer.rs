//! Selects events of the journal, and publishes them again to every handler that subscribes to them, or to one.

use crate::account::Target;
use crate::bulk::Bulk;
use crate::event_filter::EventFilter;
use crate::exit_code::Usage;
use crate::filter_policy::FilterPolicy;
use crate::report::say;
use crate::stack_resources;
use anyhow::{Context as _, Result, bail};
use automations::aws::queue::{OutgoingMessage, Place, Queue};
use automations::aws::topic::Topic;
use automations::clock::Timestamp;
use automations::json;
use automations::model::resent::Resent;
use automations::store::{Journal, Store};
use automations::{Event, aws};
use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_sns::Client as Sns;
use aws_sdk_sns::types::Subscription;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeMap;

/// Subscriptions that are read at the same time.
const AT_ONCE: usize = 8;

/// Which events, and how they are published.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Events stored from then on.
    pub since: Timestamp,
    /// Events stored before then.
    pub until: Timestamp,
    /// Only these.
    pub filter: EventFilter,
    /// Only to this handler, by its name in template.yaml.
    pub handler: Option<String>,
    /// What the events say of being sent again; none leaves them as they are in the journal.
    pub resent: Option<Resent>,
}

/// A stack whose journal is replayed.
#[derive(Debug)]
pub struct Replayer {
    /// A client of SNS.
    pub sns: Sns,
    /// A client of SQS.
    pub sqs: Sqs,
    /// A client of CloudFormation, which knows the stack's topic.
    pub cloudformation: CloudFormation,
    /// The journal.
    pub store: Store,
    /// The stack's name, which is the first part of the names of its topic and its queues.
    pub stack: String,
}

impl Replayer {
    /// Of this target.
    pub fn of(target: &Target) -> Self {
        Self {
            sns: aws::sns(&target.config),
            sqs: aws::sqs(&target.config),
            cloudformation: CloudFormation::new(&target.config),
            store: Store::new(aws::dynamodb(&target.config), target.table()),
            stack: target.stack.clone(),
        }
    }

    /// The selected events, oldest first, as they would be published.
    ///
    /// # Errors
    /// If a request fails, or there is no such handler.
    pub async fn select(&self, replay: &Replay) -> Result<Vec<Event>> {
        let Journal { mut events, unreadable } = self.store.journal(replay.since, replay.until).await?;
        for key in &unreadable {
            say(&format!("cannot read {key}: its events are not replayed"));
        }
        events.retain(|event| replay.filter.takes(event));
        if let Some(handler) = &replay.handler {
            let subscriptions = self.subscriptions(handler).await?;
            events.retain(|event| subscriptions.iter().any(|subscription| subscription.accepts(event)));
        }
        for event in &mut events {
            event.resent = replay.resent;
        }
        Ok(events)
    }

    /// Publishes these events on the topic, or sends them to one handler's queue, in their order.
    ///
    /// # Errors
    /// If one is not accepted; those before it are, and sending them again is harmless.
    pub async fn play(&self, events: &[Event], handler: Option<&str>) -> Result<()> {
        self.play_within(events, handler, &Bulk::default(), |_| {}).await.map(drop)
    }

    /// The same, with a limit and a rate, until its operator ends it. `reached` is called with the number of events before which all
    /// were accepted; the last number is returned.
    ///
    /// # Errors
    /// As [`Self::play`].
    pub async fn play_within(
        &self,
        events: &[Event],
        handler: Option<&str>,
        bulk: &Bulk,
        reached: impl Fn(usize),
    ) -> Result<usize> {
        let destination = self.destination(handler).await?;
        bulk.expects(events.len());
        let mut played = 0_usize;
        loop {
            let rest = events.get(played..).unwrap_or_default();
            let number = bulk.next(rest.len()).await;
            if number == 0 {
                return Ok(played);
            }
            let results = destination.send(rest.get(..number).unwrap_or_default()).await;
            let accepted = results.iter().take_while(|result| result.is_ok()).count();
            played = played.saturating_add(accepted);
            bulk.did(accepted);
            reached(played);
            results.into_iter().collect::<Result<Vec<()>>>()?;
        }
    }

    async fn destination(&self, handler: Option<&str>) -> Result<Destination> {
        let Some(handler) = handler else {
            let topic = stack_resources::topic(&self.cloudformation, &self.stack).await?;
            return Ok(Destination::Topic(Topic::new(self.sns.clone(), topic)));
        };
        Ok(Destination::Queue(Queue::new(self.sqs.clone(), self.queue_url(handler).await?)))
    }

    async fn queue_url(&self, handler: &str) -> Result<String> {
        let response =
            self.sqs.get_queue_url().queue_name(format!("{}-{handler}.fifo", self.stack)).send().await;
        match response {
            Ok(response) => response.queue_url.context("SQS names no URL of the handler's queue"),
            Err(error) if error.as_service_error().is_some_and(GetQueueUrlError::is_queue_does_not_exist) => {
                let table = "see the table `Handler` in template.yaml";
                Err(Usage(format!("there is no handler {handler} in the stack {}; {table}", self.stack))
                    .into())
            }
            Err(error) => Err(error).context("SQS does not say where the handler's queue is"),
        }
    }

    /// The filter policies of the subscriptions that send events to a handler's queue.
    async fn subscriptions(&self, handler: &str) -> Result<Vec<FilterPolicy>> {
        let url = self.queue_url(handler).await?;
        let wanted = QueueAttributeName::QueueArn;
        let response =
            self.sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await?;
        let queue =
            response.attributes().and_then(|all| all.get(&wanted)).context("a queue without an ARN")?;
        let mut policies = Vec::new();
        for subscription in self.all_subscriptions().await? {
            if subscription.endpoint() == Some(queue) {
                let policy = self.policy(&subscription).await?;
                let missing = || format!("the subscription of {handler} has no filter policy");
                policies.push(policy.with_context(missing)?);
            }
        }
        if policies.is_empty() {
            bail!("the topic has no subscription of {handler}'s queue");
        }
        Ok(policies)
    }

    /// The handlers, each with the filter policies of its subscriptions.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn receivers(&self) -> Result<BTreeMap<String, Vec<FilterPolicy>>> {
        let subscriptions = self.all_subscriptions().await?;
        let handler = |subscription: &Subscription| {
            let queue = subscription.endpoint()?.rsplit(':').next()?.strip_suffix(".fifo")?;
            Some(queue.strip_prefix(&self.stack)?.strip_prefix('-')?.to_owned())
        };
        let own =
            subscriptions.iter().filter_map(|subscription| Some((handler(subscription)?, subscription)));
        let read = own.map(async |(name, subscription)| {
            let policy = self.policy(subscription).await?;
            // Without one, it receives everything.
            anyhow::Ok((name, policy.map_or_else(|| FilterPolicy::parse("{}"), Ok)?))
        });
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).try_collect().await?;
        let mut receivers: BTreeMap<String, Vec<FilterPolicy>> = BTreeMap::new();
        for (name, policy) in read {
            receivers.entry(name).or_default().push(policy);
        }
        Ok(receivers)
    }

    async fn all_subscriptions(&self) -> Result<Vec<Subscription>> {
        let topic = stack_resources::topic(&self.cloudformation, &self.stack).await?;
        let all = self.sns.list_subscriptions_by_topic().topic_arn(&topic).into_paginator().items().send();
        Ok(all.collect::<Result<Vec<_>, _>>().await?)
    }

    async fn policy(&self, subscription: &Subscription) -> Result<Option<FilterPolicy>> {
        let arn = subscription.subscription_arn().unwrap_or_default();
        let response = self.sns.get_subscription_attributes().subscription_arn(arn).send().await?;
        let policy = response.attributes().and_then(|all| all.get("FilterPolicy"));
        let invalid = "the deployed filter policy has something that this program does not know";
        policy.map(|policy| FilterPolicy::parse(policy).context(invalid)).transpose()
    }
}

/// Where events are sent.
enum Destination {
    Topic(Topic),
    Queue(Queue),
}

impl Destination {
    /// One result for each event, in their order.
    async fn send(&self, events: &[Event]) -> Vec<Result<()>> {
        match self {
            Self::Topic(topic) => {
                let published = topic.publish(&events.iter().collect::<Vec<_>>()).await.into_iter();
                let failed = "not all events were published; run the same command again";
                published.map(|result| result.context(failed)).collect()
            }
            Self::Queue(queue) => {
                let messages = events.iter().map(|event| OutgoingMessage {
                    body: json::to_json(event),
                    place: Place::InOrder {
                        group: event.message_group(),
                        deduplication: event.deduplication_id(),
                    },
                    trace: None,
                });
                let sent = queue.send(messages.collect()).await.into_iter();
                let failed = "not all events were sent; run the same command again";
                sent.map(|result| result.context(failed)).collect()
            }
        }
    }
}
