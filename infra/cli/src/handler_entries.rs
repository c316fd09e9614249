//! The handlers' entries: their settings and filter policies, as they are deployed or as a checkout's template.yaml has them.

use crate::exit_code::Usage;
use crate::stack_resources;
use crate::template_table;
use anyhow::{Context as _, Result, bail};
use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationError;
use aws_sdk_lambda::types::EnvironmentResponse;
use aws_sdk_sns::types::Subscription;
use futures::future::try_join;
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
    /// Whether it only logs what it would do.
    pub dry_run: bool,
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
    /// The rules of event-enricher for ages of some stages, as JSON; empty if there are none.
    pub age_rules: String,
}

/// The variable of event-enricher with the rules for ages of some stages.
const AGE_RULES: &str = "STAGE_AGE_RULES";

/// The clients by which deployed entries are read.
#[derive(Debug)]
pub(crate) struct Clients<'a> {
    pub(crate) cloudformation: &'a aws_sdk_cloudformation::Client,
    pub(crate) lambda: &'a aws_sdk_lambda::Client,
    pub(crate) sns: &'a aws_sdk_sns::Client,
}

/// The deployed rules for ages of some stages, as JSON; empty if there are none.
pub(crate) async fn deployed_age_rules(lambda: &aws_sdk_lambda::Client, stack: &str) -> Result<String> {
    let function = format!("{stack}-event-enricher");
    let variables = variables_of(lambda, &function).await?;
    Ok(variables.and_then(|mut variables| variables.remove(AGE_RULES)).unwrap_or_default())
}

/// The same of a template, in which it is a text between single quotes.
pub(crate) fn age_rules_of_template(template: &str) -> String {
    let text = template.split_once(&format!("{AGE_RULES}: '")).map(|(_, rest)| rest).unwrap_or_default();
    // Two quotes are one.
    let text = text.replace("''", "\u{0}");
    text.split('\'').next().unwrap_or_default().replace('\u{0}', "'")
}

/// The deployed entries of a stack: what is deployed is what fails.
pub(crate) async fn deployed(clients: &Clients<'_>, stack: &str) -> Result<Vec<Entry>> {
    let functions = async {
        let functions =
            stack_resources::of_type(clients.cloudformation, stack, "AWS::Lambda::Function").await?;
        let entries = stream::iter(&functions).map(|function| entry_of(clients.lambda, function));
        entries.buffered(AT_ONCE).try_collect::<Vec<Option<Entry>>>().await
    };
    let (functions, subscriptions) = try_join(functions, subscriptions(clients, stack)).await?;
    let entries: BTreeMap<String, Entry> =
        functions.into_iter().flatten().map(|entry| (entry.name.clone(), entry)).collect();
    let policies = subscriptions.iter().filter_map(|subscription| {
        let queue = subscription.endpoint()?.rsplit(':').next()?;
        // The topic may have subscriptions of others.
        entries.keys().find(|name| queue_of(stack, name) == queue)?;
        Some(policy_of(clients.sns, queue.to_owned(), subscription.subscription_arn()?))
    });
    let policies: Vec<_> = stream::iter(policies).buffered(AT_ONCE).try_collect().await?;
    Ok(joined(stack, entries.into_values(), &policies))
}

async fn subscriptions(clients: &Clients<'_>, stack: &str) -> Result<Vec<Subscription>> {
    let topic = stack_resources::topic(clients.cloudformation, stack).await?;
    let all = clients.sns.list_subscriptions_by_topic().topic_arn(topic).into_paginator().items().send();
    let all = all.collect::<Result<Vec<_>, _>>().await;
    all.context("SNS does not list the subscriptions of the stack's topic")
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
        dry_run: row.text("DryRun").is_some_and(|text| text == "true"),
    };
    Ok(template_table::rows(template)?.iter().map(entry).collect())
}

