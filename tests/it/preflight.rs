//! `automations preflight` on the local engine: what it can answer, and each finding that can be provoked there. The policy simulator
//! of the engine ignores conditions, and it has no quotas; the unit tests beside the command have the rest.

use crate::support::among_others;
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use automations::aws;
use automations_cli::account::Target;
use automations_cli::commands::preflight::{Finding, Level, Plan, Reader, Tools, all};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use end_to_end::stack::Stack;
use serde_json::json;
use std::collections::BTreeMap;

/// A stack that is not deployed.
const STACK: &str = "preflighted";

fn target(stack: &Stack) -> Result<Target> {
    let local = Some(stack.addresses.aws_endpoint_url.clone());
    Ok(Target { config: aws::load()?, local, stack: stack.addresses.stack.clone() })
}

pub(crate) fn plan() -> Result<Plan> {
    Plan::of("local", &read("samconfig.toml")?, &read("template.yaml")?, &BTreeMap::new())
}

pub(crate) async fn findings(target: &Target, deployer: Option<&str>, plan: &Plan) -> Vec<Finding> {
    let reader = Reader::new(target, deployer.map(str::to_owned));
    all(plan, &reader.facts(plan, Tools::default()).await)
}

fn finding<'a>(all: &'a [Finding], check: &str) -> Result<&'a Finding> {
    all.iter().find(|finding| finding.check == check).with_context(|| format!("no finding of {check}"))
}

#[tokio::test]
async fn the_preflight_of_a_deployed_stack_finds_nothing_to_fix_in_the_account() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let target = target(&stack)?;
    let plan = Plan { maximum_concurrency: 10, ..plan()? };
    assert!(!Reader::new(&target, None).parameters(&plan.stack).await.is_empty());
    let found = findings(&target, None, &plan).await;
    for check in ["credentials", "region", "stack", "left over", "IngestConcurrency", "MaximumConcurrency"] {
        let finding = finding(&found, check)?;
        ensure!(finding.level == Level::Good, "{finding:?}");
    }
    for check in ["FIFO topics", "alarms", "subscriptions"] {
        let finding = finding(&found, check)?;
        ensure!(finding.level == Level::Good && finding.seen.contains(" of "), "{finding:?}");
    }
    ensure!(finding(&found, "permissions")?.seen.contains("root user"), "{found:?}");
    ensure!(finding(&found, "zig")?.level == Level::Fix, "no program was asked");
    Ok(())
}

/// A1, A2, A3 and A6 of the AWS facts.
#[tokio::test]
async fn what_would_make_a_first_deployment_fail_is_found_on_the_engine() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let target = target(&stack)?;
    let plan = Plan { stack: STACK.to_owned(), ingest_concurrency: 950, ..plan()? };
    left_over(&stack, &target).await?;
    let name = format!("deployer-of-{STACK}");
    let role = stack.iam.create_role().role_name(&name).assume_role_policy_document(trust("prod"));
    let role = role.send().await?.role.context("no role")?.arn;

    let found = findings(&target, Some(&role), &plan).await;
    let left = finding(&found, "left over")?;
    ensure!(left.level == Level::Fix, "{left:?}");
    for name in ["store", "webhook-ingest", "hints"] {
        ensure!(left.seen.contains(&format!("{STACK}-{name}")), "{left:?}");
    }
    let concurrency = finding(&found, "IngestConcurrency")?;
    ensure!(concurrency.level == Level::Fix && concurrency.fix.contains("1050"), "{concurrency:?}");
    let permissions = finding(&found, "permissions")?;
    ensure!(permissions.level == Level::Fix && permissions.seen.contains(&role), "{permissions:?}");
    let github = finding(&found, "GitHub")?;
    ensure!(github.level == Level::Fix && github.seen.contains("environment:prod"), "{github:?}");

    let allowed = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let policy = stack.iam.put_role_policy().role_name(&name).policy_name("all");
    policy.policy_document(allowed.to_string()).send().await?;
    let update = stack.iam.update_assume_role_policy().role_name(&name).policy_document(trust("local"));
    update.send().await?;
    let found = findings(&target, Some(&role), &plan).await;
    ensure!(finding(&found, "permissions")?.level == Level::Good, "{found:?}");
    ensure!(finding(&found, "GitHub")?.level == Level::Note, "{found:?}");
    stack.dynamodb.delete_table().table_name(format!("{STACK}-store")).send().await?;
    Ok(())
}

#[tokio::test]
async fn credentials_that_aws_refuses_are_the_first_finding() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let unknown = Credentials::new("AKIAUNKNOWN000000000", "unknown", None, None, "test");
    let config =
        aws::load()?.to_builder().credentials_provider(SharedCredentialsProvider::new(unknown)).build();
    let found = findings(&Target { config, ..target(&stack)? }, None, &plan()?).await;
    ensure!(found[0].check == "credentials" && found[0].level == Level::Fix, "{found:?}");
    ensure!(finding(&found, "stack")?.level == Level::Unchecked, "{found:?}");
    Ok(())
}

/// Trusts GitHub with the form of the subject that only older repositories have.
fn trust(environment: &str) -> String {
    let issuer = "token.actions.githubusercontent.com";
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": { "Federated": format!("arn:aws:iam::000000000000:oidc-provider/{issuer}") },
        "Condition": { "StringEquals": {
            format!("{issuer}:aud"): "sts.amazonaws.com",
            format!("{issuer}:sub"): format!("repo:example/automations:environment:{environment}"),
        } },
    }] })
    .to_string()
}

/// What a failed first deployment leaves behind, and a person who made a queue by hand.
async fn left_over(stack: &Stack, target: &Target) -> Result<()> {
    let key = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let table = stack.dynamodb.create_table().table_name(format!("{STACK}-store"));
    let table = table.attribute_definitions(key.build()?).key_schema(schema.build()?);
    table.billing_mode(BillingMode::PayPerRequest).send().await?;
    let logs = aws_sdk_cloudwatchlogs::Client::new(&target.config);
    let group = format!("/aws/lambda/{STACK}-webhook-ingest");
    logs.create_log_group().log_group_name(group).send().await?;
    stack.sqs.create_queue().queue_name(format!("{STACK}-hints")).send().await?;
    Ok(())
}
