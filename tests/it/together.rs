//! Edits that arrive together share a read, an update and a read-back; each keeps its own fate. Whether messages that were sent
//! together arrive together is the queue's business, so that each test holds for both.

use crate::superseded::{done, last, planned};
use crate::support::{SOON, among_others, mutations, rest};
use anyhow::{Context as _, Result, ensure};
use automations::json::to_json;
use automations::model::action::PlannedAction;
use automations::store::{Claim, Claimant, Outcome};
use automations::{Action, Event, Ticket, clock};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A ticket that the system has seen once.
async fn seen(organisation: &Organisation<'_>) -> Result<(Event, Ticket)> {
    let id = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &id).await?;
    last(organisation, &id, 1).await
}

/// Sends actions to action-worker in one request.
async fn send_at_once(stack: &Stack, planned: &[PlannedAction]) -> Result<()> {
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    let entries = planned.iter().enumerate().map(|(position, planned)| {
        let entry = SendMessageBatchRequestEntry::builder().id(position.to_string());
        let entry = entry.message_body(to_json(planned)).message_deduplication_id(planned.id.to_string());
        Ok(entry.message_group_id(planned.message_group().as_str()).build()?)
    });
    let entries = entries.collect::<Result<Vec<_>>>()?;
    let sent = stack.sqs.send_message_batch().queue_url(queue).set_entries(Some(entries)).send().await?;
    ensure!(sent.failed().is_empty(), "{:?}", sent.failed());
    Ok(())
}

async fn fault(organisation: &Organisation<'_>, is: Value) -> Result<()> {
    let fault = json!([{ "organisation": organisation.name, "on": "ticketUpdate", "times": 1, "is": is }]);
    organisation.stack.control(Method::POST, "faults", &fault).await?;
    Ok(())
}

/// Three edits of different parts of a ticket.
fn three(ticket: &Ticket) -> Result<[Action; 3]> {
    Ok([
        Action::add_label(ticket, "Client"),
        Action::set_owner(ticket, &"another-broker".parse()?),
        Action::set_value(ticket, 470_000),
    ])
}

async fn check_three(organisation: &Organisation<'_>, ticket: &Ticket) -> Result<()> {
    let shown = organisation.ticket(ticket.id.as_str()).await?;
    assert_eq!(shown["idLabels"].as_array().map(Vec::len), Some(1), "{shown}");
    assert_eq!(shown["idOwner"], "another-broker");
    assert_eq!(shown["values"]["onceOff"].as_f64(), Some(470_000.0));
    Ok(())
}

/// C4: a lost response says nothing of any of the edits.
#[tokio::test]
async fn after_an_update_whose_response_is_lost_each_edit_is_there_once() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lost-together").await?;
    let (event, ticket) = seen(&organisation).await?;
    fault(&organisation, json!("cut_after")).await?;
    let planned = planned(&event, three(&ticket)?)?;
    send_at_once(&stack, &planned).await?;
    for planned in &planned {
        let outcome = done(&stack, planned).await?.outcome;
        ensure!(matches!(outcome, Outcome::Changed | Outcome::NoOp), "{outcome:?}");
    }
    rest(&stack).await?;
    check_three(&organisation, &ticket).await?;
    let updates = mutations(&organisation, "ticketUpdate", 1).await?.len();
    ensure!(updates <= planned.len(), "{updates} updates");
    Ok(())
}

