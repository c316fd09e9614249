//! Dead letters can be shown, redriven or deleted; a redriven action is not performed twice.

use crate::support::{alone, dead_letters, events, known_ticket, mutations, rest};
use anyhow::{Context as _, Result};
use automations_cli::{Consent, Outcome, Selection};
use end_to_end::stack::{Organisation, Stack};
use serde_json::{Value, json};
use std::time::Duration;

const HANDLER: &str = "follow-up-on-settlement";
/// The timeout for the result of a redrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// The dead letter that contains this ticket.
async fn dead_letter_of(stack: &Stack, ticket: &str) -> Result<(Selection, String)> {
    let all = dead_letters(stack)?.show(&Selection::default()).await?;
    let (dead_letter, _) =
        all.into_iter().find(|(_, body)| body.contains(ticket)).context("no such dead letter")?;
    Ok((Selection { id: Some(dead_letter.id), ..Selection::default() }, dead_letter.reason))
}

/// Settles a ticket with this fault.
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
    let refused = json!({ "errors": { "message": "refused" } });
    let ticket = settle_with(&organisation, "ticketCreate", refused).await?;
    let (selection, reason) = dead_letter_of(&stack, &ticket).await?;
    assert_eq!(reason, "salestrekker_rejected");
    let summaries = dead_letters(&stack)?.list().await?;
    assert!(summaries.iter().any(|summary| summary.reasons.contains_key("salestrekker_rejected")));
    let redriven = dead_letters(&stack)?.redrive(&selection, Consent::default()).await?;
    assert_eq!((redriven.redriven, redriven.outcome_unknown), (1, 0));
    assert_eq!(dead_letters(&stack)?.outcome(&redriven, PATIENCE).await?, Outcome::default());
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    assert!(dead_letter_of(&stack, &ticket).await.is_err(), "it is not a dead letter any more");

    // The same dead letter again, as after a crash between sending and deleting: the action is already recorded as done.
    let event = &events(&organisation, &ticket, 2).await?[1];
    let done = organisation.done(event, HANDLER, 1).await?.context("not done")?;
    let queue = stack.queue_url(&stack.addresses.actions_dead_letters_queue).await?;
    let duplicate =
        stack.sqs.send_message().queue_url(queue).message_body(automations::json::to_json(&done.planned));
    duplicate.message_group_id("g").message_deduplication_id("again").send().await?;
    let (selection, reason) = dead_letter_of(&stack, &ticket).await?;
    assert_eq!(reason, "not_delivered", "it has neither a reason nor a queue from which SQS moved it");
    dead_letters(&stack)?.redrive(&selection, Consent::default()).await?;
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
    let (selection, reason) = dead_letter_of(&stack, &ticket).await?;
    assert_eq!(reason, "outcome_unknown");
    let kept = dead_letters(&stack)?.redrive(&selection, Consent::default()).await?;
    assert_eq!((kept.redriven, kept.outcome_unknown), (0, 1));
    dead_letter_of(&stack, &ticket).await?;
    let retry_unknown = Consent { retry_unknown: true, ..Consent::default() };
    let redriven = dead_letters(&stack)?.redrive(&selection, retry_unknown).await?;
    assert_eq!((redriven.redriven, redriven.outcome_unknown), (1, 0));
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
    let (selection, _) = dead_letter_of(&stack, &ticket).await?;
    assert_eq!(dead_letters(&stack)?.drop(&selection).await?, 1);
    assert!(dead_letter_of(&stack, &ticket).await.is_err());
    Ok(())
}

#[tokio::test]
async fn another_stack_whose_name_begins_alike_keeps_its_letters() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let name = format!("{}-dev-hints-dead-letters", stack.addresses.stack);
    let queue = stack.sqs.create_queue().queue_name(&name).send().await?;
    let queue = queue.queue_url().context("no queue")?;
    stack.sqs.send_message().queue_url(queue).message_body("{}").send().await?;
    let selection = Selection { queue: Some(name), ..Selection::default() };
    let dropped = dead_letters(&stack)?.drop(&selection).await;
    let kept = stack.sqs.receive_message().queue_url(queue).send().await?;
    stack.sqs.delete_queue().queue_url(queue).send().await?;
    assert_eq!((dropped?, kept.messages().len()), (0, 1));
    Ok(())
}
