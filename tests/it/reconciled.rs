//! The reconciler finds changes without a webhook, and publishes events that were stored and not published.

use crate::support::{
    SOON, alone, among_others, events, kinds, known_ticket, mutations, published, rest, set_variable,
};
use anyhow::{Context as _, Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::EventId;
use automations::model::event::Cause;
use automations::store::Version;
use automations::telemetry::EventName;
use automations::{Event, EventKind};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// Makes a ticket due, and runs the reconciler.
async fn reconcile(organisation: &Organisation<'_>, ticket: &str) -> Result<()> {
    organisation.make_due(ticket).await?;
    run_reconciler(organisation.stack).await
}

pub(crate) async fn run_reconciler(stack: &Stack) -> Result<()> {
    let name = format!("{}-reconciler", stack.addresses.stack);
    let response = stack.lambda.invoke().function_name(name).send().await?;
    ensure!(response.function_error.is_none(), "the reconciler failed: {:?}", response.payload);
    Ok(())
}

/// Runs the reconciler; returns its metrics `OutboxBacklog` (events) and `OutboxAge` (seconds).
async fn backlog(stack: &Stack) -> Result<(u64, u64)> {
    let before = clock::now().as_millis();
    run_reconciler(stack).await?;
    eventually("the reconciler's metrics", SOON, async || {
        let metrics = stack.metrics("reconciler").await?;
        let line = metrics.iter().rfind(|line| line["_aws"]["Timestamp"].as_u64() >= Some(before));
        let line = line.context("no line since")?;
        let metric = |name: &str| line[name].as_u64().with_context(|| format!("no {name}: {line}"));
        Ok((metric("OutboxBacklog")?, metric("OutboxAge")?))
    })
    .await
}

#[tokio::test]
async fn a_change_that_no_webhook_told_is_found_and_acted_on() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("untold").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    reconcile(&organisation, &ticket).await?;
    let journal = events(&organisation, &ticket, 2).await?;
    assert_eq!(kinds(&journal)[..2], ["ticket.first_seen", "ticket.stage_changed"]);
    assert!(matches!(journal[1].cause, Cause::Reconciler { .. }), "{:?}", journal[1].cause);
    mutations(&organisation, "ticketCreate", 1).await?;
    Ok(())
}

