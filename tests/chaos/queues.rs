//! The queues of the deployed stack, whatever they are called: how much is in them, and what is dead-lettered.

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use end_to_end::stack::{Stack, resources_of};

/// The queues by their URLs.
#[derive(Debug, Default)]
pub(crate) struct Queues {
    work: Vec<String>,
    dead_letters: Vec<String>,
}

/// A message in a dead-letter queue.
#[derive(Debug)]
pub(crate) struct DeadLetter {
    /// The queue's name, without the stack's.
    pub(crate) queue: String,
    pub(crate) body: String,
    pub(crate) reason: String,
    pub(crate) last_failure: String,
}

impl Queues {
    /// The queues of the stack and of its nested stacks.
    pub(crate) async fn of(stack: &Stack) -> Result<Self> {
        let mut queues = Self::default();
        let mut stacks = vec![stack.addresses.stack.clone()];
        while let Some(name) = stacks.pop() {
            for resource in resources_of(&stack.cloudformation, &name).await? {
                let id = resource.physical_resource_id().unwrap_or_default().to_owned();
                match resource.resource_type() {
                    Some("AWS::CloudFormation::Stack") => stacks.push(id),
                    Some("AWS::SQS::Queue") if id.contains("dead-letters") => queues.dead_letters.push(id),
                    Some("AWS::SQS::Queue") => queues.work.push(id),
                    _ => {}
                }
            }
        }
        anyhow::ensure!(!queues.work.is_empty() && !queues.dead_letters.is_empty(), "no queues: {queues:?}");
        Ok(queues)
    }

    /// The number of messages that are not done: waiting, in flight, delayed.
    pub(crate) async fn depth(&self, stack: &Stack) -> Result<u64> {
        let mut depth: u64 = 0;
        for url in &self.work {
            let request = stack.sqs.get_queue_attributes().queue_url(url);
            let response = request.attribute_names(QueueAttributeName::All).send().await?;
            let all = response.attributes.context("a queue without attributes")?;
            let counts = [
                QueueAttributeName::ApproximateNumberOfMessages,
                QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
                QueueAttributeName::ApproximateNumberOfMessagesDelayed,
            ];
            let counts = counts.iter().filter_map(|name| all.get(name)?.parse::<u64>().ok());
            depth = depth.saturating_add(counts.sum());
        }
        Ok(depth)
    }

    /// Receives and deletes all dead letters.
    pub(crate) async fn take_dead_letters(&self, stack: &Stack) -> Result<Vec<DeadLetter>> {
        let mut taken = Vec::new();
        for url in &self.dead_letters {
            let name = url.rsplit('/').next().unwrap_or_default();
            let queue = name.strip_prefix(&format!("{}-", stack.addresses.stack)).unwrap_or(name);
            loop {
                let request = stack.sqs.receive_message().queue_url(url).max_number_of_messages(10);
                let response = request.message_attribute_names("All").send().await?;
                let messages = response.messages.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                for message in messages {
                    let attribute = |name: &str| {
                        message.message_attributes()?.get(name)?.string_value().map(str::to_owned)
                    };
                    taken.push(DeadLetter {
                        queue: queue.to_owned(),
                        // SQS moves a message without attributes.
                        reason: attribute("reason").unwrap_or_else(|| MOVED_BY_QUEUE.to_owned()),
                        last_failure: attribute("last_failure").unwrap_or_default(),
                        body: message.body().unwrap_or_default().to_owned(),
                    });
                    let receipt = message.receipt_handle().unwrap_or_default();
                    stack.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await?;
                }
            }
        }
        Ok(taken)
    }
}

/// The reason code of a message that SQS moved by itself.
pub(crate) const MOVED_BY_QUEUE: &str = "max_receives_exceeded";
