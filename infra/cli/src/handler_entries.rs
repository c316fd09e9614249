//! The handlers' entries: their settings and filter policies, as they are deployed or as a checkout's template.yaml has them.

use crate::stack_resources;
use crate::template_table;
use anyhow::{Context as _, Result, bail};
use aws_sdk_lambda::types::EnvironmentResponse;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Functions and subscriptions that are read at the same time.
const AT_ONCE: usize = 8;

/// One handler's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its `Name`.
    pub name: String,
    /// Its settings as JSON; empty if it has none.
    pub settings: String,
    /// The filter policies of its subscriptions.
    pub policies: Vec<String>,
}

/// Where entries were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The functions and subscriptions of the stack.
    Deployed,
    /// template.yaml of a checkout.
    Template,
}

/// All entries of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entries {
    /// Where they were read.
    pub source: Source,
    /// Each of them; or why they cannot be read.
    pub all: Result<Vec<Entry>, String>,
}

/// The clients by which deployed entries are read.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    pub(crate) cloudformation: &'a aws_sdk_cloudformation::Client,
    pub(crate) lambda: &'a aws_sdk_lambda::Client,
    pub(crate) sns: &'a aws_sdk_sns::Client,
}

/// The deployed entries of a stack: what is deployed is what fails.
pub(crate) async fn deployed(clients: &Clients<'_>, stack: &str) -> Result<Vec<Entry>> {
    let functions = stack_resources::of_type(clients.cloudformation, stack, "AWS::Lambda::Function").await?;
    let settings = stream::iter(&functions).map(|function| settings_of(clients.lambda, function));
    let settings: Vec<Option<(String, String)>> = settings.buffered(AT_ONCE).try_collect().await?;
    let handlers: BTreeMap<String, String> = settings.into_iter().flatten().collect();
    let topic = stack_resources::topic(clients.cloudformation, stack).await?;
    let subscriptions =
        clients.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
    let subscriptions = subscriptions.collect::<Result<Vec<_>, _>>().await;
    let subscriptions = subscriptions.context("SNS does not list the subscriptions of the stack's topic")?;
    let policies = subscriptions.iter().filter_map(|subscription| {
        let queue = subscription.endpoint()?.rsplit(':').next()?;
        // The topic may have subscriptions of others.
        handlers.keys().find(|name| queue_of(stack, name) == queue)?;
        Some(policy_of(clients.sns, queue.to_owned(), subscription.subscription_arn()?))
    });
    let policies: Vec<_> = stream::iter(policies).buffered(AT_ONCE).try_collect().await?;
    Ok(joined(stack, handlers, &policies))
}

/// The entries of a template.
///
/// # Errors
/// If the template has no table of handlers.
pub fn of_template(template: &str) -> Result<Vec<Entry>> {
    let entry = |row: &template_table::Row| Entry {
        name: row.text("Name").unwrap_or_else(|| row.id.clone()),
        settings: row.text("Settings").unwrap_or_default(),
        policies: vec![row.filter_policy()],
    };
    Ok(template_table::rows(template)?.iter().map(entry).collect())
}

/// The name and settings of a function that is a handler: `HANDLER` is in no other function's environment.
async fn settings_of(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Option<(String, String)>> {
    let configuration = lambda.get_function_configuration().function_name(function).send().await;
    let configuration = configuration.with_context(|| format!("Lambda does not describe {function}"))?;
    let environment = configuration.environment();
    if environment.and_then(EnvironmentResponse::error).is_some() {
        bail!("the environment of {function} cannot be decrypted; the profile needs kms:Decrypt for its key");
    }
    Ok(environment.and_then(EnvironmentResponse::variables).and_then(of_variables))
}

fn of_variables(variables: &HashMap<String, String>) -> Option<(String, String)> {
    Some((variables.get("HANDLER")?.clone(), variables.get("SETTINGS").cloned().unwrap_or_default()))
}

/// The queue's name and the filter policy of its subscription.
async fn policy_of(sns: &aws_sdk_sns::Client, queue: String, arn: &str) -> Result<(String, Option<String>)> {
    let response = sns.get_subscription_attributes().subscription_arn(arn).send().await;
    let response = response.with_context(|| format!("SNS does not describe the subscription of {queue}"))?;
    let policy = response.attributes().and_then(|all| all.get("FilterPolicy")).cloned();
    Ok((queue, policy))
}

fn queue_of(stack: &str, handler: &str) -> String {
    format!("{stack}-{handler}.fifo")
}

/// Each handler's settings with the policies of the subscriptions of its queue.
fn joined(
    stack: &str,
    handlers: BTreeMap<String, String>,
    of_queues: &[(String, Option<String>)],
) -> Vec<Entry> {
    let entry = |(name, settings): (String, String)| {
        let own = queue_of(stack, &name);
        let policies = of_queues.iter().filter(|(queue, _)| *queue == own);
        Entry { name, settings, policies: policies.filter_map(|(_, policy)| policy.clone()).collect() }
    };
    handlers.into_iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployed_entry_is_a_functions_settings_and_the_policies_of_its_own_queue() {
        let variables = |all: &[(&str, &str)]| -> HashMap<String, String> {
            all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(of_variables(&variables(&[("TABLE_NAME", "t")])), None, "a system function");
        let handler = of_variables(&variables(&[("HANDLER", "a"), ("SETTINGS", "{}")])).unwrap();
        let queues = [
            ("s-a.fifo", Some("{1}")),
            ("s-b.fifo", Some("{2}")),
            ("s-a.fifo", None),
            ("s-a.fifo", Some("{3}")),
        ];
        let queues = queues.map(|(queue, policy)| (queue.to_owned(), policy.map(str::to_owned)));
        let found = joined("s", [handler].into(), &queues);
        let policies = ["{1}", "{3}"].map(str::to_owned).to_vec();
        assert_eq!(found, [Entry { name: "a".to_owned(), settings: "{}".to_owned(), policies }]);
    }

    #[test]
    fn the_entries_of_the_template_have_their_settings_and_policies() {
        let entries = of_template(include_str!("../../../template.yaml")).unwrap();
        let notice = entries.iter().find(|entry| entry.name == "notice-on-stage-change").unwrap();
        assert!(notice.settings.contains("\"destination\": \"team\""));
        assert!(notice.policies[0].contains("\"to\": {\"stage\": {\"name\": [\"Approved\"]}}"));
    }
}
