//! The same webhook again does nothing again.

use crate::setting::{among_others, events, kinds, known_ticket, mutations, rest};
use anyhow::Result;
use end_to_end::stack::Stack;
use serde_json::json;

#[tokio::test]
async fn the_same_webhook_five_times_gives_one_action() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("five-times").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    for _ in 0..5 {
        organisation.webhook("ticket-updated", &ticket).await?;
    }
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let journal = events(&organisation, &ticket, 2).await?;
    // The label that we added ourselves is a change too, if a later one of the five saw it.
    assert_eq!(kinds(&journal[..2]), ["ticket.first_seen", "ticket.stage_changed"]);
    assert_eq!(kinds(&journal).iter().filter(|kind| **kind == "ticket.stage_changed").count(), 1);
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn five_webhooks_at_the_same_moment_give_one_action() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("same-moment").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let send = || organisation.webhook("ticket-updated", &ticket);
    let answers = tokio::join!(send(), send(), send(), send(), send());
    for answer in <[_; 5]>::from(answers) {
        answer?;
    }
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn a_ticket_that_an_action_created_is_known_as_created() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("ours").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let created =
        organisation.mutations().await?.into_iter().find(|mutation| mutation.mutation == "ticketCreate");
    let follow_up =
        created.and_then(|mutation| mutation.result.as_str().map(str::to_owned)).unwrap_or_default();
    // This webhook's URL does not say that the ticket is new; our own record does.
    organisation.webhook("ticket-updated", &follow_up).await?;
    assert_eq!(kinds(&events(&organisation, &follow_up, 1).await?), ["ticket.created"]);
    Ok(())
}
