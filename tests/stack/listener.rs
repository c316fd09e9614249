//! Receives an organisation's events from the real bus, through its own rule and queue.

use super::Stack;
use anyhow::{Context as _, Result};
use automations::Event;
use automations::json::from_json;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde::Deserialize;
use serde_json::json;

/// A subscription to an organisation's events.
#[derive(Debug)]
pub struct Listener<'a> {
    stack: &'a Stack,
    queue: String,
}

#[derive(Deserialize)]
struct BusEvent {
    #[serde(rename = "detail-type")]
    kind: String,
    detail: Event,
}

impl Stack {
    /// Subscribes to an organisation's events.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn listen(&self, organisation: &str) -> Result<Listener<'_>> {
        let queue = self.subscribe(&format!("listener-{organisation}"), organisation).await?;
        Ok(Listener { stack: self, queue })
    }

    /// Creates a queue with this name that receives an organisation's events; returns its URL.
    pub(super) async fn subscribe(&self, name: &str, organisation: &str) -> Result<String> {
        let queue = self.new_queue(name).await?;
        let request = self.sqs.get_queue_attributes().queue_url(&queue);
        let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await?;
        let arn = answer
            .attributes()
            .and_then(|all| all.get(&QueueAttributeName::QueueArn))
            .context("no queue ARN")?;
        let pattern = json!({ "source": ["salestrekker"], "detail": { "organisation": [organisation] } });
        let rule = self.events.put_rule().name(name).event_bus_name(&self.addresses.bus);
        rule.event_pattern(pattern.to_string()).send().await?;
        let target = Target::builder().id("queue").arn(arn).build()?;
        self.events
            .put_targets()
            .rule(name)
            .event_bus_name(&self.addresses.bus)
            .targets(target)
            .send()
            .await?;
        Ok(queue)
    }

    /// Creates a queue with this name; returns its URL.
    pub(super) async fn new_queue(&self, name: &str) -> Result<String> {
        self.sqs.create_queue().queue_name(name).send().await?.queue_url.context("no queue URL")
    }
}

impl Listener<'_> {
    /// The events since the last call.
    ///
    /// # Errors
    /// If the request fails, or an event's `detail-type` is not its kind.
    pub async fn received(&self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            let request = self.stack.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
            let messages = request.send().await?.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(events);
            }
            for message in messages {
                let event: BusEvent = from_json(message.body().unwrap_or_default().as_bytes())?;
                anyhow::ensure!(
                    event.kind == event.detail.kind.name(),
                    "a detail-type that is not the event's kind"
                );
                events.push(event.detail);
                let receipt = message.receipt_handle.unwrap_or_default();
                self.stack.sqs.delete_message().queue_url(&self.queue).receipt_handle(receipt).send().await?;
            }
        }
    }
}
