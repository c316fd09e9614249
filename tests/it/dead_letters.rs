//! What was given up can be looked at, sent back, or let go; what is sent back is not done twice.

use crate::support::{alone, events, known_ticket, letters, mutations, rest};
use anyhow::{Context as _, Result};
use end_to_end::stack::{Organisation, Stack};
use operate::{Redriven, Selection};
use serde_json::{Value, json};

const HANDLER: &str = "follow-up-on-settlement";

/// The one dead letter that speaks of this ticket.
async fn letter_about(stack: &Stack, ticket: &str) -> Result<(Selection, String)> {
    let all = letters(stack)?.show(&Selection::default()).await?;
    let (letter, _) = all.into_iter().find(|(_, body)| body.contains(ticket)).context("no such letter")?;
    Ok((Selection { id: Some(letter.id), ..Selection::default() }, letter.reason))
}

/// A ticket that settles while this goes wrong.
async fn settle_with(organisation: &Organisation<'_>, on: &str, is: Value) -> Result<String> {
    let ticket = known_ticket(organisation, "Approved").await?;
    let fault = json!([{ "organisation": organisation.name, "on": on, "is": is }]);
    organisation.stack.control(reqwest::Method::POST, "faults", &fault).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(organisation, &ticket, 2).await?;
    rest(organisation.stack).await?;
    Ok(ticket)
}

#[tokio::test]
async fn an_action_that_was_refused_is_done_when_it_is_sent_back_and_only_once() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("sent-back").await?;
    let refused = json!({ "status": { "code": 400 } });
    let ticket = settle_with(&organisation, "ticketCreate", refused).await?;
    let (selection, reason) = letter_about(&stack, &ticket).await?;
    assert_eq!(reason, "salestrekker_rejected");
    let summaries = letters(&stack)?.list().await?;
    assert!(summaries.iter().any(|summary| summary.reasons.contains_key("salestrekker_rejected")));
    let redriven = letters(&stack)?.redrive(&selection, None).await?;
    assert_eq!(redriven, Redriven { redriven: 1, on_unknown_outcome: 0 });
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    assert!(letter_about(&stack, &ticket).await.is_err(), "it is no dead letter any more");

    // The same letter once more, as after a loss between sending and deleting: its id is done.
    let event = &events(&organisation, &ticket, 2).await?[1];
    let done = organisation.done(event, HANDLER, 1).await?.context("not done")?;
    let dead = stack.queue_url(&stack.place.actions_dead_letters_queue).await?;
    let again =
        stack.sqs.send_message().queue_url(dead).message_body(automations::json::to_json(&done.planned));
    again.message_group_id("g").message_deduplication_id("again").send().await?;
    let (selection, _) = letter_about(&stack, &ticket).await?;
    letters(&stack)?.redrive(&selection, None).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_action_in_doubt_stays_until_a_person_says_that_it_is_to_be_done() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("in-doubt").await?;
    let ticket = settle_with(&organisation, "ticketCreate", json!("cut_before")).await?;
    let (selection, reason) = letter_about(&stack, &ticket).await?;
    assert_eq!(reason, "outcome_unknown");
    let stays = letters(&stack)?.redrive(&selection, None).await?;
    assert_eq!(stays, Redriven { redriven: 0, on_unknown_outcome: 1 });
    letter_about(&stack, &ticket).await?;
    let redriven = letters(&stack)?.redrive(&selection, Some(&stack.store())).await?;
    assert_eq!(redriven, Redriven { redriven: 1, on_unknown_outcome: 0 });
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_letter_that_is_let_go_is_gone() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("let-go").await?;
    let ticket = settle_with(&organisation, "ticketCreate", json!("cut_after")).await?;
    let (selection, _) = letter_about(&stack, &ticket).await?;
    assert_eq!(letters(&stack)?.drop(&selection).await?, 1);
    assert!(letter_about(&stack, &ticket).await.is_err());
    Ok(())
}

#[tokio::test]
async fn another_stack_whose_name_begins_alike_keeps_its_letters() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let name = format!("{}-dev-hints-dead-letters", stack.place.stack);
    let queue = stack.sqs.create_queue().queue_name(&name).send().await?;
    let queue = queue.queue_url().context("no queue")?;
    stack.sqs.send_message().queue_url(queue).message_body("{}").send().await?;
    let selection = Selection { queue: Some(name), ..Selection::default() };
    let dropped = letters(&stack)?.drop(&selection).await;
    let stays = stack.sqs.receive_message().queue_url(queue).send().await?;
    stack.sqs.delete_queue().queue_url(queue).send().await?;
    assert_eq!((dropped?, stays.messages().len()), (0, 1));
    Ok(())
}
