//! Everything that the stack stored or logged, for tests that search it for a person's data or a secret.

use super::Stack;
use anyhow::Result;
use automations::store::unpack;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use std::fmt::Write as _;

/// The kind of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputKind {
    /// A log line of a function, metrics and errors included.
    Log,
    /// The attributes of a queue.
    Queue,
    /// The attributes of a dead letter.
    DeadLetterAttribute,
    /// The body of a dead letter, which may contain a webhook's body or a lead.
    DeadLetterBody,
    /// An item of the table.
    Item,
    /// The template, a stack's parameters, outputs or events, a function's variables or a description.
    Configuration,
    /// The arguments of a process on this machine.
    Process,
}

/// A text that the stack stored or logged.
#[derive(Debug, Clone)]
pub struct StoredText {
    /// Its kind.
    pub kind: OutputKind,
    /// The name of the log group or queue, or the key of the item.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Stack {
    /// All texts that were written before the call.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn stored_texts(&self) -> Result<Vec<StoredText>> {
        let mut all = self.log_texts().await?;
        all.extend(self.queue_texts().await?);
        all.extend(self.item_texts().await?);
        let functions = self.lambda.list_functions().into_paginator().items().send();
        for function in functions.collect::<Result<Vec<_>, _>>().await? {
            let name = function.function_name().unwrap_or_default().to_owned();
            // Separately, because `Debug` of a function hides them.
            let variables = function.environment().and_then(|environment| environment.variables());
            let text = format!("{function:?} {variables:?}");
            all.push(StoredText { kind: OutputKind::Configuration, name, text });
        }
        for stack in self.cloudformation.describe_stacks().send().await?.stacks.unwrap_or_default() {
            let name = stack.stack_name.clone().unwrap_or_default();
            let events = self.cloudformation.describe_stack_events().stack_name(&name).send().await?;
            all.push(StoredText {
                kind: OutputKind::Configuration,
                name,
                text: format!("{stack:?} {events:?}"),
            });
        }
        all.extend(process_texts()?);
        let resources = serde_json::to_string(&self.resources().await?)?;
        all.push(StoredText {
            kind: OutputKind::Configuration,
            name: "template".to_owned(),
            text: resources,
        });
        Ok(all)
    }

    async fn log_texts(&self) -> Result<Vec<StoredText>> {
        let mut all = Vec::new();
        let groups = self.logs.describe_log_groups().into_paginator().items().send();
        for group in groups.collect::<Result<Vec<_>, _>>().await? {
            let name = group.log_group_name().unwrap_or_default().to_owned();
            let pages = self.logs.filter_log_events().log_group_name(&name).into_paginator().send();
            for page in pages.collect::<Result<Vec<_>, _>>().await? {
                let texts = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
                all.extend(texts.map(|text| StoredText { kind: OutputKind::Log, name: name.clone(), text }));
            }
        }
        Ok(all)
    }

    async fn queue_texts(&self) -> Result<Vec<StoredText>> {
        let mut all = Vec::new();
        for url in self.sqs.list_queues().send().await?.queue_urls() {
            let name = url.rsplit('/').next().unwrap_or_default().to_owned();
            let attributes = self.sqs.get_queue_attributes().queue_url(url);
            let attributes = attributes.attribute_names(QueueAttributeName::All).send().await?;
            let text = format!("{:?}", attributes.attributes());
            all.push(StoredText { kind: OutputKind::Queue, name: name.clone(), text });
            if name.contains("dead-letters") {
                all.extend(self.dead_letter_texts(url, &name).await?);
            }
        }
        Ok(all)
    }

    /// Receives without deleting: each message is visible again at once, so the same one may be received twice.
    async fn dead_letter_texts(&self, url: &str, name: &str) -> Result<Vec<StoredText>> {
        let mut all = Vec::new();
        for _ in 0..8 {
            let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let request = request.visibility_timeout(1).message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
            for message in request.send().await?.messages() {
                let mut text = String::new();
                write!(text, "{:?} {:?}", message.message_attributes(), message.attributes())?;
                all.push(StoredText { kind: OutputKind::DeadLetterAttribute, name: name.to_owned(), text });
                let text = message.body().unwrap_or_default().to_owned();
                all.push(StoredText { kind: OutputKind::DeadLetterBody, name: name.to_owned(), text });
            }
        }
        Ok(all)
    }

    async fn item_texts(&self) -> Result<Vec<StoredText>> {
        let items = self.dynamodb.scan().table_name(&self.addresses.table).into_paginator().items().send();
        let items = items.collect::<Result<Vec<_>, _>>().await?;
        let texts = items.into_iter().map(|item| {
            let name = item.get("pk").and_then(|pk| pk.as_s().ok().cloned()).unwrap_or_default();
            let values = item.iter().map(|(attribute, value)| match unpack(value) {
                Some(text) => format!("{attribute}: {text}\n"),
                None => format!("{attribute}: {value:?}\n"),
            });
            StoredText { kind: OutputKind::Item, name, text: values.collect() }
        });
        Ok(texts.collect())
    }
}

fn process_texts() -> Result<Vec<StoredText>> {
    let mut all = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        // The process may have ended since.
        let Ok(arguments) = std::fs::read(process.path().join("cmdline")) else { continue };
        let text = String::from_utf8_lossy(&arguments).into_owned();
        let name = process.file_name().to_string_lossy().into_owned();
        all.push(StoredText { kind: OutputKind::Process, name, text });
    }
    Ok(all)
}
