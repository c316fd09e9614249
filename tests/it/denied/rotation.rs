//! The rotation of a token: a step fails, the token in use stays, and the same rotation succeeds later.

use super::case::{Case, Expected};
use crate::rotation::STEPS;
use anyhow::{Context as _, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use end_to_end::stack::Organisation;
use serde_json::json;
use uuid::Uuid;

const EXPECTED: Expected<'_> = Expected {
    function: "credential-rotator",
    event: "rotation.step_failed",
    reason: "secrets_manager_rejected",
};

/// `token` is `api` or `writer`.
pub(super) async fn rotation(case: &Case<'_>, token: &str) -> Result<String> {
    let organisation = case.organisation().await?;
    if token == "writer" {
        for last in ["key", "token"] {
            let value = secret(&organisation, &format!("api-{last}"), "AWSCURRENT").await?;
            organisation.set_secret(&format!("writer-{last}"), &serde_json::from_str(&value)?).await?;
        }
    }
    let token = format!("{token}-token");
    let name = format!("{}/{}/{token}", case.stack.addresses.stack, organisation.name);
    let before = secret(&organisation, &token, "AWSCURRENT").await?;
    // As Secrets Manager does before the first step; see tests/it/rotation.rs.
    let version = Uuid::new_v4().to_string();
    let request = case.stack.secrets.put_secret_value().secret_id(&name).client_request_token(&version);
    request.version_stages("AWSPENDING").secret_string("{}").send().await?;
    let lines = case.lines(EXPECTED, "").await?.len();
    case.take_away(None).await?;
    let mut failed = None;
    for step in STEPS {
        failed = run_step(case, step, &name, &version).await?.map(|error| (step, error));
        if failed.is_some() {
            break;
        }
    }
    let (step, error) = failed.context("every step succeeds without it")?;
    ensure!(error.contains("at Secrets Manager; check the function's role"), "Lambda gets {error}");
    case.says(EXPECTED, "", lines).await?;
    ensure!(secret(&organisation, &token, "AWSCURRENT").await? == before, "the token in use is changed");
    case.give_back().await?;
    for step in STEPS {
        let failed = run_step(case, step, &name, &version).await?;
        ensure!(failed.is_none(), "{step} still fails: {failed:?}");
    }
    ensure!(secret(&organisation, &token, "AWSCURRENT").await? != before, "the token is not replaced");
    Ok(format!("{step} fails, {}", EXPECTED.reason))
}

/// Invokes the function with a step; returns its error.
async fn run_step(case: &Case<'_>, step: &str, secret: &str, version: &str) -> Result<Option<String>> {
    let described = case.stack.secrets.describe_secret().secret_id(secret).send().await?;
    let event = json!({ "Step": step, "SecretId": described.arn(), "ClientRequestToken": version });
    let request = case.stack.lambda.invoke().function_name(&case.stack.addresses.rotator);
    let response = request.payload(Blob::new(event.to_string())).send().await?;
    let text = response.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned());
    Ok(response.function_error().and(text))
}

async fn secret(organisation: &Organisation<'_>, last: &str, stage: &str) -> Result<String> {
    let stack = organisation.stack;
    let name = format!("{}/{}/{last}", stack.addresses.stack, organisation.name);
    let response = stack.secrets.get_secret_value().secret_id(name).version_stage(stage).send().await?;
    response.secret_string.context("a secret without a value")
}
