//! The resources of a stack and of the stacks nested in it. A name that begins alike proves nothing: `automations-dev` may be
//! deployed beside `automations`.

use anyhow::{Context as _, Result};
use aws_sdk_cloudformation::Client;
use futures::future::try_join_all;

/// The physical ids of the resources of this type, such as `AWS::SQS::Queue`: a queue's is its URL, a function's its name. The
/// stacks of a level are read at the same time.
pub(crate) async fn of_type(cloudformation: &Client, stack: &str, wanted: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut stacks = vec![stack.to_owned()];
    while !stacks.is_empty() {
        let resources = try_join_all(stacks.iter().map(|name| of_stack(cloudformation, stack, name)));
        let resources = resources.await?;
        stacks.clear();
        for (kind, id) in resources.into_iter().flatten() {
            match kind.as_str() {
                "AWS::CloudFormation::Stack" => stacks.push(id),
                kind if kind == wanted => found.push(id),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The resources of one stack, by type and physical id.
async fn of_stack(cloudformation: &Client, stack: &str, name: &str) -> Result<Vec<(String, String)>> {
    let mut resources =
        cloudformation.list_stack_resources().stack_name(name).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(resource) = resources.next().await {
        let resource = resource.with_context(|| {
            format!("the stack {stack} cannot be read; check --profile, --region and --stack")
        })?;
        found.extend(resource.resource_type.zip(resource.physical_resource_id));
    }
    Ok(found)
}

/// The ARN of a stack's topic of events.
pub(crate) async fn topic(cloudformation: &Client, stack: &str) -> Result<String> {
    let topics = of_type(cloudformation, stack, "AWS::SNS::Topic").await?;
    let topic = topics.into_iter().find(|arn| arn.ends_with(&format!(":{stack}-events.fifo")));
    topic.with_context(|| format!("the stack {stack} has no topic of events; check --stack"))
}