/// The entry of the handler of this name, without its policies.
///
/// # Errors
/// [`Usage`] if there is no such handler.
pub(crate) async fn of_handler(lambda: &aws_sdk_lambda::Client, stack: &str, handler: &str) -> Result<Entry> {
    let none =
        || Usage(format!("there is no handler {handler} in the stack {stack}; see `automations status`"));
    match entry_of(lambda, &format!("{stack}-{handler}")).await {
        Ok(entry) => Ok(entry.ok_or_else(none)?),
        Err(error) if is_missing(&error) => Err(none().into()),
        Err(error) => Err(error),
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    let of_lambda = error.downcast_ref::<SdkError<GetFunctionConfigurationError>>();
    of_lambda
        .and_then(SdkError::as_service_error)
        .is_some_and(GetFunctionConfigurationError::is_resource_not_found_exception)
}

/// The entry of a function that is a handler, without its policies: `HANDLER` is in no other function's environment.
async fn entry_of(lambda: &aws_sdk_lambda::Client, function: &str) -> Result<Option<Entry>> {
    Ok(variables_of(lambda, function).await?.as_ref().and_then(of_variables))
}

async fn variables_of(
    lambda: &aws_sdk_lambda::Client,
    function: &str,
) -> Result<Option<HashMap<String, String>>> {
    let configuration = lambda.get_function_configuration().function_name(function).send().await;
    let configuration = configuration.with_context(|| format!("Lambda does not describe {function}"))?;
    let environment = configuration.environment();
    if environment.and_then(EnvironmentResponse::error).is_some() {
        bail!("the environment of {function} cannot be decrypted; the profile needs kms:Decrypt for its key");
    }
    Ok(environment.and_then(EnvironmentResponse::variables).cloned())
}

fn of_variables(variables: &HashMap<String, String>) -> Option<Entry> {
    let of = |name: &str| variables.get(name).cloned();
    let (name, settings) = (of("HANDLER")?, of("SETTINGS").unwrap_or_default());
    let dry_run = of("DRY_RUN").is_some_and(|text| text == "true");
    Some(Entry { name, settings, policies: Vec::new(), dry_run })
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

/// Each entry with the policies of the subscriptions of its queue.
fn joined(
    stack: &str,
    entries: impl Iterator<Item = Entry>,
    of_queues: &[(String, Option<String>)],
) -> Vec<Entry> {
    let entry = |entry: Entry| {
        let own = queue_of(stack, &entry.name);
        let policies = of_queues.iter().filter(|(queue, _)| *queue == own);
        Entry { policies: policies.filter_map(|(_, policy)| policy.clone()).collect(), ..entry }
    };
    entries.map(entry).collect()
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
        let handler = of_variables(&variables(&[("HANDLER", "a"), ("SETTINGS", "{}"), ("DRY_RUN", "true")]));
        let handler = handler.unwrap();
        let queues = [
            ("s-a.fifo", Some("{1}")),
            ("s-b.fifo", Some("{2}")),
            ("s-a.fifo", None),
            ("s-a.fifo", Some("{3}")),
        ];
        let queues = queues.map(|(queue, policy)| (queue.to_owned(), policy.map(str::to_owned)));
        let found = joined("s", [handler].into_iter(), &queues);
        let policies = ["{1}", "{3}"].map(str::to_owned).to_vec();
        assert_eq!(
            found,
            [Entry { name: "a".to_owned(), settings: "{}".to_owned(), policies, dry_run: true }]
        );
    }

    #[test]
    fn the_age_rules_of_a_template_are_the_text_between_its_quotes_over_several_lines() {
        let of = |text: &str| {
            age_rules_of_template(&format!("          STAGE_AGE_RULES: {text} # rules\n          X: 'y'\n"))
        };
        assert_eq!(of("'[]'"), "[]");
        assert_eq!(
            of("'[{\"stage\": \"Bob''s\", \"days\": [1]},\n    {\"days\": []}]'"),
            "[{\"stage\": \"Bob's\", \"days\": [1]},\n    {\"days\": []}]"
        );
        assert_eq!(age_rules_of_template("nothing"), "");
        assert_eq!(age_rules_of_template(include_str!("../../../template.yaml")), "[]");
    }

    #[test]
    fn the_entries_of_the_template_have_their_settings_and_policies() {
        let entries = of_template(include_str!("../../../template.yaml")).unwrap();
        let notice = entries.iter().find(|entry| entry.name == "notice-on-stage-change").unwrap();
        assert!(notice.settings.contains("\"destination\": \"team\""));
        assert!(notice.policies[0].contains("\"to\": {\"stage\": {\"name\": [\"Approved\"]}}"));
    }
}
