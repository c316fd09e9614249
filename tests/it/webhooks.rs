//! Webhooks as Salestrekker may send them: duplicated, out of order, late, lost, and for our own changes.

use crate::support::{among_others, events, kinds, mutations, rest};
use anyhow::Result;
use end_to_end::stack::{Organisation, Stack};
use reqwest::Method;
use serde_json::{Value, json};

/// Makes the stand-in send the organisation's webhooks with these options.
pub(crate) async fn switch_on(organisation: &Organisation<'_>, mut options: Value) -> Result<()> {
    let actions = ["ticket-created", "ticket-updated", "ticket-stage-changed"];
    let urls = actions.map(|action| (action.to_owned(), json!(organisation.webhook_url(action))));
    options["urls"] = Value::Object(urls.into_iter().collect());
    let path = format!("webhooks/{}", organisation.name);
    organisation.stack.control(Method::PUT, &path, &options).await?;
    Ok(())
}

#[tokio::test]
async fn webhooks_that_come_twice_and_out_of_order_and_for_our_own_changes_act_once() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("disorder").await?;
    let options = json!({ "duplicates": 2, "reorder": true, "on_api_changes": true, "payload": "form" });
    switch_on(&organisation, options).await?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    events(&organisation, &ticket, 1).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let created = mutations(&organisation, "ticketCreate", 1).await?;
    // The label that we added is an event too, because our own change sent a webhook.
    let journal = events(&organisation, &ticket, 3).await?;
    rest(&stack).await?;
    assert_eq!(kinds(&journal), ["ticket.created", "ticket.stage_changed", "ticket.label_added"]);
    assert_eq!(created.len(), 1);
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn a_change_whose_webhook_is_lost_is_found_by_the_next_late_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lost").await?;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(&organisation, &ticket, 1).await?;

    switch_on(&organisation, json!({ "lose_every": 1 })).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let due = stack.control(Method::GET, "webhooks", &json!({})).await?;
    let lost = due.as_array().into_iter().flatten().filter(|due| due["ticket"] == json!(ticket));
    assert!(lost.clone().count() == 2 && lost.into_iter().all(|due| due["lost"] == true), "{due}");

    switch_on(&organisation, json!({ "delay_ms": 300, "payload": "ticket" })).await?;
    organisation.change(&ticket, json!({ "name": "Citizen, settled" })).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    let journal = events(&organisation, &ticket, 3).await?;
    assert_eq!(kinds(&journal)[..3], ["ticket.first_seen", "ticket.stage_changed", "ticket.renamed"]);
    Ok(())
}
