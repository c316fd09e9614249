//! Receives an organisation's events from the real topic, through its own subscription and queue.

use super::Stack;
use anyhow::{Context as _, Result};
use automations::Event;
use automations::json::from_json;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::{Value, json};

/// A subscription to an organisation's events.
#[derive(Debug)]
pub struct Listener<'a> {
    stack: &'a Stack,
    queue: String,
}

impl Stack {
    /// Subscribes to an organisation's events.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn listen(&self, organisation: &str) -> Result<Listener<'_>> {
        self.listen_to(&format!("listener-{organisation}"), &json!({ "organisation": [organisation] })).await
    }

    /// Subscribes to the events that this filter policy accepts.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn listen_to(&self, name: &str, filter: &Value) -> Result<Listener<'_>> {
        Ok(Listener { stack: self, queue: self.subscribe(name, filter).await? })
    }

    /// Creates a FIFO queue that receives the events that this filter policy accepts; returns its URL.
    pub(super) async fn subscribe(&self, name: &str, filter: &Value) -> Result<String> {
        let queue = self.new_queue(name).await?;
        let request = self.sqs.get_queue_attributes().queue_url(&queue);
        let answer = request.attribute_names(Attribute::QueueArn).send().await?;
        let arn =
            answer.attributes().and_then(|all| all.get(&Attribute::QueueArn)).context("no queue ARN")?;
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": self.addresses.topic } },
        }] });
        let request = self.sqs.set_queue_attributes().queue_url(&queue);
        request.attributes(Attribute::Policy, policy.to_string()).send().await?;
        let request = self.sns.subscribe().topic_arn(&self.addresses.topic).protocol("sqs").endpoint(arn);
        request
            .attributes("RawMessageDelivery", "true")
            .attributes("FilterPolicyScope", "MessageBody")
            .attributes("FilterPolicy", filter.to_string())
            .send()
            .await?;
        Ok(queue)
    }

    /// Creates a FIFO queue; returns its URL.
    pub(super) async fn new_queue(&self, name: &str) -> Result<String> {
        let request = self.sqs.create_queue().queue_name(format!("{name}.fifo"));
        let request = request
            .attributes(Attribute::FifoQueue, "true")
            .attributes(Attribute::DeduplicationScope, "messageGroup")
            .attributes(Attribute::FifoThroughputLimit, "perMessageGroupId");
        request.send().await?.queue_url.context("no queue URL")
    }
}

impl Listener<'_> {
    /// The events since the last call.
    ///
    /// # Errors
    /// If the request fails, or a message is not an event.
    pub async fn received(&self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            let request = self.stack.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let messages = request.send().await?.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(events);
            }
            for message in messages {
                events.push(from_json(message.body().unwrap_or_default().as_bytes())?);
                let receipt = message.receipt_handle.unwrap_or_default();
                self.stack.sqs.delete_message().queue_url(&self.queue).receipt_handle(receipt).send().await?;
            }
        }
    }
}
