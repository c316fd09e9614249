//! Runs a test's own handler in the test's process, on the real topic, queues and worker.

use super::{Organisation, Stack};
use anyhow::Result;
use automations::aws::batch::SourceQueue;
use automations::aws::queue::Queue;
use automations::aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use automations::clock;
use automations::handler::{Decide, Decides, Handler, SettingsByOrganisation};
use automations::model::until::Until;
use automations::telemetry::metric::SourceKind;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as System};
use serde_json::json;
use std::time::Duration;

/// A handler with its queue.
#[derive(Debug)]
pub struct Hosted<'a, Settings, D = Decide<Settings>> {
    stack: &'a Stack,
    handler: Handler<Settings, D>,
    queue: String,
    /// The name of its dead-letter queue.
    pub dead_letters: String,
}

impl Organisation<'_> {
    /// Hosts a handler that receives all events of this organisation.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn host<Settings>(
        &self,
        name: &'static str,
        decide: Decide<Settings>,
        settings: Settings,
    ) -> Result<Hosted<'_, Settings>> {
        self.host_any(name, decide, settings).await
    }

    /// Hosts a handler with any kind of decision function.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn host_any<Settings, D>(
        &self,
        name: &'static str,
        decide: D,
        settings: Settings,
    ) -> Result<Hosted<'_, Settings, D>> {
        let stack = self.stack;
        let own = json!({ "organisation": [self.name] });
        let queue = stack.subscribe(&format!("hosted-{}-{name}", self.name), &own).await?;
        let dead_letters = format!("hosted-{}-{name}-dead-letters", self.name);
        let dead = stack.new_queue(&dead_letters).await?;
        let handler = Handler {
            name: name.to_owned(),
            decide,
            settings: SettingsByOrganisation::fixed(settings, false),
            source: SourceQueue::new(
                stack.sqs.clone(),
                SourceKind::Events,
                name.to_owned(),
                queue.clone(),
                dead,
            ),
            actions: Queue::new(stack.sqs.clone(), stack.queue_url(&stack.addresses.actions_queue).await?),
            max_chain: 5,
            until: None,
        };
        Ok(Hosted { stack, handler, queue, dead_letters: format!("{dead_letters}.fifo") })
    }
}

impl<Settings, D: Decides<Settings>> Hosted<'_, Settings, D> {
    /// The same, whose decisions are put off until then.
    #[must_use]
    pub fn deciding(mut self, until: Until) -> Self {
        self.handler.until = Some(until);
        self
    }

    /// Its settings, in which a test's handler may record its calls.
    pub fn settings(&self) -> &Settings {
        self.handler.settings.of_entry()
    }

    /// Processes one batch of its queue, as on Lambda; returns the number of messages.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn work(&self) -> Result<usize> {
        let request = self.stack.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let request = request.message_system_attribute_names(System::All);
        let messages = request.send().await?.messages.unwrap_or_default();
        let mut batch = SqsEvent::default();
        batch.records = messages.iter().map(record).collect();
        let until = clock::now().later(Duration::from_secs(30));
        let failed = self.handler.work(batch, until).await?.batch_item_failures;
        let count = messages.len();
        for message in messages {
            if failed.iter().any(|failure| Some(failure.item_identifier.as_str()) == message.message_id()) {
                continue;
            }
            let receipt = message.receipt_handle.unwrap_or_default();
            self.stack.sqs.delete_message().queue_url(&self.queue).receipt_handle(receipt).send().await?;
        }
        Ok(count)
    }
}

fn record(message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id.clone_from(&message.message_id);
    record.receipt_handle.clone_from(&message.receipt_handle);
    record.body.clone_from(&message.body);
    let attributes = message.attributes().into_iter().flatten();
    record.attributes =
        attributes.map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).collect();
    record
}
