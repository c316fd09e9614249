//! Everything that the stack wrote, for tests that look for what must not be in it: a person's data, a secret.

use super::Stack;
use anyhow::Result;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use std::fmt::Write as _;

/// Where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Where {
    /// In a log group: the functions' lines, the metrics' among them, and the errors that they ended with.
    Log,
    /// In a queue's own attributes.
    Queue,
    /// In the attributes of a message that was given up.
    LetterAttribute,
    /// In the body of a message that was given up: as it was sent, so it may hold a webhook's body or a lead.
    LetterBody,
    /// In an item of the table.
    Item,
    /// In the template, a stack's parameters, outputs or events, a function's variables or a description.
    Configuration,
    /// In the arguments of a process of this machine.
    Process,
}

/// One thing that was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Where.
    pub place: Where,
    /// Its name there: a log group, a queue, an item's key.
    pub name: String,
    /// What.
    pub text: String,
}

impl Stack {
    /// All of it. Lines that were written before the stack was asked are in it; what is under way may not be.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn written(&self) -> Result<Vec<Written>> {
        let mut all = self.logs_written().await?;
        all.extend(self.queues_written().await?);
        all.extend(self.items_written().await?);
        let functions = self.lambda.list_functions().into_paginator().items().send();
        for function in functions.collect::<Result<Vec<_>, _>>().await? {
            let name = function.function_name().unwrap_or_default().to_owned();
            // By themselves, as `Debug` of a function hides them.
            let variables = function.environment().and_then(|environment| environment.variables());
            let text = format!("{function:?} {variables:?}");
            all.push(Written { place: Where::Configuration, name, text });
        }
        for stack in self.cloudformation.describe_stacks().send().await?.stacks.unwrap_or_default() {
            let name = stack.stack_name.clone().unwrap_or_default();
            let events = self.cloudformation.describe_stack_events().stack_name(&name).send().await?;
            all.push(Written { place: Where::Configuration, name, text: format!("{stack:?} {events:?}") });
        }
        all.extend(processes_written()?);
        let resources = serde_json::to_string(&self.resources().await?)?;
        all.push(Written { place: Where::Configuration, name: "template".to_owned(), text: resources });
        Ok(all)
    }

    async fn logs_written(&self) -> Result<Vec<Written>> {
        let mut all = Vec::new();
        let groups = self.logs.describe_log_groups().into_paginator().items().send();
        for group in groups.collect::<Result<Vec<_>, _>>().await? {
            let name = group.log_group_name().unwrap_or_default().to_owned();
            let pages = self.logs.filter_log_events().log_group_name(&name).into_paginator().send();
            for page in pages.collect::<Result<Vec<_>, _>>().await? {
                let texts = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
                all.extend(texts.map(|text| Written { place: Where::Log, name: name.clone(), text }));
            }
        }
        Ok(all)
    }

    async fn queues_written(&self) -> Result<Vec<Written>> {
        let mut all = Vec::new();
        for url in self.sqs.list_queues().send().await?.queue_urls() {
            let name = url.rsplit('/').next().unwrap_or_default().to_owned();
            let attributes = self.sqs.get_queue_attributes().queue_url(url);
            let attributes = attributes.attribute_names(QueueAttributeName::All).send().await?;
            let text = format!("{:?}", attributes.attributes());
            all.push(Written { place: Where::Queue, name: name.clone(), text });
            if name.contains("dead-letters") {
                all.extend(self.letters_written(url, &name).await?);
            }
        }
        Ok(all)
    }

    /// Looked at without being taken: each is visible again at once, so the same one may come twice.
    async fn letters_written(&self, url: &str, name: &str) -> Result<Vec<Written>> {
        let mut all = Vec::new();
        for _ in 0..8 {
            let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let request = request.visibility_timeout(1).message_attribute_names("All");
            let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
            for message in request.send().await?.messages() {
                let mut text = String::new();
                write!(text, "{:?} {:?}", message.message_attributes(), message.attributes())?;
                all.push(Written { place: Where::LetterAttribute, name: name.to_owned(), text });
                let text = message.body().unwrap_or_default().to_owned();
                all.push(Written { place: Where::LetterBody, name: name.to_owned(), text });
            }
        }
        Ok(all)
    }

    async fn items_written(&self) -> Result<Vec<Written>> {
        let items = self.dynamodb.scan().table_name(&self.place.table).into_paginator().items().send();
        let items = items.collect::<Result<Vec<_>, _>>().await?;
        let written = items.into_iter().map(|item| {
            let name = item.get("pk").and_then(|pk| pk.as_s().ok().cloned()).unwrap_or_default();
            Written { place: Where::Item, name, text: format!("{item:?}") }
        });
        Ok(written.collect())
    }
}

fn processes_written() -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for process in std::fs::read_dir("/proc")? {
        let process = process?;
        // One that has ended since has no arguments any more.
        let Ok(arguments) = std::fs::read(process.path().join("cmdline")) else { continue };
        let text = String::from_utf8_lossy(&arguments).into_owned();
        let name = process.file_name().to_string_lossy().into_owned();
        all.push(Written { place: Where::Process, name, text });
    }
    Ok(all)
}
