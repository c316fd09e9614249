//! The queue and the subscription of one run of `automations listen`: made, removed, and found if a crashed run left them.

use super::refused::named;
use crate::stack_resources;
use anyhow::{Context as _, Result};
use automations::aws;
use automations::clock::Timestamp;
use aws_config::SdkConfig;
use aws_sdk_sns::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::types::{Message, QueueAttributeName as Attribute};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// No handler, and so no other queue of a stack, has a name with an underscore; no stack's name has one either.
const MARK: &str = "-listen_";
/// A run ends by itself before another one takes it for a crashed one.
pub const LONGEST_RUN: Duration = Duration::from_hours(4);
/// What is older than this was left by a crashed run.
const LEFT_BEHIND: Duration = Duration::from_hours(6);
/// Seconds that a message is kept: an event may have what a person typed into a form.
const RETENTION: u32 = 300;
/// Seconds in which a batch is decided on and deleted: ten messages, each of which may take half a minute.
const VISIBILITY: u32 = RETENTION;
/// Seconds that a request waits for messages: less than the timeout of an attempt (`aws::load`).
const WAIT: i32 = 3;
/// `ReceiveMessage` returns at most this many (Amazon SQS API Reference).
const BATCH: i32 = 10;

/// The topic of a stack, and the clients that subscribe to it.
#[derive(Debug, Clone)]
pub struct Topic {
    sqs: aws_sdk_sqs::Client,
    sns: aws_sdk_sns::Client,
    arn: String,
    stack: String,
}

/// The queue and the subscription of this run.
#[derive(Debug, Clone)]
pub struct Temporary {
    /// The queue's name.
    pub queue: String,
    url: String,
    subscription: String,
}

/// What a run that did not end made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftBehind {
    /// URLs of queues.
    queues: BTreeSet<String>,
    /// ARNs of subscriptions.
    subscriptions: BTreeSet<String>,
}

impl Topic {
    /// Of this stack.
    ///
    /// # Errors
    /// If the stack is not deployed.
    pub async fn of(config: &SdkConfig, stack: &str) -> Result<Self> {
        let cloudformation = aws_sdk_cloudformation::Client::new(config);
        let arn = stack_resources::topic(&cloudformation, stack).await?;
        Ok(Self { sqs: aws::sqs(config), sns: aws::sns(config), arn, stack: stack.to_owned() })
    }