#[tokio::test]
async fn of_three_edits_the_refused_one_is_dead_lettered_and_the_others_are_done_in_order() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("one-refused").await?;
    let (event, ticket) = seen(&organisation).await?;
    let actions = [
        Action::add_label(&ticket, "Client"),
        Action::move_stage(&ticket, "No such stage"),
        Action::set_value(&ticket, 470_000),
    ];
    let planned = planned(&event, actions)?;
    send_at_once(&stack, &planned).await?;
    let first = done(&stack, &planned[0]).await?;
    let third = done(&stack, &planned[2]).await?;
    assert_eq!((&first.outcome, &third.outcome), (&Outcome::Changed, &Outcome::Changed));
    ensure!(first.done_at <= third.done_at, "{first:?} {third:?}");
    eventually("the dead letter", SOON, async || {
        let lines = stack.logged("action-worker", "message.dead_lettered").await?;
        let own = lines.iter().find(|line| line.contains(planned[1].id.as_str())).context("not yet")?;
        ensure!(own.contains("not_found"), "{own}");
        Ok(())
    })
    .await?;
    assert_eq!(stack.store().done(&event.organisation, &planned[1].id).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_claim_that_another_invocation_holds_delays_its_action_and_those_behind_it_alone() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("held-together").await?;
    let (event, ticket) = seen(&organisation).await?;
    let (other_event, other_ticket) = seen(&organisation).await?;
    let of_one = planned(&event, three(&ticket)?)?;
    let of_other = planned(&other_event, [Action::add_label(&other_ticket, "Client")])?;
    let now = clock::now();
    let until = now.later(Duration::from_secs(8));
    let claimant = Claimant { owner: "another invocation", now, until };
    let claim = stack.store().claim(&event.organisation, &of_one[1].id, claimant).await?;
    ensure!(matches!(claim, Claim::Granted { .. }), "{claim:?}");
    send_at_once(&stack, &[of_one.clone(), of_other.clone()].concat()).await?;
    let before = [done(&stack, &of_one[0]).await?.done_at, done(&stack, &of_other[0]).await?.done_at];
    let after = [done(&stack, &of_one[1]).await?.done_at, done(&stack, &of_one[2]).await?.done_at];
    ensure!(before.iter().all(|at| *at < until), "{before:?} until {until:?}");
    ensure!(after.iter().all(|at| *at >= until) && after.is_sorted(), "{after:?} from {until:?}");
    check_three(&organisation, &ticket).await
}

/// As after a crash between the update and the records: the leases have ended, and the ticket is as the update left it.
#[tokio::test]
async fn what_a_crashed_invocation_wrote_is_found_and_not_written_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("crashed-together").await?;
    let (event, ticket) = seen(&organisation).await?;
    let planned = planned(&event, three(&ticket)?)?;
    let until = clock::now();
    let claimant =
        Claimant { owner: "a crashed invocation", now: until.earlier(Duration::from_secs(9)), until };
    for planned in &planned {
        stack.store().claim(&event.organisation, &planned.id, claimant).await?;
    }
    let fields =
        json!({ "labels": ["Client"], "idOwner": "another-broker", "values": { "onceOff": 470_000 } });
    organisation.change(ticket.id.as_str(), fields).await?;
    send_at_once(&stack, &planned).await?;
    for planned in &planned {
        assert_eq!(done(&stack, planned).await?.outcome, Outcome::NoOp);
    }
    ensure!(organisation.mutations().await?.is_empty(), "it was written again");
    Ok(())
}

#[tokio::test]
async fn a_stage_that_a_ticket_passes_through_is_written_before_the_next_one() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("passes-through").await?;
    let (event, ticket) = seen(&organisation).await?;
    let actions = [
        Action::move_stage(&ticket, "Application"),
        Action::add_label(&ticket, "Client"),
        Action::move_stage(&ticket, "Archived"),
    ];
    let planned = planned(&event, actions)?;
    send_at_once(&stack, &planned).await?;
    for planned in &planned {
        assert_eq!(done(&stack, planned).await?.outcome, Outcome::Changed);
    }
    let updates = mutations(&organisation, "ticketUpdate", 2).await?;
    let mut stages: Vec<&str> = updates.iter().filter_map(|update| update["idStage"].as_str()).collect();
    stages.dedup();
    assert_eq!(stages.len(), 2, "{stages:?}");
    assert_eq!(organisation.ticket(ticket.id.as_str()).await?["idStage"], *stages[1]);
    Ok(())
}

/// How the vendor orders a read and a write that overlap is not known.
#[tokio::test]
async fn an_update_that_shows_late_is_read_back_and_not_written_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("shows-late").await?;
    let (event, ticket) = seen(&organisation).await?;
    fault(&organisation, json!({ "late": { "ms": 400 } })).await?;
    let planned = planned(&event, three(&ticket)?)?;
    send_at_once(&stack, &planned).await?;
    for planned in &planned {
        assert_eq!(done(&stack, planned).await?.outcome, Outcome::Changed);
    }
    check_three(&organisation, &ticket).await?;
    let updates = mutations(&organisation, "ticketUpdate", 1).await?.len();
    ensure!(updates <= planned.len(), "{updates} updates");
    Ok(())
}
