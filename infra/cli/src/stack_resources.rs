//! The resources of a stack and of the stacks nested in it. A name that begins alike proves nothing: `automations-dev` may be
//! deployed beside `automations`.

use anyhow::{Context as _, Result};
use aws_sdk_cloudformation::Client;

/// The physical ids of the resources of this type, such as `AWS::SQS::Queue`: a queue's is its URL, a function's its name.
pub(crate) async fn of_type(cloudformation: &Client, stack: &str, wanted: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut stacks = vec![stack.to_owned()];
    while let Some(name) = stacks.pop() {
        let request = cloudformation.list_stack_resources().stack_name(&name);
        let mut resources = request.into_paginator().items().send();
        while let Some(resource) = resources.next().await {
            let resource = resource.with_context(|| {
                format!("the stack {stack} cannot be read; check --profile, --region and --stack")
            })?;
            let Some(id) = resource.physical_resource_id else { continue };
            match resource.resource_type.as_deref() {
                Some("AWS::CloudFormation::Stack") => stacks.push(id),
                Some(kind) if kind == wanted => found.push(id),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The ARN of a stack's topic of events.
pub(crate) async fn topic(cloudformation: &Client, stack: &str) -> Result<String> {
    let topics = of_type(cloudformation, stack, "AWS::SNS::Topic").await?;
    let topic = topics.into_iter().find(|arn| arn.ends_with(&format!(":{stack}-events.fifo")));
    topic.with_context(|| format!("the stack {stack} has no topic of events; check --stack"))
}
