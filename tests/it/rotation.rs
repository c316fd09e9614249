//! The rotation of the API token, with the steps that Secrets Manager invokes.

use crate::organisations::organisations;
use crate::support::{among_others, known_ticket, mutations};
use anyhow::{Context as _, Result, ensure};
use automations::aws::secret::{Access, Kind};
use automations::clock;
use automations::id::OrganisationId;
use aws_sdk_lambda::primitives::Blob;
use end_to_end::stack::{Organisation, Stack};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

/// The steps in the order of Secrets Manager.
pub(crate) const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

#[tokio::test]
async fn four_steps_replace_the_token_and_the_next_call_uses_the_new_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("rotates").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let before = current(&organisation).await?;
    let version = staged(&organisation).await?;
    for step in STEPS {
        // Twice, because Secrets Manager repeats a step if it gets no response.
        step_of(&organisation, step, &version).await?;
        let pending = pending_token(&organisation).await;
        step_of(&organisation, step, &version).await?;
        if step == "createSecret" {
            assert_eq!(
                pending_token(&organisation).await?,
                pending?,
                "the second createSecret keeps the first one's token"
            );
        }
        assert_eq!(current(&organisation).await? == before, step != "finishSecret", "after {step}");
    }
    // The old token is rejected now, so that functions must read the new one.
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "rotates" })).await?;
    let version = staged(&organisation).await?;
    for step in STEPS {
        step_of(&organisation, step, &version).await?;
    }
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    Ok(())
}

#[tokio::test]
async fn a_version_that_is_not_staged_is_refused_and_the_token_in_use_stays() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("not-staged").await?;
    let before = current(&organisation).await?;
    for step in STEPS {
        let refused =
            step_of(&organisation, step, &Uuid::new_v4().to_string()).await.unwrap_err().to_string();
        assert!(refused.contains("not pending in a rotation"), "{step}: {refused}");
    }
    assert_eq!(current(&organisation).await?, before);
    Ok(())
}

/// F12 of the field faults, first sample: Secrets Manager attempts a rotation that failed again with the same version, whose value
/// cannot be changed.
#[tokio::test]
async fn a_rotation_whose_pending_token_was_revoked_ends_with_a_new_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("pending-revoked").await?;
    let version = staged(&organisation).await?;
    step_of(&organisation, "createSecret", &version).await?;
    let revoked = pending_token(&organisation).await?;
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "pending-revoked" })).await?;
    for step in STEPS {
        step_of(&organisation, step, &version).await?;
    }
    assert_ne!(current(&organisation).await?, revoked);
    assert!(pending_token(&organisation).await.is_err(), "another rotation can start");
    let all = organisations(&stack)?;
    let report = all.check(&OrganisationId::parse("pending-revoked")?, clock::now()).await?;
    assert!(report.accepted, "{report:?}");
    // The next rotation is one like any other.
    let version = staged(&organisation).await?;
    for step in STEPS {
        step_of(&organisation, step, &version).await?;
    }
    Ok(())
}

