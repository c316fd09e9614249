//! The template as it is deployed: its loops written out and SAM's types turned into CloudFormation's, nested stacks too.

use super::{Stack, aws};
use anyhow::{Context as _, Result};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{StackResourceSummary, TemplateStage};
use serde_json::{Map, Value, json};

impl Stack {
    /// Every resource that is deployed, by its logical id; a nested stack's among them, as `Roles.Reconciler`. What a nested
    /// stack calls `Application` is the name of this one, and is written so.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn resources(&self) -> Result<Map<String, Value>> {
        let client = Client::new(&aws::load()?);
        let mut all = template(&client, &self.addresses.stack).await?;
        for resource in resources_of(&client, &self.addresses.stack).await? {
            if resource.resource_type() == Some("AWS::CloudFormation::Stack") {
                let nested = resource.physical_resource_id().context("a nested stack without a name")?;
                let own = resource.logical_resource_id().context("a nested stack without an id")?;
                let nested = template(&client, nested).await?;
                all.extend(nested.into_iter().map(|(id, value)| (format!("{own}.{id}"), named(value))));
            }
        }
        Ok(all)
    }
}

/// The resources of a stack, from every page.
///
/// # Errors
/// If a request fails.
pub async fn resources_of(client: &Client, stack: &str) -> Result<Vec<StackResourceSummary>> {
    let mut pages = client.list_stack_resources().stack_name(stack).into_paginator().items().send();
    let mut resources = Vec::new();
    while let Some(resource) = pages.next().await {
        resources.push(resource?);
    }
    Ok(resources)
}

/// The resources of a stack and of its nested stacks, each with its logical id, such as `Roles.Reconciler`.
///
/// # Errors
/// If a request fails.
pub async fn every_resource_of(client: &Client, stack: &str) -> Result<Vec<(String, StackResourceSummary)>> {
    let mut all = Vec::new();
    for resource in resources_of(client, stack).await? {
        let id = resource.logical_resource_id().context("a resource without an id")?.to_owned();
        if resource.resource_type() == Some("AWS::CloudFormation::Stack") {
            let nested = resource.physical_resource_id().context("a nested stack without a name")?;
            for resource in resources_of(client, nested).await? {
                let own = resource.logical_resource_id().context("a resource without an id")?;
                all.push((format!("{id}.{own}"), resource));
            }
        }
        all.push((id, resource));
    }
    Ok(all)
}

async fn template(client: &Client, stack: &str) -> Result<Map<String, Value>> {
    let request = client.get_template().stack_name(stack).template_stage(TemplateStage::Processed);
    let body = request.send().await?.template_body.context("a stack without a template")?;
    // JSON is YAML too; a nested stack's is as `sam package` wrote it.
    let mut template: Value = serde_norway::from_str(&body).context("the template cannot be read")?;
    let resources = template.get_mut("Resources").map(Value::take);
    match resources {
        Some(Value::Object(resources)) => Ok(resources),
        _ => anyhow::bail!("a template without resources"),
    }
}

/// A nested stack's resource as the outermost one would say it.
fn named(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace("${Application}", "${AWS::StackName}").into(),
        Value::Array(all) => all.into_iter().map(named).collect(),
        Value::Object(all) if all.get("Ref").is_some_and(|to| to == "Application") => {
            json!({ "Ref": "AWS::StackName" })
        }
        Value::Object(all) => all.into_iter().map(|(key, value)| (key, named(value))).collect(),
        other => other,
    }
}
