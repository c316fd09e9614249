//! Secrets are stored in Secrets Manager and nowhere else.

use crate::notices::receiver;
use crate::rotation::{STEPS, current, staged, staged_as, step_of};
use crate::support::{SOON, alone, known_ticket, mutations, rest};
use anyhow::{Context as _, Result, ensure};
use automations::aws::secret::Kind;
use automations::id::DestinationName;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// Canary secrets that the stand-in did not issue.
const DESTINATION: &str = "whsec_Y2FuYXJ5LW9mLWEtZGVzdGluYXRpb24=";
const KEY: &str = "canary-key-in-the-url-of-a-destination";
const GUESSED: &str = "canary-token-of-an-attacker";

fn notify(event: &Event, team: &DestinationName) -> Vec<Action> {
    event.ticket().map(|ticket| vec![Action::notify(ticket, team, "changed")]).unwrap_or_default()
}

/// The text of a field of a secret.
fn field(secret: &str, name: &str) -> Result<String> {
    let secret: Value = serde_json::from_str(secret)?;
    Ok(secret.get(name).and_then(Value::as_str).context("no such field")?.to_owned())
}

#[tokio::test]
async fn no_secret_is_in_what_the_stack_writes_whatever_goes_wrong() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("canary").await?;
    let (url, _) = receiver().await?;
    let value = json!({ "url": format!("{url}?key={KEY}"), "secrets": [DESTINATION] });
    organisation.set_secret("destination-team", &value).await?;
    let mut secrets =
        vec![organisation.webhook_token.clone(), field(&current(&organisation).await?, "token")?];
    let known = stack.control(Method::POST, "organisations", &json!({ "name": "canary" })).await?;
    secrets.push(known["api_key"].as_str().context("no API key")?.to_owned());

    // The normal flow, and a destination that rejects the first request.
    let hosted = organisation.host("notifies", notify, DestinationName::parse("team")?).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    while hosted.work().await? > 0 {}
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;

    // Unauthorised requests, whose tokens may be secrets of another system.
    let good = organisation.webhook_url("ticket-updated");
    for url in [good.replace(&organisation.webhook_token, GUESSED), format!("{good}/{GUESSED}")] {
        organisation.send(Method::POST, &url, "application/json", b"{}".to_vec()).await?;
    }

    // A token that is rejected, and one that is replaced.
    stack.control(Method::POST, "expire-tokens", &json!({ "organisation": "canary" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    eventually("a rejected token", SOON, async || {
        ensure!(!stack.logged("event-enricher", "credential_refused").await?.is_empty(), "not yet");
        Ok(())
    })
    .await?;
    let unstaged = step_of(&organisation, "createSecret", "00000000-0000-4000-8000-000000000000").await;
    assert!(unstaged.is_err());
    let version = staged(&organisation).await?;
    for step in STEPS {
        step_of(&organisation, step, &version).await?;
    }
    secrets.push(field(&current(&organisation).await?, "token")?);

    // Invalid secrets, whose errors could quote them.
    broken_secrets(&organisation).await?;
    secrets.extend([DESTINATION, KEY, GUESSED, "canary-broken"].map(str::to_owned));
    rest(&stack).await?;

    let texts = stack.stored_texts().await?;
    assert!(texts.iter().any(|stored| stored.text.contains(&ticket)), "the search finds a ticket id");
    for stored in &texts {
        let found = secrets.iter().position(|secret| stored.text.contains(secret.as_str()));
        assert_eq!(found, None, "the index of a secret that is in {:?} {}", stored.kind, stored.name);
    }
    Ok(())
}

/// Stages a version that is not valid in a header, then one that is not valid JSON. A rotation replaces both.
async fn broken_secrets(organisation: &Organisation<'_>) -> Result<()> {
    let key = organisation.stack.secrets.get_secret_value().secret_id(organisation.secret_name(Kind::ApiKey));
    let (endpoint, key_version) = (organisation.stack.api(), key.send().await?.version_id);
    let unsendable =
        json!({ "endpoint": endpoint, "token": "canary-broken\ntoken", "key_version": key_version });
    for broken in [unsendable.to_string().as_str(), "{\"token\": \"canary-broken"] {
        let version = staged_as(organisation, broken).await?;
        for step in ["testSecret", "finishSecret"] {
            if let Err(error) = step_of(organisation, step, &version).await {
                assert!(!format!("{error:#}").contains("canary"), "{step}: the error quotes the version");
            }
        }
        assert!(!current(organisation).await?.contains("canary"), "the version is invalid");
    }
    Ok(())
}
