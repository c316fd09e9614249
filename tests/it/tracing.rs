//! One id identifies a webhook in every function's log.

use crate::support::{SOON, among_others, events, known_ticket, mutations};
use anyhow::{Context as _, Result, ensure};
use automations::telemetry::EventName;
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn one_id_leads_from_the_webhook_to_the_mutation() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("followed").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let response = organisation.webhook("ticket-updated", &ticket).await?;
    let hint = response["hint"].as_str().context("no hint")?;
    mutations(&organisation, "ticketCreate", 1).await?;
    let steps = [
        ("webhook-ingest", EventName::WebhookAccepted),
        ("event-enricher", EventName::ChangeStored),
        ("follow-up-on-settlement", EventName::ActionsDecided),
        ("action-worker", EventName::ActionPerformed),
    ];
    for (function, name) in steps {
        eventually(function, SOON, async || {
            let lines = stack.logged(function, hint).await?;
            let lines: Vec<Value> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let logged =
                lines.iter().any(|line| line["event_name"] == name.as_str() && line["hint.id"] == hint);
            ensure!(logged, "{function} logs {lines:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_trace_that_a_webhook_is_part_of_goes_with_its_events() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("traced").await?;
    let ticket = organisation.new_ticket(json!({})).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0);
    // The engine creates a trace for each invocation, as Lambda does.
    let trace = event.cause.trace().context("the webhook's trace is lost")?;
    ensure!(trace.as_str().starts_with("Root=1-"), "{trace:?}");
    Ok(())
}
