//! What a deployment would do: the parameters of `samconfig.toml` and the table of handlers in `template.yaml`.

use crate::exit_code::Usage;
use crate::template_table;
use anyhow::Result;
use std::collections::BTreeMap;

/// The deployment of one environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The environment, a section of `samconfig.toml`.
    pub environment: String,
    /// The stack.
    pub stack: String,
    /// The region.
    pub region: String,
    /// The names of the handlers.
    pub handlers: Vec<String>,
    /// Concurrency reserved for webhook-ingest; 0 for none.
    pub ingest_concurrency: u32,
    /// The limit of each function that reads a queue; 0 for none.
    pub maximum_concurrency: u32,
    /// Whether the table cannot be deleted.
    pub deletion_protection: bool,
    /// The alarms that are made.
    pub alarms: usize,
}

impl Plan {
    /// The plan of an environment. `deployed` are the parameters of the stack, which keep their values unless they are overridden.
    ///
    /// # Errors
    /// [`Usage`] if there is no such environment; an error if the template has no table of handlers.
    pub fn of(
        environment: &str,
        config: &str,
        template: &str,
        deployed: &BTreeMap<String, String>,
    ) -> Result<Self> {
        let setting = |section: &str, key: &str| setting(config, &format!("{environment}.{section}"), key);
        let Some(stack) = setting("global.parameters", "stack_name") else {
            let text =
                format!("samconfig.toml has no environment {environment}; --env takes dev, prod or local");
            return Err(Usage(text).into());
        };
        let overrides = setting("deploy.parameters", "parameter_overrides").unwrap_or_default();
        let overrides: BTreeMap<&str, &str> =
            overrides.split_whitespace().filter_map(|pair| pair.split_once('=')).collect();
        let value = |name: &str| {
            let set = overrides.get(name).copied().or(deployed.get(name).map(String::as_str));
            set.or(default_of(template, name)).unwrap_or_default().to_owned()
        };
        let number = |name: &str| value(name).parse().unwrap_or_default();
        let rows = template_table::rows(template)?;
        let handlers = rows.iter().map(|row| row.text("Name").unwrap_or_else(|| row.id.clone()));
        Ok(Self {
            environment: environment.to_owned(),
            stack,
            region: setting("global.parameters", "region").unwrap_or_default(),
            handlers: handlers.collect(),
            ingest_concurrency: number("IngestConcurrency"),
            maximum_concurrency: number("MaximumConcurrency"),
            deletion_protection: value("DeletionProtection") == "true",
            alarms: alarms_of(template, rows.len()),
        })
    }

    /// The functions that read a queue: event-enricher, action-worker, and each handler.
    pub(super) fn queue_functions(&self) -> u32 {
        u32::try_from(self.handlers.len()).unwrap_or(u32::MAX).saturating_add(2)
    }

    /// The name of the table.
    pub(super) fn table(&self) -> String {
        format!("{}-store", self.stack)
    }

    /// The names of the log groups.
    pub(super) fn log_groups(&self) -> Vec<String> {
        let system = [
            "webhook-ingest",
            "event-enricher",
            "action-worker",
            "reconciler",
            "credential-rotator",
            "alarm-notifier",
        ]
        .iter();
        let all = system.copied().chain(self.handlers.iter().map(String::as_str));
        let hook = format!("/aws/lambda/CodeDeployHook_{}", self.stack);
        all.map(|function| format!("/aws/lambda/{}-{function}", self.stack)).chain([hook]).collect()
    }

    /// The names of the queues.
    pub(super) fn queues(&self) -> Vec<String> {
        let system = ["hints", "hints-dead-letters", "actions.fifo", "actions-dead-letters.fifo"].iter();
        let own = self
            .handlers
            .iter()
            .flat_map(|name| [format!("{name}.fifo"), format!("{name}-dead-letters.fifo")]);
        let all = system.map(ToString::to_string).chain(own);
        all.map(|queue| format!("{}-{queue}", self.stack)).collect()
    }
}

