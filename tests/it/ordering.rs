//! What "in order" promises: docs/ordering.md has a sentence for each of these tests, and `ordering_page.rs` holds the two together.

use crate::inbound::declared;
use crate::support::{SOON, alone, among_others, known_ticket, mutations, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::aws::secret::Secrets;
use automations::handler::Reads;
use automations::handler::reading::{HandlerError, Reading};
use automations::salestrekker::{Client, Limits};
use automations::{Action, Event};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::json;
use std::sync::Mutex;

const HANDLER: &str = "follow-up-on-settlement";

/// What a handler was called with: versions of tickets.
#[derive(Debug, Default)]
struct Calls(Mutex<Vec<u64>>);

impl Calls {
    /// Records a call; returns how often this version was seen before.
    fn record(&self, version: u64) -> usize {
        let Ok(mut calls) = self.0.lock() else { return 0 };
        let before = calls.iter().filter(|call| **call == version).count();
        calls.push(version);
        before
    }

    fn all(&self) -> Vec<u64> {
        self.0.lock().map(|calls| calls.clone()).unwrap_or_default()
    }
}

async fn move_to(organisation: &Organisation<'_>, ticket: &str, stage: &str) -> Result<()> {
    organisation.change(ticket, json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    Ok(())
}

/// Moves the ticket through these stages, each seen before the next; returns the events of these moves. A check may also find what a
/// deployed handler did, so other events do not count.
async fn move_through(organisation: &Organisation<'_>, ticket: &str, stages: &[&str]) -> Result<Vec<Event>> {
    let mut moves = Vec::new();
    for (number, stage) in stages.iter().enumerate() {
        move_to(organisation, ticket, stage).await?;
        moves = eventually("the move", SOON, async || {
            let mut journal = organisation.journal(ticket).await?;
            journal.retain(|event| event.kind.name() == "ticket.stage_changed");
            ensure!(journal.len() > number, "so far {} moves", journal.len());
            Ok(journal)
        })
        .await?;
    }
    published(organisation, ticket).await?;
    Ok(moves)
}

/// F6 of the field's faults, and B1 of the AWS facts: a retry of the first lets the second pass, unless the queue keeps the order.
#[tokio::test]
async fn the_second_event_of_a_ticket_is_decided_after_the_first_which_failed_twice() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("in-order").await?;
    let fails_twice = async |event: &Event, calls: &Calls, _: &Reading<'_>| {
        let Some(ticket) = event.ticket() else { return Ok(vec![]) };
        let before = calls.record(ticket.version);
        let fails = ticket.version == 2 && before < 2;
        if fails { Err(HandlerError::Retry("the test says so")) } else { Ok(Vec::<Action>::new()) }
    };
    let ticket = known_ticket(&organisation, "Approved").await?;
    let hosted =
        organisation.host_any("fails", Reads::new(fails_twice, client(&stack)?), Calls::default()).await?;
    move_through(&organisation, &ticket, &["Application", "Approved", "Archived"]).await?;
    eventually("every decision", SOON, async || {
        hosted.work().await?;
        let calls = hosted.settings().all();
        ensure!(calls.contains(&4), "so far {calls:?}");
        Ok(())
    })
    .await?;
    // A later check may also find the label of the deployed handler, which is another event of that version.
    let mut calls = hosted.settings().all();
    assert_eq!(calls[..3], [2, 2, 2], "the first fails twice, and then it is decided: {calls:?}");
    assert!(calls.is_sorted(), "{calls:?}");
    calls.dedup();
    assert_eq!(calls, [2, 3, 4]);
    Ok(())
}

#[tokio::test]
async fn actions_of_a_later_event_wait_for_those_of_an_earlier_one() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("actions-in-order").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    // More failures in a row than the client retries, so that the queue has to retry.
    let busy = json!({ "status": { "code": 503 } });
    let fault = json!([{ "organisation": "actions-in-order", "on": "ticketUpdate", "times": 4, "is": busy }]);
    stack.control(Method::POST, "faults", &fault).await?;
    let moves = move_through(&organisation, &ticket, &["Settled", "Approved", "Settled"]).await?;
    mutations(&organisation, "ticketCreate", 2).await?;
    rest(&stack).await?;
    let mut times = Vec::new();
    for event in [&moves[0], &moves[2]] {
        for position in 0..2 {
            let done = organisation.done(event, HANDLER, position).await?.context("no record")?;
            ensure!(position > 0 || times.len() > 1 || done.planned.attempt >= 1, "{done:?}");
            times.push(done.done_at);
        }
    }
    ensure!(times.is_sorted(), "{times:?}");
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate", "ticketCreate"]);
    Ok(())
}

/// F4 of the field's faults.
#[tokio::test]
async fn an_action_that_is_dead_lettered_lets_the_next_one_go_on() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("goes-on").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let refused = json!({ "errors": { "message": "refused" } });
    let fault = json!([{ "organisation": "goes-on", "on": "ticketUpdate", "times": 1, "is": refused }]);
    stack.control(Method::POST, "faults", &fault).await?;
    let moves = move_through(&organisation, &ticket, &["Settled"]).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    ensure!(organisation.done(&moves[0], HANDLER, 0).await?.is_none(), "the label was refused");
    ensure!(organisation.done(&moves[0], HANDLER, 1).await?.is_some(), "the create was done");
    Ok(())
}

#[tokio::test]
async fn a_handler_that_fails_delays_no_other_handler() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("independent").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    // This handler never works, so that its queue waits, while the deployed one acts on both events.
    let waits = organisation.host("waits", |_, ()| vec![], ()).await?;
    move_through(&organisation, &ticket, &["Settled", "Approved", "Settled"]).await?;
    mutations(&organisation, "ticketCreate", 2).await?;
    ensure!(waits.work().await? > 0, "its events are still there");
    Ok(())
}

#[tokio::test]
async fn an_inbound_post_waits_for_no_other() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("posts").await?;
    let url = declared(&organisation, "survey").await?;
    let first_fails = async |event: &Event, calls: &Calls, _: &Reading<'_>| {
        let text = event.inbound("survey").and_then(|fields| fields.text("number"));
        let number = text.and_then(|text| text.reveal().parse().ok()).unwrap_or_default();
        calls.record(number);
        if number == 1 { Err(HandlerError::Retry("the test says so")) } else { Ok(Vec::<Action>::new()) }
    };
    let hosted =
        organisation.host_any("posts", Reads::new(first_fails, client(&stack)?), Calls::default()).await?;
    for number in 1..=3 {
        let body = json!({ "number": number.to_string() }).to_string();
        let sent = organisation.send(Method::POST, &url, "application/json", body.into()).await?;
        ensure!(sent.status() == 202, "not accepted");
    }
    eventually("the later posts", SOON, async || {
        hosted.work().await?;
        let calls = hosted.settings().all();
        ensure!(calls.contains(&1) && calls.contains(&2) && calls.contains(&3), "so far {calls:?}");
        Ok(())
    })
    .await
}

fn client(stack: &Stack) -> Result<Client> {
    let secrets = Secrets::new(stack.secrets.clone(), stack.addresses.stack.clone());
    Ok(Client::new(secrets, Limits::default())?)
}
