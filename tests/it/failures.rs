//! Failures: a message is retried or dead-lettered, and other messages are not affected.

use crate::support::{SOON, alone, among_others, events, known_ticket, mutations, rest, set_variable};
use anyhow::{Context as _, Result, ensure};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use end_to_end::stack::{Stack, eventually};
use serde_json::json;

const HANDLER: &str = "follow-up-on-settlement";
/// The variable with the queue that the handler sends actions to.
const QUEUE: &str = "ACTIONS_QUEUE_URL";

#[tokio::test]
async fn a_handler_that_fails_twice_and_then_works_has_acted_once() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("fails-twice").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let good =
        set_variable(&stack, HANDLER, QUEUE, "http://127.0.0.1:9/000000000000/no-such-queue.fifo").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let failed = eventually("two failures", SOON, async || {
        let failures = stack.logged(HANDLER, "message.retried").await?;
        ensure!(failures.len() >= 2, "{} failures", failures.len());
        Ok(failures)
    });
    let failed = failed.await;
    set_variable(&stack, HANDLER, QUEUE, &good).await?;
    assert!(failed?.iter().all(|line| line.contains("queue_")), "the log has the reason");
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let events = events(&organisation, &ticket, 2).await?;
    let done = organisation.done(&events[1], HANDLER, 1).await?.context("no record")?;
    assert!(done.planned.attempt >= 3, "attempt {}", done.planned.attempt);
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

/// F1 of the field faults.
#[tokio::test]
async fn while_the_api_answers_with_pages_of_a_gateway_nothing_is_dead_lettered_and_then_all_is_done()
-> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("gateway-pages").await?;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(organisation.new_ticket(json!({})).await?);
    }
    // Each request is sent three times before its message is retried.
    let fault = json!([{ "organisation": "gateway-pages", "times": 6, "is": { "status": { "code": 404 } } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    for ticket in &tickets {
        organisation.webhook("ticket-updated", ticket).await?;
    }
    for ticket in &tickets {
        events(&organisation, ticket, 1).await?;
    }
    let dead = stack.logged("event-enricher", "message.dead_lettered").await?;
    assert!(dead.iter().all(|line| !line.contains("gateway-pages")), "{dead:?}");
    Ok(())
}

#[tokio::test]
async fn a_poisoned_hint_ends_in_its_dead_letter_queue_while_its_neighbours_pass() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("poisoned").await?;
    let hints = stack.queue_url(&stack.addresses.hints_queue).await?;
    let mut tickets = Vec::new();
    for number in 0..3 {
        tickets.push(organisation.new_ticket(json!({ "name": format!("Ticket {number}") })).await?);
        let poison = format!("{{\"poison\": \"Jane Citizen {number}\"}}");
        stack.sqs.send_message().queue_url(&hints).message_body(poison).send().await?;
    }
    for ticket in &tickets {
        organisation.webhook("ticket-updated", ticket).await?;
    }
    for ticket in &tickets {
        events(&organisation, ticket, 1).await?;
    }
    let dead = stack.queue_url(&stack.addresses.hints_dead_letters_queue).await?;
    let mut found = Vec::new();
    eventually("three dead letters", SOON, async || {
        let request = stack.sqs.receive_message().queue_url(&dead).max_number_of_messages(10);
        let request = request
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        for message in request.send().await?.messages.unwrap_or_default() {
            let attribute =
                |name: &str| message.message_attributes().and_then(|all| all.get(name)?.string_value());
            let body = message.body().unwrap_or_default().to_owned();
            if body.contains("poison") {
                assert_eq!(attribute("reason"), Some("malformed_message"));
                assert_eq!(attribute("function"), Some("event-enricher"));
                found.push(body);
            }
        }
        ensure!(found.len() >= 3, "{}", found.len());
        Ok(())
    })
    .await?;
    found.sort();
    assert_eq!(
        found[0], "{\"poison\": \"Jane Citizen 0\"}",
        "a dead letter has the original body, so that it can be redriven"
    );
    let logged = stack.logged("event-enricher", "message.dead_lettered").await?;
    assert!(
        logged.len() >= 3 && !logged.iter().any(|line| line.contains("Jane")),
        "the log contains no value: {logged:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_api_that_is_away_for_a_while_loses_and_doubles_nothing() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("away").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let fault = |on: &str, times: u32, code: u16| json!({ "organisation": "away", "on": on, "times": times, "is": { "status": { "code": code } } });
    // More failures in a row than the client retries, so that the queue has to retry.
    let faults = json!([
        fault("query Ticket(", 4, 503),
        fault("ticketUpdate", 2, 500),
        fault("WorkflowsSearch", 4, 429)
    ]);
    stack.control(reqwest::Method::POST, "faults", &faults).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn an_action_that_can_never_work_is_parked_and_the_next_one_is_done() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("parked").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let fault = json!([{ "organisation": "parked", "on": "ticketUpdate", "times": 9, "is": { "errors": { "message": "refused" } } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let dead_lettered = stack.logged("action-worker", "message.dead_lettered").await?;
    assert!(dead_lettered.iter().any(|line| line.contains("salestrekker_rejected")), "{dead_lettered:?}");
    Ok(())
}

#[tokio::test]
async fn a_refused_credential_is_told_and_loses_nothing() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("refused-token").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    stack
        .control(reqwest::Method::POST, "expire-tokens", &json!({ "organisation": "refused-token" }))
        .await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    eventually("the rejected token in the log", SOON, async || {
        let refused = stack.logged("event-enricher", "credential_refused").await?;
        ensure!(!refused.is_empty(), "not yet");
        Ok(())
    })
    .await?;
    organisation.renew_token().await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[tokio::test]
async fn an_update_that_is_dropped_in_silence_is_made_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("dropped-update").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let fault =
        json!([{ "organisation": "dropped-update", "on": "ticketUpdate", "is": { "drop": ["idLabels"] } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketUpdate", "ticketCreate"]);
    assert_eq!(organisation.ticket(&ticket).await?["idLabels"].as_array().map(Vec::len), Some(1));
    Ok(())
}