/// The value of a key in a section: `stack_name` in `[prod.global.parameters]`.
fn setting(config: &str, section: &str, key: &str) -> Option<String> {
    let body = config.split(&format!("[{section}]\n")).nth(1)?;
    let body = body.split("\n[").next().unwrap_or_default();
    let line = body.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim())
    })?;
    Some(line.trim_matches('"').to_owned())
}

/// The default of a parameter of the template, which is a word or in quotes.
fn default_of<'a>(template: &'a str, name: &str) -> Option<&'a str> {
    let rest = template.split(&format!("\n  {name}:")).nth(1)?.split("Default: ").nth(1)?;
    match rest.chars().next()? {
        quote @ ('"' | '\'') => rest.get(1..)?.split(quote).next(),
        _ => rest.split([',', '}', '\n']).next().map(str::trim),
    }
}

/// Those of the template's loops and of `infra/stacks/alarms.yaml`, at most.
fn alarms_of(template: &str, handlers: usize) -> usize {
    /// More than the nested stack has.
    const NESTED: usize = 20;
    let written = template.matches("Type: AWS::CloudWatch::Alarm").count();
    // Each of those in a loop over the handlers or the five system functions is made for each of them.
    written.saturating_mul(handlers.max(5)).saturating_add(NESTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const CONFIG: &str = include_str!("../../../../../samconfig.toml");
    const TEMPLATE: &str = include_str!("../../../../../template.yaml");

    #[test]
    fn the_plan_is_the_overrides_before_what_is_deployed_before_the_templates_defaults() {
        let plan = |environment: &str, deployed: &[(&str, &str)]| {
            let deployed = deployed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Plan::of(environment, CONFIG, TEMPLATE, &deployed.collect()).unwrap()
        };
        let prod = plan("prod", &[]);
        assert_eq!((prod.stack.as_str(), prod.region.as_str()), ("automations", "ap-southeast-2"));
        assert_eq!((prod.ingest_concurrency, prod.maximum_concurrency), (0, 10));
        assert!(prod.deletion_protection && prod.handlers.contains(&"owner-on-new-ticket".to_owned()));
        let dev = plan("dev", &[("MaximumConcurrency", "50"), ("DeletionProtection", "true")]);
        assert_eq!((dev.stack.as_str(), dev.maximum_concurrency), ("automations-dev", 50));
        assert!(!dev.deletion_protection, "samconfig.toml overrides what is deployed");
        let none = Plan::of("stage", CONFIG, TEMPLATE, &BTreeMap::new()).unwrap_err();
        assert!(none.to_string().contains("no environment stage"), "{none}");
    }

    #[test]
    fn the_names_are_those_that_the_templates_give() {
        let plan = Plan::of("prod", CONFIG, TEMPLATE, &BTreeMap::new()).unwrap();
        let store = include_str!("../../../../stacks/store.yaml");
        let given = |key: &str| -> BTreeSet<String> {
            let names =
                store.split(key).skip(1).filter_map(|rest| rest.lines().next()?.strip_prefix("!Sub "));
            let names = names.filter_map(|name| name.trim_start_matches('"').split(['"', ' ']).next());
            names.map(|name| name.replace("${Application}", "automations")).collect()
        };
        let own = |names: Vec<String>| -> BTreeSet<String> {
            let is_handlers =
                |name: &String| plan.handlers.iter().any(|handler| name.contains(handler.as_str()));
            names.into_iter().filter(|name| !is_handlers(name)).collect()
        };
        assert_eq!(own(plan.log_groups()), given("LogGroupName: "));
        assert_eq!(own(plan.queues()), given("QueueName: "));
        assert_eq!(BTreeSet::from([plan.table()]), given("TableName: "));
        assert!(plan.queues().contains(&"automations-owner-on-new-ticket.fifo".to_owned()));
    }
}
