//! A webhook causes events, and events cause actions in Salestrekker.

use crate::support::{SOON, among_others, events, kinds, known_ticket, mutations, organisation, stages};
use anyhow::{Result, ensure};
use end_to_end::stack::{Stack, eventually};
use end_to_end::stand_in::Payload;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn a_new_ticket_is_created_where_the_webhook_says_so_and_first_seen_where_not(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "new-tickets", payload).await?;
    let listener = stack.listen(&organisation.name).await?;
    for (action, kind) in [("ticket-created", "ticket.created"), ("ticket-updated", "ticket.first_seen")] {
        let ticket = organisation.new_ticket(json!({ "stage": "Settled" })).await?;
        organisation.webhook(action, &ticket).await?;
        let events = events(&organisation, &ticket, 1).await?;
        assert_eq!(kinds(&events), [kind]);
        let published = eventually("the published event", SOON, async || {
            let received = listener.received().await?;
            ensure!(!received.is_empty(), "no event yet");
            Ok(received)
        });
        assert_eq!(published.await?, events);
    }
    assert!(
        organisation.mutations().await?.is_empty(),
        "a ticket that is first seen as settled causes no action"
    );
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_ticket_that_settles_is_labelled_and_followed_up(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "settles", payload).await?;
    let fields = json!({ "stage": "Approved", "name": "Citizen", "labels": ["Refinance"], "idClients": ["contact-7"] });
    let ticket = organisation.new_ticket(fields).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 1).await?;

    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let events = events(&organisation, &ticket, 2).await?;
    assert_eq!(stages(&events[1]), Some(("Approved", "Settled")));

    let updates = mutations(&organisation, "ticketUpdate", 1).await?;
    let labels = updates[0].pointer("/idLabels").and_then(|labels| labels.as_array()).cloned();
    assert_eq!(labels.map(|labels| labels.len()), Some(2), "the existing label is kept");
    assert_eq!(
        updates[0].pointer("/name"),
        Some(&json!("Citizen")),
        "the rest of the ticket is sent unchanged"
    );
    let follow_ups = mutations(&organisation, "ticketCreate", 1).await?;
    assert_eq!(follow_ups[0].pointer("/name"), Some(&json!("Follow-up: Citizen")));
    assert_eq!(follow_ups[0].pointer("/idClients"), Some(&json!(["contact-7"])));
    let first_stage = stage_id(&stack, &organisation.name, "Annual reviews", "Due").await?;
    assert_eq!(follow_ups[0].pointer("/idStage"), Some(&first_stage));
    Ok(())
}

#[rstest]
#[tokio::test]
async fn two_changes_between_webhooks_are_told_as_their_difference(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "two-changes", payload).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Archived" })).await?;
    organisation.change(&ticket, json!({ "stage": "Settled", "values": { "onceOff": 1.5 } })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let events = events(&organisation, &ticket, 3).await?;
    assert_eq!(kinds(&events), ["ticket.first_seen", "ticket.stage_changed", "ticket.value_changed"]);
    assert_eq!(stages(&events[1]), Some(("Approved", "Settled")));
    mutations(&organisation, "ticketCreate", 1).await?;
    Ok(())
}

#[rstest]
#[tokio::test]
async fn ten_tickets_in_one_burst_are_each_followed_up_once(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "burst", payload).await?;
    let mut tickets = Vec::new();
    for number in 0..10 {
        tickets.push(
            organisation
                .new_ticket(json!({ "stage": "Approved", "name": format!("Ticket {number}") }))
                .await?,
        );
    }
    let all: Vec<_> = tickets.iter().map(|ticket| json!({ "id": ticket })).collect();
    let url = organisation.webhook_url("ticket-updated");
    let send =
        || organisation.send(reqwest::Method::POST, &url, "application/json", json!(all).to_string().into());
    let response: serde_json::Value = send().await?.json().await?;
    assert_eq!(response["hints"], "10", "an array of ten becomes ten hints");
    for ticket in &tickets {
        events(&organisation, ticket, 1).await?;
    }
    for ticket in &tickets {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
    }
    for ticket in &tickets {
        organisation.webhook("ticket-updated", ticket).await?;
    }
    let follow_ups = mutations(&organisation, "ticketCreate", 10).await?;
    let mut names: Vec<_> = follow_ups.iter().map(|variables| variables["name"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!((follow_ups.len(), names.len()), (10, 10));
    Ok(())
}

async fn stage_id(
    stack: &Stack,
    organisation: &str,
    workflow: &str,
    stage: &str,
) -> Result<serde_json::Value> {
    let known =
        stack.control(reqwest::Method::POST, "organisations", &json!({ "name": organisation })).await?;
    let named = |things: &serde_json::Value, name: &str| {
        things
            .as_array()
            .and_then(|things| things.iter().find(|thing| thing["name"] == name))
            .cloned()
            .unwrap_or_default()
    };
    Ok(named(&named(&known["workflows"], workflow)["stages"], stage)["id"].clone())
}
