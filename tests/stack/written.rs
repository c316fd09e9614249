//! Everything that a stack wrote, as text: what a test plants is looked for in it.

use super::Stack;
use anyhow::Result;
use aws_sdk_sqs::types::{MessageSystemAttributeName as System, QueueAttributeName};

/// A message that was looked at is hidden for so long, in seconds: it is counted once.
const HIDDEN: i32 = 5;

/// Something that was written.
#[derive(Debug)]
pub struct Written {
    /// Where: a log group, a queue, the table, a function's configuration, a stack.
    pub place: String,
    /// What.
    pub text: String,
}

impl Stack {
    /// Everything that the stack wrote: logs, messages with their attributes, items, functions' variables, stacks with their
    /// templates, parameters, outputs and events, and the arguments of every process here. Messages are hidden
    /// for seconds by it: nothing should be on its way.
    ///
    /// # Errors
    /// As a request fails.
    pub async fn written(&self) -> Result<Vec<Written>> {
        let mut written = Vec::new();
        self.logs_written(&mut written).await?;
        self.messages_written(&mut written).await?;
        self.items_written(&mut written).await?;
        self.deployed_written(&mut written).await?;
        processes_written(&mut written)?;
        Ok(written)
    }

    async fn logs_written(&self, written: &mut Vec<Written>) -> Result<()> {
        let mut groups = self.logs.describe_log_groups().into_paginator().items().send();
        while let Some(group) = groups.next().await.transpose()? {
            let place = group.log_group_name.unwrap_or_default();
            let mut pages = self.logs.filter_log_events().log_group_name(&place).into_paginator().send();
            while let Some(page) = pages.next().await.transpose()? {
                let texts = page.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
                written.extend(texts.map(|text| Written { place: place.clone(), text }));
            }
        }
        Ok(())
    }

    async fn messages_written(&self, written: &mut Vec<Written>) -> Result<()> {
        for url in self.sqs.list_queues().send().await?.queue_urls.unwrap_or_default() {
            let attributes = self.sqs.get_queue_attributes().queue_url(&url);
            let attributes = attributes.attribute_names(QueueAttributeName::All).send().await?.attributes;
            written.push(Written { place: url.clone(), text: format!("{attributes:?}") });
            loop {
                let request = self.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
                let request = request.visibility_timeout(HIDDEN).message_attribute_names("All");
                let answer = request.message_system_attribute_names(System::All).send().await?;
                let messages = answer.messages.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                let text = |message| Written { place: url.clone(), text: format!("{message:?}") };
                written.extend(messages.into_iter().map(text));
            }
        }
        Ok(())
    }

    async fn items_written(&self, written: &mut Vec<Written>) -> Result<()> {
        let table = &self.place.table;
        let mut items = self.dynamodb.scan().table_name(table).into_paginator().items().send();
        while let Some(item) = items.next().await.transpose()? {
            written.push(Written { place: table.clone(), text: format!("{item:?}") });
        }
        Ok(())
    }

    async fn deployed_written(&self, written: &mut Vec<Written>) -> Result<()> {
        let mut functions = self.lambda.list_functions().into_paginator().items().send();
        while let Some(function) = functions.next().await.transpose()? {
            let place = function.function_name.clone().unwrap_or_default();
            // As Debug hides a function's variables.
            let variables = function.environment().and_then(|environment| environment.variables());
            written.push(Written { place, text: format!("{function:?} {variables:?}") });
        }
        for stack in self.cloudformation.describe_stacks().send().await?.stacks.unwrap_or_default() {
            let place = stack.stack_name.clone().unwrap_or_default();
            let template = self.cloudformation.get_template().stack_name(&place).send().await?;
            let events = self.cloudformation.describe_stack_events().stack_name(&place).send().await?;
            written.push(Written { place, text: format!("{stack:?} {template:?} {events:?}") });
        }
        Ok(())
    }
}

fn processes_written(written: &mut Vec<Written>) -> Result<()> {
    for process in std::fs::read_dir("/proc")? {
        // One that has ended since has no arguments any more.
        let Ok(arguments) = std::fs::read(process?.path().join("cmdline")) else { continue };
        let text = String::from_utf8_lossy(&arguments).into_owned();
        written.push(Written { place: "a process's arguments".to_owned(), text });
    }
    Ok(())
}
