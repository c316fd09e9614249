//! A new version is invoked before it gets traffic: version-check on the deployed stack, invoked as a person would. The engine has no
//! CodeDeploy, so what it sends there is tested in functions/version-check.

use crate::deployed::smoke;
use crate::support::{alone, among_others, known_ticket, mutations, rest, set_variable};
use anyhow::{Context as _, Result};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::AliasRoutingConfiguration;
use end_to_end::stack::Stack;
use serde_json::{Value, json};

/// C6 of the AWS facts.
#[tokio::test]
async fn what_serves_responds_as_a_new_version_has_to_and_another_version_does_not() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    for function in ["webhook-ingest", "event-enricher", "action-worker"] {
        let report = checked(&stack, function, &live_version(&stack, function).await?).await?;
        assert_eq!(report["good"], true, "{function}: {report}");
        let report = checked(&stack, function, "9999").await?;
        assert_eq!(report["good"], false, "{function}: {report}");
    }
    let report = checked(&stack, "reconciler", "1").await?;
    assert_eq!(report["good"], false, "{report}");
    Ok(())
}

/// A8 and C6 of the AWS facts: the runbook's "A bad version serves", first way, with a version that cannot start. Of
/// action-worker, which gets nothing while this test is alone; the reconciler's hints would be lost to a bad enricher for minutes.
#[tokio::test]
async fn a_version_that_cannot_start_is_found_and_the_one_before_serves_after_one_command() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    rest(&stack).await?;
    let organisation = stack.organisation("bad-version").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    rest(&stack).await?;
    let good = live_version(&stack, "action-worker").await?;
    let before = set_variable(&stack, "action-worker", "API_LIMITS", "never").await?;
    let bad = live_version(&stack, "action-worker").await?;
    let report = checked(&stack, "action-worker", &bad).await?;
    let seen = report["seen"].as_str().unwrap_or_default();
    assert!(report["good"] == false && seen.contains("failed"), "{report}");

    assert_eq!(checked(&stack, "action-worker", &good).await?["good"], true);
    let name = format!("{}-action-worker", stack.addresses.stack);
    let alias = stack.lambda.update_alias().function_name(name).name("live").function_version(&good);
    let no_second =
        AliasRoutingConfiguration::builder().set_additional_version_weights(Some([].into())).build();
    alias.routing_config(no_second).send().await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let performed = mutations(&organisation, "ticketCreate", 1).await;
    let checks = smoke(&stack, "bad-version", false).await;
    set_variable(&stack, "action-worker", "API_LIMITS", &before).await?;
    performed?;
    let differing: Vec<_> = checks?.into_iter().filter(|check| !check.good).collect();
    assert!(differing.len() == 1 && differing[0].seen.contains("action-worker"), "{differing:?}");
    Ok(())
}

/// The version that a function's alias points to.
pub(crate) async fn live_version(stack: &Stack, function: &str) -> Result<String> {
    let name = format!("{}-{function}", stack.addresses.stack);
    let alias = stack.lambda.get_alias().function_name(name).name("live").send().await?;
    alias.function_version.context("the alias has no version")
}

/// The report of version-check on a version of a function.
pub(crate) async fn checked(stack: &Stack, function: &str, version: &str) -> Result<Value> {
    let application = &stack.addresses.stack;
    let event = json!({ "Name": format!("{application}-{function}"), "TargetVersion": version });
    let request = stack.lambda.invoke().function_name(format!("CodeDeployHook_{application}"));
    let response = request.payload(Blob::new(event.to_string())).send().await?;
    Ok(serde_json::from_slice(response.payload().context("no response")?.as_ref())?)
}
