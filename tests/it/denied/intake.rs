//! The functions that no queue invokes: webhook-ingest and the reconciler.

use super::case::{Case, Expected};
use crate::inbound::declared;
use crate::support::{SOON, events, known_ticket};
use anyhow::{Context as _, Result, ensure};
use automations::clock;
use automations::id::OrganisationId;
use automations::model::check_rounds::Cursor;
use automations::model::check_schedule::Slice;
use end_to_end::stack::{Organisation, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const FUNCTION: &str = "webhook-ingest";
const FORM: &str = "application/x-www-form-urlencoded";

/// Salestrekker sends a webhook again that was not accepted, or the reconciler finds the change.
pub(super) async fn webhook(case: &Case<'_>, event: &str, reason: &str) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    case.take_away(None).await?;
    let url = organisation.webhook_url("ticket-updated");
    let (status, body) = post(&organisation, &url, &json!({ "id": ticket }).to_string()).await?;
    ensure!(status == 503, "the response is {status}: {body}");
    let expected = Expected { function: FUNCTION, event, reason };
    // One line has the request's id, the other one the secret's name.
    let lines = [body["request"].as_str().context("no request id")?.to_owned(), case.name.clone()];
    eventually("the log line", SOON, async || {
        for text in &lines {
            if !case.lines(expected, text).await?.is_empty() {
                return Ok(());
            }
        }
        anyhow::bail!("no line {event} with the reason {reason}")
    })
    .await?;
    case.give_back().await?;
    eventually("the webhook's acceptance", SOON, async || {
        organisation.webhook("ticket-updated", &ticket).await.map(drop)
    })
    .await?;
    events(&organisation, &ticket, 1).await?;
    Ok(format!("503, {reason}"))
}

pub(super) async fn without_secrets(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let listed = format!("{}-no-secrets", case.name);
    let url = organisation.webhook_url("ticket-updated").replace(&case.name, &listed);
    let (id, far_away) = (OrganisationId::parse(listed.as_str())?, "9999-01-01T10:00:00Z".parse()?);
    // Claimed for ever, so that the deployed reconciler does not ask for its list query.
    case.stack.store().claim_listing(&id, far_away, far_away).await?;
    case.take_away(None).await?;
    let expected =
        Expected { function: FUNCTION, event: "webhook.token_read_failed", reason: "secret_access_denied" };
    eventually("the refusal for lack of the permission", SOON, async || {
        let (status, body) = post(&organisation, &url, "{}").await?;
        ensure!(status == 503, "the response is {status}: {body}");
        Ok(())
    })
    .await?;
    case.says(expected, &listed, 0).await?;
    case.give_back().await?;
    refused(&organisation, &url).await?;
    case.stack.store().remove_listing(&id).await?;
    Ok(format!("503, {}", expected.reason))
}

/// A name that may be a new one is not rejected for good, and those that are known are accepted as before.
pub(super) async fn unknown_name(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    let unknown = format!("{}-unknown", case.name);
    let url = organisation.webhook_url("ticket-updated").replace(&case.name, &unknown);
    let expected =
        Expected { function: FUNCTION, event: "webhook.list_read_failed", reason: "table_rejected" };
    let before = case.lines(expected, "").await?.len();
    case.take_away(None).await?;
    eventually("the refusal for lack of the permission", SOON, async || {
        let (status, body) = post(&organisation, &url, "{}").await?;
        ensure!(status == 503, "the response is {status}: {body}");
        Ok(())
    })
    .await?;
    case.says(expected, "", before).await?;
    case.give_back().await?;
    refused(&organisation, &url).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 1).await?;
    Ok(format!("503, {}", expected.reason))
}

async fn refused(organisation: &Organisation<'_>, url: &str) -> Result<()> {
    eventually("the refusal", SOON, async || {
        let (status, body) = post(organisation, url, "{}").await?;
        ensure!(status == 401, "the response is {status}: {body}");
        Ok(())
    })
    .await
}

pub(super) async fn inbound(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let url = declared(&organisation, "survey").await?;
    case.take_away(None).await?;
    let (status, body) = post(&organisation, &url, "answer=1").await?;
    ensure!(status == 503, "the response is {status}: {body}");
    let expected =
        Expected { function: FUNCTION, event: "webhook.token_read_failed", reason: "secret_access_denied" };
    case.says(expected, &case.name, 0).await?;
    case.give_back().await?;
    let hint = eventually("the acceptance", SOON, async || {
        let (status, body) = post(&organisation, &url, "answer=1").await?;
        ensure!(status == 202, "the response is {status}: {body}");
        Ok(body["hint"].as_str().context("no hint")?.to_owned())
    })
    .await?;
    eventually("its event", SOON, async || {
        let lines = case.stack.logged("event-enricher", "inbound.received").await?;
        ensure!(lines.iter().any(|line| line.contains(&hint)), "not yet");
        Ok(())
    })
    .await?;
    Ok(format!("503, {}", expected.reason))
}

