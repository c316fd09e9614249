//! A stack's dead-letter queues: those that it made, and not those whose names begin alike. `automations-dev` may stand beside
//! `automations`.

use crate::letters::DeadLetterQueues;
use anyhow::{Context as _, Result};

/// A dead-letter queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) url: String,
}

impl DeadLetterQueues {
    /// Those of the stack and of the stacks nested in it, by name.
    pub(crate) async fn queues(&self) -> Result<Vec<Queue>> {
        let mut queues = Vec::new();
        let mut stacks = vec![self.stack.clone()];
        while let Some(name) = stacks.pop() {
            let request = self.cloudformation.list_stack_resources().stack_name(&name);
            let mut pages = request.into_paginator().items().send();
            while let Some(resource) = pages.next().await {
                let resource = resource.with_context(|| {
                    format!(
                        "the stack {} cannot be looked at; is this the right account and region?",
                        self.stack
                    )
                })?;
                let Some(id) = resource.physical_resource_id else { continue };
                match resource.resource_type.as_deref() {
                    Some("AWS::CloudFormation::Stack") => stacks.push(id),
                    Some("AWS::SQS::Queue") => {
                        let name = id.rsplit('/').next().unwrap_or_default().to_owned();
                        queues.push(Queue { name, url: id });
                    }
                    _ => {}
                }
            }
        }
        queues.retain(|queue| queue.name.contains("-dead-letters"));
        queues.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(queues)
    }
}
