//! What happened to one ticket is found with one command, and why nothing happened (rows 1 and 2 of the anchors).

use crate::inbound::{JSON, declared, post_with};
use crate::support::{SOON, alone, among_others, events, known_ticket, mutations, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::{aws, clock};
use automations_cli::timeline::{Reader, Step, Timeline, Wanted, assemble, words};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;

const HANDLER: &str = "follow-up-on-settlement";

async fn timeline(organisation: &Organisation<'_>, wanted: &Wanted) -> Result<Timeline> {
    let stack = organisation.stack;
    let reader = Reader::new(&aws::load()?, stack.addresses.stack.clone(), stack.store(), clock::now());
    let name = OrganisationId::parse(organisation.name.clone())?;
    Ok(assemble(&reader.read(&name, wanted, Timestamp::from_seconds(0), 1_000).await?))
}

/// The sentences about handlers, actions and dead letters of the ticket's last event.
fn after_last_event(timeline: &Timeline) -> Vec<String> {
    let last = timeline.entries.iter().rposition(|entry| matches!(entry.step, Step::Event { .. }));
    timeline.entries.iter().skip(last.unwrap_or_default()).skip(1).map(|entry| words(&entry.step)).collect()
}

#[tokio::test]
async fn the_timeline_leads_from_the_webhook_to_the_outcome_of_each_action() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("timeline").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    let event = events(&organisation, &ticket, 2).await?[1].clone();
    let wanted = Wanted::Ticket(ticket.parse()?);
    let found = eventually("both actions in the timeline", SOON, async || {
        let found = timeline(&organisation, &wanted).await?;
        let text = found.to_string();
        ensure!(
            text.contains("done: the ticket was changed") && text.contains("done: created the ticket"),
            "{text}"
        );
        Ok(found)
    })
    .await?;
    let steps: Vec<&str> = found
        .entries
        .iter()
        .filter_map(|entry| match &entry.step {
            Step::Webhook { .. } => Some("webhook"),
            Step::Fetched { .. } => Some("fetched"),
            Step::Event { event: own, .. } if *own == event.id => Some("event"),
            Step::Decided { event: own, .. } if *own == event.id => Some("decided"),
            Step::Action { action, .. } if action.as_str().starts_with(event.id.as_str()) => Some("action"),
            _ => None,
        })
        .collect();
    let first = steps.iter().rposition(|step| *step == "webhook").context("no webhook")?;
    ensure!(
        steps[first..].starts_with(&["webhook", "fetched", "event", "decided", "action", "action"]),
        "{steps:?}"
    );
    let text = found.to_string();
    assert!(text.contains("notice-on-stage-change did nothing: its subscription"), "{text}");
    assert!(text.contains("does not accept the event's to.stage.name"), "{text}");
    let others = text.lines().find(|line| line.contains("not subscribed to this kind of event"));
    assert!(others.is_some_and(|line| line.contains("owner-on-new-ticket")), "{text}");

    // The same, beginning with the action that a person has in hand.
    let action = event.action_id(HANDLER, 1)?;
    let found = timeline(&organisation, &Wanted::Action(action)).await?;
    assert_eq!(found.ticket.map(String::from), Some(ticket.clone()));
    let first = found.entries.iter().find(|entry| matches!(entry.step, Step::Event { .. }));
    assert!(
        first.is_some_and(|entry| matches!(&entry.step, Step::Event { event: own, .. } if *own == event.id))
    );
    Ok(())
}

#[tokio::test]
async fn a_handler_that_decided_nothing_is_found_in_its_log() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("timeline-nothing").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Application" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let event = events(&organisation, &ticket, 2).await?[1].id.clone();
    published(&organisation, &ticket).await?;
    eventually("the handler's log", SOON, async || {
        let text = timeline(&organisation, &Wanted::Event(event.clone())).await?.to_string();
        ensure!(
            text.contains(&format!("{HANDLER} did nothing: it decided that there is nothing to do")),
            "{text}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_action_that_failed_is_followed_by_its_dead_letter_with_the_reason() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("timeline-failed").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let refused = json!({ "errors": { "message": "refused" } });
    let fault = json!([{ "organisation": organisation.name, "on": "ticketCreate", "is": refused }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 2).await?;
    rest(&stack).await?;
    eventually("the dead letter in the timeline", SOON, async || {
        let found = timeline(&organisation, &Wanted::Ticket(ticket.parse()?)).await?;
        let after = after_last_event(&found);
        let action = after.iter().position(|text| text.contains("not performed: it is a dead letter"));
        let dead = after.iter().position(|text| text.starts_with("salestrekker_rejected"));
        ensure!(action.is_some() && action < dead, "{after:?}");
        Ok(())
    })
    .await
}

/// Row 2 of the anchors: a lead that "never arrived" is looked for by what its sender knows.
#[tokio::test]
async fn a_lead_is_found_by_its_senders_id_and_by_the_hint_in_the_response() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("timeline-lead").await?;
    let name = OrganisationId::parse("timeline-lead")?;
    let url = declared(&organisation, "website-lead").await?;
    stack.store().add_inbound(&name, &"inbound-website-lead".parse()?).await?;
    let body = r#"{"name": "Jane Citizen-of-timelines", "email": "jane@example.com", "phone": "0400000000"}"#;
    let response = post_with(&url, &[("content-type", JSON), ("webhook-id", "m-77")], body).await?;
    let response: serde_json::Value = response.json().await?;
    let hint = response["hint"].as_str().context("the response names no hint")?.to_owned();
    for reference in ["m-77".to_owned(), hint] {
        let found = eventually("the ticket in the timeline", SOON, async || {
            let found = timeline(&organisation, &Wanted::Lead(reference.clone())).await?;
            ensure!(found.notes.iter().any(|note| note.contains("--ticket ")), "{found}");
            Ok(found)
        })
        .await?;
        let text = found.to_string();
        ensure!(
            text.contains("inbound-website-lead was received, hint ") && text.contains("create_lead"),
            "{text}"
        );
        ensure!(!text.contains("Citizen-of-timelines") && !text.contains("jane@example.com"), "{text}");
    }
    let unknown = timeline(&organisation, &Wanted::Lead("m-78".to_owned())).await?;
    ensure!(
        unknown.entries.is_empty() && unknown.notes[0].contains("no post with this reference"),
        "{unknown}"
    );
    Ok(())
}