/// The record of a token's use is not needed for the webhook, so this one is accepted.
pub(super) async fn token_use(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    let expected =
        Expected { function: FUNCTION, event: "webhook.token_use_not_recorded", reason: "table_rejected" };
    let before = case.lines(expected, "").await?.len();
    case.take_away(None).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    case.says(expected, "", before).await?;
    case.give_back().await?;
    events(&organisation, &ticket, 1).await?;
    Ok(format!("202, {}", expected.reason))
}

pub(super) async fn reconciler(case: &Case<'_>, reason: &str) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let expected = Expected { function: "reconciler", event: "reconcile.failed", reason };
    let before = case.lines(expected, "").await?.len();
    case.take_away(None).await?;
    organisation.make_due(&ticket).await?;
    // The turn of the last ten minutes is to be done again, as what is needed for it only is needed now.
    let slice = Slice::of(clock::now().earlier(Duration::from_mins(10)));
    case.stack.store().set_cursor(Cursor { slice, after: None }).await?;
    let failed = run_reconciler(case).await?;
    ensure!(failed.as_ref().is_some_and(|text| text.contains(reason)), "Lambda gets {failed:?}");
    case.says(expected, "", before).await?;
    case.give_back().await?;
    let failed = run_reconciler(case).await?;
    ensure!(failed.is_none(), "it still fails: {failed:?}");
    is_checked(&organisation, &ticket).await?;
    Ok(format!("the run fails, {reason}"))
}

/// What is due does not wait for the list queries, which the next run asks for.
pub(super) async fn listing(case: &Case<'_>) -> Result<String> {
    let organisation = case.organisation().await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    // Without a due ticket, so that the run knows of it from the table only.
    let listed = case.stack.organisation(&format!("{}-listed", case.name)).await?;
    let listed = OrganisationId::parse(listed.name)?;
    case.stack.store().remove_listing(&listed).await?;
    let expected =
        Expected { function: "reconciler", event: "reconcile.list_failed", reason: "table_rejected" };
    let before = case.lines(expected, "").await?.len();
    case.take_away(None).await?;
    case.stack.store().add_listing(&listed).await?;
    organisation.make_due(&ticket).await?;
    let failed = run_reconciler(case).await?;
    ensure!(failed.is_none(), "the run fails: {failed:?}");
    case.says(expected, "", before).await?;
    is_checked(&organisation, &ticket).await?;
    ensure!(!is_asked_for(case, &listed).await?, "the list query was asked for all the same");
    case.give_back().await?;
    let failed = run_reconciler(case).await?;
    ensure!(failed.is_none(), "it still fails: {failed:?}");
    ensure!(is_asked_for(case, &listed).await?, "the list query was not asked for");
    case.stack.store().remove_listing(&listed).await?;
    Ok(format!("the run goes on, {}", expected.reason))
}

/// Whether an organisation's list query was asked for; the claim is given back if its hint was not sent.
async fn is_asked_for(case: &Case<'_>, organisation: &OrganisationId) -> Result<bool> {
    let listings = case.stack.store().listings().await?;
    let listing = listings.into_iter().find(|listing| listing.organisation == *organisation);
    Ok(listing.context("the table does not know the organisation")?.listed_at.is_some())
}

/// Runs the reconciler; returns its error.
async fn run_reconciler(case: &Case<'_>) -> Result<Option<String>> {
    let name = format!("{}-reconciler", case.stack.addresses.stack);
    let response = case.stack.lambda.invoke().function_name(name).send().await?;
    let text = response.payload().map(|payload| String::from_utf8_lossy(payload.as_ref()).into_owned());
    Ok(response.function_error().and(text))
}

/// Waits for the check of a ticket that was made due: it takes back the time of its own.
async fn is_checked(organisation: &Organisation<'_>, ticket: &str) -> Result<()> {
    eventually("the check that was due", SOON, async || {
        let known = organisation.known(ticket).await?.context("the ticket is not in the table")?;
        ensure!(known.schedule.extra.is_none(), "not yet");
        Ok(())
    })
    .await
}

/// The status and the body of the response.
pub(super) async fn post(organisation: &Organisation<'_>, url: &str, body: &str) -> Result<(u16, Value)> {
    let kind = if body.starts_with('{') { "application/json" } else { FORM };
    let response = organisation.send(Method::POST, url, kind, body.to_owned().into()).await?;
    Ok((response.status().as_u16(), response.json().await?))
}