/// Sends the hint that the reconciler sends in the first minute of an hour.
#[tokio::test]
async fn a_ticket_that_no_webhook_ever_named_is_found_by_a_list_where_there_is_one() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("listed").await?;
    let known = known_ticket(&organisation, "Approved").await?;
    let unknown = organisation.new_ticket(json!({})).await?;
    let response = json!({ "data": { "result": [{ "id": known }, unknown] } });
    let fault = json!([{ "organisation": "listed", "on": "query All", "is": { "respond": response } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    let query = "query All { result: tickets { id } }";
    rest(&stack).await?;
    let before = set_variable(&stack, "event-enricher", "LIST_QUERY", query).await?;
    let hint = json!({
        "id": "list.0", "organisation": "listed", "action": null, "received_at": "2026-11-25T09:30:00.000Z", "ticket": null, "raw": null,
    });
    let hints = stack.queue_url(&stack.addresses.hints_queue).await?;
    stack.sqs.send_message().queue_url(hints).message_body(hint.to_string()).send().await?;
    let found = events(&organisation, &unknown, 1).await;
    rest(&stack).await?;
    set_variable(&stack, "event-enricher", "LIST_QUERY", &before).await?;
    assert_eq!(kinds(&found?), ["ticket.first_seen"]);
    Ok(())
}

#[tokio::test]
async fn a_ticket_that_did_not_change_is_due_ever_later() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("unchanged").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    reconcile(&organisation, &ticket).await?;
    eventually("the next check", SOON, async || {
        let schedule = organisation.known(&ticket).await?.context("unknown")?.schedule;
        ensure!(schedule.next_check.since(schedule.last_checked) == Duration::from_hours(2), "{schedule:?}");
        Ok(())
    })
    .await
}

/// The template's thresholds: 3, 7 and 14 days.
#[tokio::test]
async fn a_ticket_that_nobody_touched_is_told_at_each_mark_once() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("untouched").await?;
    let listener = stack.listen("untouched").await?;
    let ticket = known_ticket(&organisation, "Application").await?;
    let aged = |days: u64| clock::now().earlier(Duration::from_hours(24 * days));
    organisation.set_stage_since(&ticket, aged(8)).await?;
    reconcile(&organisation, &ticket).await?;
    let journal = events(&organisation, &ticket, 3).await?;
    let thresholds = |journal: &[Event]| -> Vec<(u16, u64)> {
        let age = |event: &Event| match &event.kind {
            EventKind::StageAged { days, ticket, stage, .. } if stage.is_named("Application") => {
                Some((*days, ticket.version))
            }
            _ => None,
        };
        journal.iter().filter_map(age).collect()
    };
    assert_eq!(thresholds(&journal), [(3, 2), (7, 2)], "both thresholds had passed at the time of the check");
    published(&organisation, &ticket).await?;
    for _ in 0..2 {
        reconcile(&organisation, &ticket).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        rest(&stack).await?;
    }
    assert_eq!(events(&organisation, &ticket, 3).await?.len(), 3, "no threshold is reported twice");
    organisation.set_stage_since(&ticket, aged(14)).await?;
    reconcile(&organisation, &ticket).await?;
    assert_eq!(thresholds(&events(&organisation, &ticket, 4).await?), [(3, 2), (7, 2), (14, 3)]);
    published(&organisation, &ticket).await?;
    // Two concurrent checks may both publish the outbox, with the same ids.
    let received: BTreeSet<_> = thresholds(&listener.received().await?).into_iter().collect();
    assert_eq!(received.into_iter().collect::<Vec<_>>(), [(3, 2), (7, 2), (14, 3)], "on the topic too");
    organisation.change(&ticket, json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let journal = events(&organisation, &ticket, 6).await?;
    let resumed = journal.iter().find(|event| event.resumed().is_some()).context("it did not resume")?;
    let EventKind::StageResumed { stage, days: 14, .. } = &resumed.kind else { anyhow::bail!("{resumed:?}") };
    ensure!(stage.is_named("Application"), "{stage:?}");
    let known = organisation.known(&ticket).await?.context("unknown")?.snapshot;
    ensure!(known.aged == 0 && known.stage_since > Some(aged(1)), "a new stay begins: {known:?}");
    Ok(())
}

#[tokio::test]
async fn events_that_were_stored_by_somebody_who_was_lost_go_out() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("unpublished").await?;
    let listener = stack.listen("unpublished").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let journal = events(&organisation, &ticket, 1).await?;
    // As after a crash of the enricher between storing and publishing: the next version with its events in the outbox.
    let (id, store) = (journal[0].organisation.clone(), stack.store());
    let mut next = organisation.known(&ticket).await?.context("unknown")?.snapshot;
    next.ticket.version = 2;
    // An event of its own: SNS drops one that it accepted in the last five minutes.
    let lost = Event { id: EventId::parse("stored-and-lost")?, ..journal[0].clone() };
    let outbox = [lost.clone()];
    let version = Version { snapshot: &next, events: &[], outbox: &outbox, reminders: &[] };
    store.write(&id, version, Timestamp::from_millis(1)).await?;
    // The scheduled reconciler may be faster.
    reconcile(&organisation, &ticket).await?;
    let mut received = Vec::new();
    eventually("the event that was lost", SOON, async || {
        received.extend(listener.received().await?);
        ensure!(received.contains(&lost), "received {} others", received.len());
        Ok(())
    })
    .await?;
    eventually("an empty outbox", SOON, async || {
        let known = organisation.known(&ticket).await?;
        ensure!(known.is_some_and(|known| known.outbox.is_empty()), "not empty");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn events_that_the_topic_does_not_accept_are_told_as_a_backlog_until_they_go_out() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("no-topic").await?;
    rest(&stack).await?;
    let no_topic = "arn:aws:sns:ap-southeast-2:000000000000:no-topic.fifo";
    let topic = set_variable(&stack, "event-enricher", "TOPIC_ARN", no_topic).await?;
    let waits = wait_for_a_topic(&organisation).await;
    set_variable(&stack, "event-enricher", "TOPIC_ARN", &topic).await?;
    let ticket = waits?;
    reconcile(&organisation, &ticket).await?;
    published(&organisation, &ticket).await?;
    // Due again, with an empty outbox.
    organisation.make_due(&ticket).await?;
    assert_eq!(backlog(&stack).await?, (0, 0));
    Ok(())
}

async fn wait_for_a_topic(organisation: &Organisation<'_>) -> Result<String> {
    let stack = organisation.stack;
    let ticket = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(organisation, &ticket, 1).await?;
    eventually("the failed publication", SOON, async || {
        let metrics = stack.metrics("event-enricher").await?;
        ensure!(metrics.iter().any(|line| line["EventPublishFailures"] == 1), "not yet: {metrics:?}");
        let errors = stack.logged("event-enricher", EventName::EventNotPublished.as_str()).await?;
        ensure!(errors.iter().any(|line| line.contains(": ")), "the log has the engine's code: {errors:?}");
        Ok(())
    })
    .await?;
    assert_eq!(backlog(stack).await?, (0, 0), "events that were just stored are not counted as a backlog");
    organisation.make_due(&ticket).await?;
    let (events, seconds) = backlog(stack).await?;
    assert_eq!(events, 1);
    ensure!(seconds < SOON, "the age counts from when the event was stored: {seconds} s");
    Ok(ticket)
}
