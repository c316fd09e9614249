//! Reads the facts: from AWS, and from the programs of this machine. It changes nothing.

use super::facts::{Concurrency, Deployed, Facts, Read, Tools, Unread, Used};
use super::plan::Plan;
use super::policies::Policies;
use crate::account::Target;
use anyhow::Result;
use automations::aws;
use aws_sdk_cloudformation::types::Parameter;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};

/// The clients.
#[derive(Debug)]
pub struct Reader {
    cloudformation: aws_sdk_cloudformation::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: aws_sdk_lambda::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    quotas: aws_sdk_servicequotas::Client,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    sts: aws_sdk_sts::Client,
    policies: Policies,
    region: String,
}

impl Reader {
    /// Of this target. `deployer` is the role that deploys, by its ARN; none for the target's own credentials.
    pub fn new(target: &Target, deployer: Option<String>) -> Self {
        let config = &target.config;
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(config),
            dynamodb: aws::dynamodb(config),
            lambda: aws_sdk_lambda::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            quotas: aws_sdk_servicequotas::Client::new(config),
            sns: aws::sns(config),
            sqs: aws::sqs(config),
            sts: aws_sdk_sts::Client::new(config),
            policies: Policies::new(config, deployer),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The parameters with which this stack is deployed; none if it is not, or they cannot be read.
    pub async fn parameters(&self, stack: &str) -> BTreeMap<String, String> {
        let described = self.cloudformation.describe_stacks().stack_name(stack).send().await;
        let stacks = described.ok().and_then(|described| described.stacks).unwrap_or_default();
        let all = stacks.into_iter().flat_map(|stack| stack.parameters.unwrap_or_default());
        let pair = |parameter: Parameter| Some((parameter.parameter_key?, parameter.parameter_value?));
        all.filter_map(pair).collect()
    }

    /// Everything that the checks of this plan need.
    pub async fn facts(&self, plan: &Plan, tools: Tools) -> Facts {
        let caller = self.sts.get_caller_identity().send().await.map_err(|error| Unread::of(&error));
        let caller =
            caller.map(|identity| (identity.account.unwrap_or_default(), identity.arn.unwrap_or_default()));
        let Ok((account, arn)) = caller else {
            return self.without_credentials(caller.map(|(_, arn)| arn), tools);
        };
        Facts {
            region: self.region.clone(),
            tools,
            concurrency: self.concurrency(plan).await,
            fifo_topics: self.fifo_topics().await,
            alarms: self.alarms().await,
            stack: self.stack(plan).await,
            has_table: self.has_table(plan).await,
            log_groups: self.log_groups(plan).await,
            queues: self.queues(plan).await,
            denied: self.policies.simulated(&arn, &self.region, &account, &plan.stack).await,
            trust: self.policies.trust(&format!("deployer-of-{}", plan.stack)).await,
            caller: Ok(arn),
        }
    }

    fn without_credentials(&self, caller: Read<String>, tools: Tools) -> Facts {
        Facts {
            region: self.region.clone(),
            caller,
            tools,
            concurrency: Err(Unread::NotTried),
            fifo_topics: Err(Unread::NotTried),
            alarms: Err(Unread::NotTried),
            stack: Err(Unread::NotTried),
            has_table: Err(Unread::NotTried),
            log_groups: Err(Unread::NotTried),
            queues: Err(Unread::NotTried),
            denied: Err(Unread::NotTried),
            trust: Err(Unread::NotTried),
        }
    }

    async fn concurrency(&self, plan: &Plan) -> Read<Concurrency> {
        let settings = self.lambda.get_account_settings().send().await.map_err(|error| Unread::of(&error))?;
        let limit =
            settings.account_limit.unwrap_or_else(|| aws_sdk_lambda::types::AccountLimit::builder().build());
        let count = |number: i32| u32::try_from(number).unwrap_or_default();
        let function = format!("{}-webhook-ingest", plan.stack);
        // Without the function, or the permission, nothing is known to be reserved.
        let reserved = self.lambda.get_function_concurrency().function_name(function).send().await;
        let reserved = reserved.ok().and_then(|reserved| reserved.reserved_concurrent_executions);
        Ok(Concurrency {
            account: count(limit.concurrent_executions),
            unreserved: limit.unreserved_concurrent_executions.map(count).unwrap_or_default(),
            reserved_here: reserved.map(count).unwrap_or_default(),
        })
    }

    async fn fifo_topics(&self) -> Read<Used> {
        let mut topics = self.sns.list_topics().into_paginator().items().send();
        let mut used = 0_usize;
        while let Some(topic) = topics.next().await {
            let topic = topic.map_err(|error| Unread::of(&error))?;
            let is_fifo = topic.topic_arn().is_some_and(|arn| arn.rsplit('.').next() == Some("fifo"));
            used = used.saturating_add(usize::from(is_fifo));
        }
        let is_it = |name: &str| name.contains("fifo topics");
        Ok(Used { used, quota: self.quota("sns", is_it).await })
    }

    async fn alarms(&self) -> Read<Used> {
        let mut pages = self.cloudwatch.describe_alarms().into_paginator().send();
        let mut used = 0_usize;
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Unread::of(&error))?;
            used = used.saturating_add(page.metric_alarms().len());
        }
        let is_it = |name: &str| name.contains("metric alarms");
        Ok(Used { used, quota: self.quota("monitoring", is_it).await })
    }

    /// The quota with such a name, in lower case; none if Service Quotas does not say it.
    async fn quota(&self, service: &str, is_it: impl Fn(&str) -> bool) -> Option<usize> {
        let mut all = self.quotas.list_service_quotas().service_code(service).into_paginator().items().send();
        while let Some(Ok(quota)) = all.next().await {
            if is_it(&quota.quota_name.unwrap_or_default().to_lowercase()) {
                return format!("{:.0}", quota.value?).parse().ok();
            }
        }
        None
    }

    async fn stack(&self, plan: &Plan) -> Read<Option<Deployed>> {
        match self.cloudformation.describe_stacks().stack_name(&plan.stack).send().await {
            Ok(described) => {
                let stack = described.stacks.unwrap_or_default().into_iter().next();
                let status =
                    stack.and_then(|stack| stack.stack_status).map(|status| status.as_str().to_owned());
                Ok(status.filter(|status| status != "DELETE_COMPLETE").map(|status| Deployed { status }))
            }
            Err(error) if error.message().is_some_and(|text| text.contains("does not exist")) => Ok(None),
            Err(error) => Err(Unread::of(&error)),
        }
    }

    async fn has_table(&self, plan: &Plan) -> Read<bool> {
        match self.dynamodb.describe_table().table_name(plan.table()).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(false),
            Err(error) => Err(Unread::of(&error)),
        }
    }

    async fn log_groups(&self, plan: &Plan) -> Read<BTreeSet<String>> {
        let prefix = format!("/aws/lambda/{}-", plan.stack);
        let request = self.logs.describe_log_groups().log_group_name_prefix(prefix);
        let mut groups = request.into_paginator().items().send();
        let mut names = BTreeSet::new();
        while let Some(group) = groups.next().await {
            names.extend(group.map_err(|error| Unread::of(&error))?.log_group_name);
        }
        Ok(names)
    }

    async fn queues(&self, plan: &Plan) -> Read<BTreeSet<String>> {
        let request = self.sqs.list_queues().queue_name_prefix(format!("{}-", plan.stack)).max_results(1000);
        let mut urls = request.into_paginator().items().send();
        let mut names = BTreeSet::new();
        while let Some(url) = urls.next().await {
            let url = url.map_err(|error| Unread::of(&error))?;
            names.extend(url.rsplit('/').next().map(str::to_owned));
        }
        Ok(names)
    }
}

/// The versions that the programs print.
///
/// # Errors
/// If the programs cannot be waited for.
pub async fn tools() -> Result<Tools> {
    let tools = tokio::task::spawn_blocking(|| Tools {
        sam: printed("sam", &["--version"]),
        cargo_lambda: printed("cargo", &["lambda", "--version"]),
        zig: printed("zig", &["version"]).or_else(|| printed("python3", &["-m", "ziglang", "version"])),
    });
    Ok(tools.await?)
}

fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
