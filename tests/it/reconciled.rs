//! The reconciler finds changes without a webhook, and publishes events that were stored and not published.

use crate::support::{
    SOON, alone, among_others, events, kinds, known_ticket, mutations, published, rest, set_variable,
};
use anyhow::{Context as _, Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::{EventId, OrganisationId, TicketId};
use automations::json::to_json;
use automations::model::check_rounds::Cursor;
use automations::model::check_schedule::{Rhythm, Slice};
use automations::model::event::Cause;
use automations::store::{ItemKey, ItemKind, Version};
use automations::telemetry::EventName;
use automations::{Event, EventKind};
use aws_sdk_dynamodb::types::AttributeValue;
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

/// The events that checks since this time found in outboxes that were not emptied: `OutboxBacklog` of event-enricher.
async fn backlog(stack: &Stack, since: Timestamp) -> Result<u64> {
    let metrics = stack.metrics("event-enricher").await?;
    let lines = metrics.iter().filter(|line| line["_aws"]["Timestamp"].as_u64() >= Some(since.as_millis()));
    Ok(lines.filter_map(|line| line["OutboxBacklog"].as_u64()).sum())
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

/// As an earlier version of the program left it: its next check is in the index `due`, and it has no slot.
#[tokio::test]
async fn a_ticket_of_the_version_before_is_moved_by_its_next_check_and_a_check_that_finds_nothing_writes_nothing()
-> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("former").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    published(&organisation, &ticket).await?;
    let key = ItemKey::new(
        &OrganisationId::parse("former")?,
        ItemKind::Snapshot(TicketId::parse(ticket.as_str())?),
    );
    let item = async || {
        let request = stack.dynamodb.get_item().table_name(&stack.addresses.table).consistent_read(true);
        request.set_key(Some(key.attributes())).send().await?.item.context("no item")
    };
    let slot = item().await?["check_slot"].clone();
    let request = stack.dynamodb.update_item().table_name(&stack.addresses.table);
    let change = "SET last_checked = :then, next_check = :then, check_interval = :then, due_shard = :shard REMOVE stored_at, check_slot";
    let request = request.set_key(Some(key.attributes())).update_expression(change);
    let request = request.expression_attribute_values(":then", AttributeValue::N("1".to_owned()));
    request.expression_attribute_values(":shard", AttributeValue::S("3".to_owned())).send().await?;
    run_reconciler(&stack).await?;
    let moved = eventually("the new form", SOON, async || {
        let item = item().await?;
        ensure!(
            item.get("check_slot") == Some(&slot) && !item.contains_key("due_shard"),
            "{:?}",
            item.keys()
        );
        Ok(item)
    })
    .await?;
    assert!(!moved.contains_key("last_checked") && !moved.contains_key("check_interval"));
    organisation.webhook("ticket-updated", &ticket).await?;
    rest(&stack).await?;
    assert_eq!(item().await?, moved, "a check that finds nothing");
    Ok(())
}

/// The turn of a slot, for which nothing is made due. It was missed: the cursor is before it.
#[tokio::test]
async fn a_change_without_a_webhook_is_found_when_it_is_the_tickets_turn() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("turns").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    published(&organisation, &ticket).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let slice = Slice::of(clock::now().earlier(Duration::from_mins(10)));
    let slot = AttributeValue::S(slice.slot(Rhythm::Daily).to_string());
    overwrite(&organisation, &ticket, "check_slot", slot).await?;
    stack.store().set_cursor(Cursor { slice, after: None }).await?;
    run_reconciler(&stack).await?;
    let journal = events(&organisation, &ticket, 2).await?;
    assert_eq!(kinds(&journal)[1], "ticket.stage_changed");
    assert!(matches!(journal[1].cause, Cause::Reconciler { .. }), "{:?}", journal[1].cause);
    let cursor = stack.store().cursor().await?.context("no cursor")?;
    ensure!(cursor.slice > slice, "the turn is done: {cursor:?}");
    rest(&stack).await
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
    let version =
        Version { snapshot: &next, events: &[], outbox: &outbox, reminders: &[], extra_check: None };
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
    // Checked again, with an empty outbox.
    let since = clock::now();
    reconcile(&organisation, &ticket).await?;
    rest(&stack).await?;
    assert_eq!(backlog(&stack, since).await?, 0);
    Ok(())
}

/// Else an organisation whose credential is refused would take all of the reconciler's budget, each minute.
#[tokio::test]
async fn a_due_ticket_that_cannot_be_checked_is_left_to_its_hint_which_is_retried() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("refused-checks").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    published(&organisation, &ticket).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    // Each check sends its request again with a token that was read again.
    let fault =
        json!([{ "organisation": "refused-checks", "times": 4, "is": { "reject": { "code": 401 } } }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    reconcile(&organisation, &ticket).await?;
    eventually("that it is postponed", SOON, async || {
        let known = organisation.known(&ticket).await?.context("unknown")?;
        let retried_until = clock::now().later(Duration::from_hours(5));
        ensure!(known.schedule.extra > Some(retried_until), "{:?}", known.schedule);
        Ok(())
    })
    .await?;
    let journal = events(&organisation, &ticket, 2).await?;
    assert_eq!(kinds(&journal)[1], "ticket.stage_changed");
    eventually("that nothing is left of it", SOON, async || {
        let known = organisation.known(&ticket).await?.context("unknown")?;
        ensure!(known.schedule.extra.is_none(), "{:?}", known.schedule);
        Ok(())
    })
    .await?;
    rest(&stack).await
}

/// Overwrites an attribute of a ticket's item.
async fn overwrite(
    organisation: &Organisation<'_>,
    ticket: &str,
    attribute: &str,
    value: AttributeValue,
) -> Result<()> {
    let (id, ticket) = (OrganisationId::parse(organisation.name.as_str())?, TicketId::parse(ticket)?);
    let key = ItemKey::new(&id, ItemKind::Snapshot(ticket)).attributes();
    let request = organisation.stack.dynamodb.update_item().table_name(&organisation.stack.addresses.table);
    let request = request.set_key(Some(key)).update_expression("SET #it = :value");
    let request = request.expression_attribute_names("#it", attribute);
    request.expression_attribute_values(":value", value).send().await?;
    Ok(())
}

async fn wait_for_a_topic(organisation: &Organisation<'_>) -> Result<String> {
    let (stack, start) = (organisation.stack, clock::now());
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
    assert_eq!(backlog(stack, start).await?, 0, "events that were just stored are not counted as a backlog");
    // As if it had been stored an hour ago.
    let event = events(organisation, &ticket, 1).await?.remove(0);
    let long_ago = event.observed_at.earlier(Duration::from_hours(1));
    let outbox = to_json(&[Event { observed_at: long_ago, ..event }]);
    overwrite(organisation, &ticket, "outbox", AttributeValue::S(outbox)).await?;
    organisation.make_due(&ticket).await?;
    run_reconciler(stack).await?;
    eventually("the backlog", SOON, async || {
        ensure!(backlog(stack, start).await? >= 1, "not yet");
        Ok(())
    })
    .await?;
    Ok(ticket)
}