/// F12 of the field faults, second sample, and B4 of the AWS facts: the commands cancel a rotation; where they crash before they do,
/// it continues beside the new key.
#[tokio::test]
async fn no_token_of_an_older_key_or_access_is_promoted() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("pending-outdated").await?;
    let (all, name) = (organisations(&stack)?, OrganisationId::parse("pending-outdated")?);
    let known = stack.control(Method::POST, "organisations", &json!({ "name": "pending-outdated" })).await?;
    let api_key = known["api_key"].as_str().context("no API key")?;

    // `key` beside a rotation in progress.
    let version = pending(&organisation).await?;
    all.change_key(&name, false, api_key.into()).await?;
    cancelled(&organisation, &version).await?;
    // `access` beside a rotation that failed.
    let version = pending(&organisation).await?;
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "pending-outdated" })).await?;
    all.set_access(&name, Access::ReadOnly).await?;
    cancelled(&organisation, &version).await?;
    assert!(current(&organisation).await?.contains(r#""read-only""#));
    // `renew` beside one.
    let version = pending(&organisation).await?;
    all.renew(&name).await?;
    cancelled(&organisation, &version).await?;

    // A crash of `access` after it stored the key: the rotation continues, and gives the access that was set.
    let version = pending(&organisation).await?;
    let key = json!({ "endpoint": stack.api(), "api_key": api_key, "access": "write-only" }).to_string();
    let request = stack.secrets.put_secret_value().secret_id(organisation.secret_name(Kind::ApiKey));
    request.secret_string(key).send().await?;
    let outdated = pending_token(&organisation).await?;
    for step in STEPS {
        step_of(&organisation, step, &version).await?;
    }
    let promoted = current(&organisation).await?;
    assert!(outdated.contains(r#""read-only""#) && promoted.contains(r#""write-only""#));
    assert!(all.check(&name, clock::now()).await?.accepted);
    Ok(())
}

/// The drill's fourth incident: a brokerage replaced its API key at Salestrekker, and says so later.
#[tokio::test]
async fn after_a_replaced_api_key_nothing_is_lost_once_the_new_one_is_stored() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("key-replaced").await?;
    let (all, name) = (organisations(&stack)?, OrganisationId::parse("key-replaced")?);
    let ticket = known_ticket(&organisation, "Approved").await?;
    let new = stack.control(Method::POST, "keys/key-replaced", &json!({})).await?;
    let report = all.check(&name, clock::now()).await?;
    ensure!(report.responds && !report.accepted, "{report:?}");
    let refused = all.renew(&name).await.err().context("the old key is accepted")?;
    let key = new["api_key"].as_str().context("no key")?;
    ensure!(!format!("{refused:#}").contains(key), "{refused:#}");
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    all.change_key(&name, false, key.into()).await?;
    ensure!(all.check(&name, clock::now()).await?.accepted);
    mutations(&organisation, "ticketCreate", 1).await.map(drop)
}

/// The version of a rotation that got as far as `testSecret`.
async fn pending(organisation: &Organisation<'_>) -> Result<String> {
    let version = staged(organisation).await?;
    for step in ["createSecret", "setSecret", "testSecret"] {
        step_of(organisation, step, &version).await?;
    }
    Ok(version)
}

/// Fails if the rotation of this version can continue, or Secrets Manager would refuse another.
async fn cancelled(organisation: &Organisation<'_>, version: &str) -> Result<()> {
    let before = current(organisation).await?;
    for step in STEPS {
        let refused = step_of(organisation, step, version).await.err().map(|error| error.to_string());
        let is_refused = refused.as_ref().is_some_and(|text| text.contains("not pending in a rotation"));
        assert!(is_refused, "{step}: {refused:?}");
    }
    assert!(pending_token(organisation).await.is_err(), "no version is pending");
    assert_eq!(current(organisation).await?, before);
    Ok(())
}

/// Stages a version as Secrets Manager does before the first step. The local engine's `RotateSecret` never invokes a function,
/// and it stores no version without a value, so a value that is not a valid token replaces the empty one.
pub(crate) async fn staged(organisation: &Organisation<'_>) -> Result<String> {
    staged_as(organisation, "{}").await
}

/// Stages a version with this value.
pub(crate) async fn staged_as(organisation: &Organisation<'_>, value: &str) -> Result<String> {
    let version = Uuid::new_v4().to_string();
    let request =
        organisation.stack.secrets.put_secret_value().secret_id(organisation.secret_name(Kind::ApiToken));
    request.client_request_token(&version).version_stages("AWSPENDING").secret_string(value).send().await?;
    Ok(version)
}

/// Invokes the deployed function with a step.
pub(crate) async fn step_of(organisation: &Organisation<'_>, step: &str, version: &str) -> Result<()> {
    let stack = organisation.stack;
    let secret =
        stack.secrets.describe_secret().secret_id(organisation.secret_name(Kind::ApiToken)).send().await?;
    let event = json!({ "Step": step, "SecretId": secret.arn(), "ClientRequestToken": version });
    let request =
        stack.lambda.invoke().function_name(&stack.addresses.rotator).payload(Blob::new(event.to_string()));
    let response = request.send().await?;
    let payload = response.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned());
    ensure!(response.function_error().is_none(), "{}", payload.unwrap_or_default());
    Ok(())
}

/// The current value of the API token's secret.
pub(crate) async fn current(organisation: &Organisation<'_>) -> Result<String> {
    token(organisation, "AWSCURRENT").await
}

async fn pending_token(organisation: &Organisation<'_>) -> Result<String> {
    token(organisation, "AWSPENDING").await
}

async fn token(organisation: &Organisation<'_>, stage: &str) -> Result<String> {
    let request =
        organisation.stack.secrets.get_secret_value().secret_id(organisation.secret_name(Kind::ApiToken));
    request.version_stage(stage).send().await?.secret_string.context("no secret")
}
