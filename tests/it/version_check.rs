//! A new version is invoked before it gets traffic: version-check on the deployed stack, invoked as a person would. The engine has no
//! CodeDeploy, so what it sends there is tested in functions/version-check.

use crate::support::among_others;
use anyhow::{Context as _, Result};
use aws_sdk_lambda::primitives::Blob;
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
