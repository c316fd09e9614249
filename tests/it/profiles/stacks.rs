//! Both stacks deployed as docs/deploy.md says, for an application of their own. The engine's CloudFormation makes no OIDC provider, so
//! the account has one already here, as it has with `CreateProvider=false`.

use crate::support::among_others;
use crate::tidy::read;
use anyhow::{Context as _, Result, ensure};
use aws_sdk_cloudformation::types::{Capability, Parameter};
use end_to_end::stack::{Stack, eventually};
use std::collections::BTreeSet;

/// A1 of the AWS facts: both forms of the subject in GitHub's token.
#[tokio::test]
async fn the_deployers_and_the_operators_stacks_are_deployed_as_the_guide_says() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let of_github = [
        ("Application", "walked"),
        ("Environment", "dev"),
        ("Owner", "example"),
        ("OwnerId", "1234"),
        ("Repository", "automations"),
        ("RepositoryId", "567890"),
        ("CreateProvider", "false"),
    ];
    deploy(&stack, "deployer-of-walked", "infra/stacks/deployer.yaml", &of_github).await?;
    let role = stack.iam.get_role().role_name("deployer-of-walked").send().await?.role.context("no role")?;
    let trust = role
        .assume_role_policy_document()
        .context("no trust policy")?
        .replace("%3A", ":")
        .replace("%40", "@")
        .replace("%2F", "/");
    for subject in
        ["repo:example/automations:environment:dev", "repo:example@1234/automations@567890:environment:dev"]
    {
        ensure!(trust.contains(subject), "{subject} is not in {trust}");
    }
    ensure!(!trust.contains("environment:prod"), "{trust}");
    let attached = stack.iam.list_attached_role_policies().role_name("deployer-of-walked").send().await?;
    assert_eq!(attached.attached_policies().len(), 2, "{attached:?}");

    deploy(&stack, "operators-of-walked", "infra/stacks/operators.yaml", &[("Application", "walked")])
        .await?;
    let policies = stack.iam.list_policies().send().await?;
    let names: BTreeSet<&str> =
        policies.policies().iter().filter_map(|policy| policy.policy_name()).collect();
    for name in ["readers-of-walked", "operators-of-walked"] {
        ensure!(names.contains(name), "{name} is not among {names:?}");
    }
    for name in ["deployer-of-walked", "operators-of-walked"] {
        stack.cloudformation.delete_stack().stack_name(name).send().await?;
    }
    Ok(())
}

async fn deploy(stack: &Stack, name: &str, template: &str, parameters: &[(&str, &str)]) -> Result<()> {
    let parameters = parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(*value).build());
    let request = stack.cloudformation.create_stack().stack_name(name).template_body(read(template)?);
    let request = request.capabilities(Capability::CapabilityNamedIam);
    request.set_parameters(Some(parameters.collect())).send().await?;
    eventually(name, 30, async || {
        let described = stack.cloudformation.describe_stacks().stack_name(name).send().await?;
        let status = described.stacks().first().and_then(|stack| stack.stack_status());
        ensure!(status.is_some_and(|status| status.as_str() == "CREATE_COMPLETE"), "{status:?}");
        Ok(())
    })
    .await
}
