//! The real `sam deploy`, by a role that has the deployer's policies and nothing else.
//!
//! The engine judges what the SAM CLI calls: stacks, change sets, packages. What CloudFormation does in the caller's name it does not
//! judge; `table.rs` compares that with the types' own lists. The bucket's policy refuses what is sent without TLS to everybody but the
//! account's root user, and the engine has no TLS, so the policy is taken away here.

use super::session::{Session, session};
use crate::support::{alone, rest};
use crate::tidy::root;
use anyhow::{Context as _, Result, ensure};
use automations_cli::permissions::BY_TYPE;
use end_to_end::stack::{Stack, every_resource_of, variable};
use std::process::{Command, Output};

const DEPLOYER: &str = "infra/stacks/deployer.yaml";

/// A2 of the AWS facts.
#[tokio::test]
async fn a_deployer_deploys_and_one_without_a_policy_does_not() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    rest(&stack).await?;
    accept_what_is_sent_without_tls(&stack).await?;
    let half = session(&stack, "half-a-deployer", DEPLOYER, &["Services"]).await?;
    let refused = sam_deploy(half, "TicketsPerRun=201").await?;
    let said = text(&refused);
    ensure!(!refused.status.success() && said.contains("AccessDenied"), "{said}");

    let deployer = session(&stack, "a-deployer", DEPLOYER, &["Stacks", "Services"]).await?;
    let done = sam_deploy(deployer, "TicketsPerRun=201").await?;
    fit_engine().await?;
    ensure!(done.status.success(), "{}", text(&done));
    let name = format!("{}-reconciler", stack.addresses.stack);
    let reconciler = stack.lambda.get_function_configuration().function_name(name).send().await?;
    let variables = reconciler.environment.and_then(|environment| environment.variables).context("none")?;
    assert_eq!(variables.get("TICKETS_PER_RUN").map(String::as_str), Some("201"), "it was executed");
    Ok(())
}

/// A2 of the AWS facts: what SAM made of the templates here is what it makes on AWS.
#[tokio::test]
async fn the_table_has_every_type_that_is_deployed() -> Result<()> {
    let _turn = crate::support::among_others().await;
    let stack = Stack::found().await?;
    for (id, resource) in every_resource_of(&stack.cloudformation, &stack.addresses.stack).await? {
        let kind = resource.resource_type().unwrap_or_default();
        ensure!(BY_TYPE.iter().any(|(known, _)| *known == kind), "{id} is of a type without a row: {kind}");
    }
    Ok(())
}

/// Deploys what was built for this stack again, with another value of one parameter; the others keep theirs.
async fn sam_deploy(by: Session, parameter: &'static str) -> Result<Output> {
    let template = variable("SAM_BUILD")? + "/template.yaml";
    let mut sam = Command::new(root().join(".local/tools/sam/bin/sam"));
    sam.args(["deploy", "--config-env", "local", "--no-progressbar", "--template-file", &template])
        .args(["--parameter-overrides", parameter, "--config-file"])
        .arg(root().join("samconfig.toml"))
        .env("SAM_CLI_TELEMETRY", "0")
        .envs(by.variables)
        .current_dir(root());
    let output = tokio::task::spawn_blocking(move || sam.output()).await?;
    output.context("the SAM CLI cannot be started")
}

/// With the AWS SDK of the SAM CLI, as the account's root user.
async fn accept_what_is_sent_without_tls(stack: &Stack) -> Result<()> {
    let request = stack.cloudformation.describe_stacks().stack_name("aws-sam-cli-managed-default");
    let described = request.send().await?;
    let outputs = described.stacks().first().context("SAM has no stack")?.outputs();
    let bucket = outputs.iter().find(|output| output.output_key() == Some("SourceBucket"));
    let bucket = bucket.and_then(|output| output.output_value()).context("SAM has no bucket")?.to_owned();
    let mut python = Command::new(root().join(".local/tools/sam/bin/python"));
    python.args(["-c", "import boto3, sys; boto3.client('s3').delete_bucket_policy(Bucket=sys.argv[1])"]);
    python.arg(bucket);
    let output = tokio::task::spawn_blocking(move || python.output()).await??;
    ensure!(output.status.success(), "{}", text(&output));
    Ok(())
}

/// As after every deployment of `cargo xtask`.
async fn fit_engine() -> Result<()> {
    let mut fit = Command::new(env!("CARGO_BIN_EXE_fit-engine"));
    let output = tokio::task::spawn_blocking(move || fit.output()).await??;
    ensure!(output.status.success(), "{}", text(&output));
    Ok(())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
