//! A handler with API access reads from Salestrekker; without read access its event is dead-lettered with the reason.

use crate::organisations::organisations;
use crate::support::{SOON, among_others, events, known_ticket, published};
use anyhow::{Context as _, Result};
use automations::aws::secret::{Access, Secrets};
use automations::handler::Reads;
use automations::handler::reading::{HandlerError, Reading};
use automations::id::OrganisationId;
use automations::salestrekker::{Client, Limits};
use automations::store::Outcome;
use automations::{Action, Event};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;

struct Settings {
    label: String,
}

async fn decide(event: &Event, settings: &Settings, api: &Reading<'_>) -> Result<Vec<Action>, HandlerError> {
    let ticket = event.ticket().ok_or(HandlerError::DeadLetter("no ticket"))?;
    let name = api.ticket(&ticket.id).await?.name.unwrap_or_default();
    let is_meant = event.kind.name() == "ticket.stage_changed" && name.reveal().starts_with("Refinance");
    Ok(is_meant.then(|| Action::add_label(ticket, &settings.label)).into_iter().collect())
}

/// Changes a ticket's stage and runs the handler; returns the event and the handler's dead letters.
async fn run_handler(
    organisation: &Organisation<'_>,
    access: Access,
) -> Result<(Event, Vec<(String, String)>)> {
    let stack = organisation.stack;
    let ticket = known_ticket(organisation, "Approved").await?;
    let secrets = Secrets::new(stack.secrets.clone(), stack.addresses.stack.clone());
    let reads = Reads::new(decide, Client::new(secrets, Limits::default())?);
    let hosted = organisation.host_any("reads", reads, Settings { label: "Client".to_owned() }).await?;
    organisation.change(&ticket, json!({ "stage": "Archived", "name": "Refinance for Citizen" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(organisation, &ticket, 2).await?.remove(1);
    published(organisation, &ticket).await?;
    organisations(stack)?.set_access(&OrganisationId::parse(organisation.name.as_str())?, access).await?;
    while hosted.work().await? > 0 {}
    let dead_letters = stack.take_all(&hosted.dead_letters).await?;
    Ok((event, dead_letters))
}

#[tokio::test]
async fn a_reading_handler_decides_by_what_salestrekker_shows() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("reading").await?;
    let (event, dead_letters) = run_handler(&organisation, Access::ReadWrite).await?;
    assert!(dead_letters.is_empty(), "{dead_letters:?}");
    let done = eventually("the action", SOON, async || {
        organisation.done(&event, "reads", 0).await?.context("not done yet")
    });
    assert_eq!(done.await?.outcome, Outcome::Changed);
    Ok(())
}

#[tokio::test]
async fn where_nothing_may_be_read_the_event_is_kept_with_the_reason() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("reading-not").await?;
    let (_, dead_letters) = run_handler(&organisation, Access::WriteOnly).await?;
    let reasons: Vec<&str> = dead_letters.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(
        !reasons.is_empty() && reasons.iter().all(|reason| *reason == "handler_rejected_event"),
        "{reasons:?}"
    );
    Ok(())
}