    /// A queue that gets the events that this filter policy accepts, from now on.
    ///
    /// # Errors
    /// If the profile may not make it. Nothing is left then.
    pub async fn subscribe(&self, filter_policy: &str, now: Timestamp, id: &str) -> Result<Temporary> {
        let queue = name(&self.stack, now, id);
        let arn = self.queue_arn(&queue)?;
        let key = self.key().await?;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": self.arn } },
        }] });
        let request = self.sqs.create_queue().queue_name(&queue);
        let request = request
            .attributes(Attribute::FifoQueue, "true")
            .attributes(Attribute::DeduplicationScope, "messageGroup")
            .attributes(Attribute::FifoThroughputLimit, "perMessageGroupId")
            .attributes(Attribute::MessageRetentionPeriod, RETENTION.to_string())
            .attributes(Attribute::VisibilityTimeout, VISIBILITY.to_string())
            .attributes(Attribute::Policy, policy.to_string());
        let request = match key {
            Some(key) => request.attributes(Attribute::KmsMasterKeyId, key),
            None => request.attributes(Attribute::SqsManagedSseEnabled, "true"),
        };
        let created = named(request.send().await, "sqs:CreateQueue", &queue, &self.stack)?;
        let url = created.queue_url.context("SQS returns no URL of the queue")?;
        let request = self.sns.subscribe().topic_arn(&self.arn).protocol("sqs").endpoint(&arn);
        let request = request
            .attributes("RawMessageDelivery", "true")
            .attributes("FilterPolicyScope", "MessageBody")
            .attributes("FilterPolicy", filter_policy)
            .return_subscription_arn(true);
        let subscribed = named(request.send().await, "sns:Subscribe", &self.arn, &self.stack);
        match subscribed.and_then(|response| response.subscription_arn.context("SNS returns no subscription"))
        {
            Ok(subscription) => Ok(Temporary { queue, url, subscription }),
            Err(error) => {
                // The first error says what is missing; the next run removes the queue, if this fails.
                let _ = self.delete_queue(&url).await;
                Err(error)
            }
        }
    }

    /// The messages that came, after some seconds at the latest.
    ///
    /// # Errors
    /// If SQS refuses it.
    pub async fn receive(&self, from: &Temporary) -> Result<Vec<Message>> {
        let request = self.sqs.receive_message().queue_url(&from.url);
        let request = request.max_number_of_messages(BATCH).wait_time_seconds(WAIT);
        let received = named(request.send().await, "sqs:ReceiveMessage", &from.queue, &self.stack)?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// If SQS refuses it.
    pub async fn delete(&self, from: &Temporary, message: &Message) -> Result<()> {
        let request = self.sqs.delete_message().queue_url(&from.url);
        let request = request.receipt_handle(message.receipt_handle().unwrap_or_default());
        named(request.send().await, "sqs:DeleteMessage", &from.queue, &self.stack).map(drop)
    }

    /// Removes the subscription and the queue.
    ///
    /// # Errors
    /// If the profile may not.
    pub async fn remove(&self, temporary: &Temporary) -> Result<()> {
        // The queue in any case: it would go on receiving.
        let unsubscribed = self.unsubscribe(&temporary.subscription).await;
        self.delete_queue(&temporary.url).await?;
        unsubscribed
    }

    /// What crashed runs left: a deleted queue leaves its subscription, too.
    ///
    /// # Errors
    /// If queues or subscriptions cannot be listed.
    pub async fn left_behind(&self, now: Timestamp) -> Result<LeftBehind> {
        let queues = old_queues(&self.sqs, &self.stack, now).await?;
        let all = self.sns.list_subscriptions_by_topic().topic_arn(&self.arn).into_paginator().items().send();
        let all = all.collect::<Result<Vec<_>, _>>().await;
        let all = named(all, "sns:ListSubscriptionsByTopic", &self.arn, &self.stack)?;
        let subscriptions = all.into_iter().filter_map(|subscription| {
            let queue = subscription.endpoint()?.rsplit(':').next()?;
            is_left_behind(&self.stack, queue, now).then_some(subscription.subscription_arn?)
        });
        Ok(LeftBehind { queues, subscriptions: subscriptions.collect() })
    }

    /// Removes it; returns the number of things that were removed.
    ///
    /// # Errors
    /// If the profile may not.
    pub async fn clean(&self, left: &LeftBehind) -> Result<usize> {
        for subscription in &left.subscriptions {
            self.unsubscribe(subscription).await?;
        }
        for url in &left.queues {
            self.delete_queue(url).await?;
        }
        Ok(left.queues.len().saturating_add(left.subscriptions.len()))
    }

    async fn unsubscribe(&self, subscription: &str) -> Result<()> {
        let response = self.sns.unsubscribe().subscription_arn(subscription).send().await;
        let is_gone = response.as_ref().is_err_and(|error| error.code() == Some("NotFound"));
        if is_gone { Ok(()) } else { named(response, "sns:Unsubscribe", subscription, &self.stack).map(drop) }
    }

    async fn delete_queue(&self, url: &str) -> Result<()> {
        let response = self.sqs.delete_queue().queue_url(url).send().await;
        let is_gone = |code: &str| code.ends_with("NonExistentQueue") || code.ends_with("QueueDoesNotExist");
        if response.as_ref().is_err_and(|error| error.code().is_some_and(is_gone)) {
            return Ok(());
        }
        named(response, "sqs:DeleteQueue", url, &self.stack).map(drop)
    }

    /// The stack's own key, if its queues have one: what is encrypted there is not less so here.
    async fn key(&self) -> Result<Option<String>> {
        let queue = format!("{}-actions.fifo", self.stack);
        let url = named(
            self.sqs.get_queue_url().queue_name(&queue).send().await,
            "sqs:GetQueueUrl",
            &queue,
            &self.stack,
        )?;
        let request = self.sqs.get_queue_attributes().set_queue_url(url.queue_url);
        let response = request.attribute_names(Attribute::KmsMasterKeyId).send().await;
        let response = named(response, "sqs:GetQueueAttributes", &queue, &self.stack)?;
        let key = response.attributes.and_then(|mut all| all.remove(&Attribute::KmsMasterKeyId));
        Ok(key.filter(|key| !key.is_empty()))
    }

    /// A queue beside the topic: `arn:aws:sns:region:account:topic`.
    fn queue_arn(&self, queue: &str) -> Result<String> {
        let parts: Vec<&str> = self.arn.split(':').collect();
        let [arn, partition, _, region, account, _] = parts.as_slice() else {
            anyhow::bail!("{} is not a topic's ARN", self.arn)
        };
        Ok([arn, partition, "sqs", region, account, queue].join(":"))
    }
}

/// The URLs of the queues that crashed runs left.
pub(crate) async fn old_queues(
    sqs: &aws_sdk_sqs::Client,
    stack: &str,
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    let request = sqs.list_queues().queue_name_prefix(format!("{stack}{MARK}")).max_results(1000);
    let listed = named(request.send().await, "sqs:ListQueues", "*", stack)?;
    let urls = listed.queue_urls.unwrap_or_default().into_iter();
    Ok(urls.filter(|url| is_left_behind(stack, url.rsplit('/').next().unwrap_or_default(), now)).collect())
}

fn name(stack: &str, now: Timestamp, id: &str) -> String {
    format!("{stack}{MARK}{}_{id}.fifo", now.as_seconds())
}

/// Whether this is a queue of a run of this stack that began too long ago.
fn is_left_behind(stack: &str, queue: &str, now: Timestamp) -> bool {
    let rest = queue.strip_prefix(stack).and_then(|rest| rest.strip_prefix(MARK));
    let began = rest.and_then(|rest| rest.split_once('_')?.0.parse::<u64>().ok());
    began.is_some_and(|began| now.since(Timestamp::from_seconds(began)) > LEFT_BEHIND)
}

#[cfg(test)]
#[path = "temporary_tests.rs"]
mod tests;
