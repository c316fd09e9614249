//! F3 and F13 of the field faults: what cannot be read, in a queue or in the table, fails alone; a snapshot heals itself; and
//! what another version of the program may be able to read waits for it.

use crate::support::{
    SOON, alone, among_others, dead_letters, events, kinds, known_ticket, mutations, published, rest,
};
use anyhow::{Context as _, Result, ensure};
use automations::id::{EventId, OrganisationId, TicketId};
use automations::model::action::PlannedAction;
use automations::store::{ItemKey, ItemKind};
use automations::{Event, clock};
use automations_cli::Selection;
use aws_sdk_dynamodb::types::AttributeValue;
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::{Value, json};

/// Overwrites an attribute of an item.
async fn overwrite(stack: &Stack, key: &ItemKey, attribute: &str, value: AttributeValue) -> Result<()> {
    let request = stack.dynamodb.update_item().table_name(&stack.addresses.table);
    let request = request
        .set_key(Some(key.attributes()))
        .update_expression("SET #it = :value")
        .expression_attribute_names("#it", attribute)
        .expression_attribute_values(":value", value);
    request.send().await?;
    Ok(())
}

fn key(organisation: &Organisation<'_>, kind: ItemKind) -> Result<ItemKey> {
    Ok(ItemKey::new(&OrganisationId::parse(organisation.name.as_str())?, kind))
}

/// Overwrites an attribute of a ticket's snapshot with what cannot be read.
pub(crate) async fn break_snapshot(
    organisation: &Organisation<'_>,
    ticket: &str,
    attribute: &str,
) -> Result<()> {
    let key = key(organisation, ItemKind::Snapshot(TicketId::parse(ticket)?))?;
    overwrite(organisation.stack, &key, attribute, AttributeValue::S("{\"cut in ha".to_owned())).await
}

/// Waits until a ticket's item can be read; returns its version.
pub(crate) async fn healed(organisation: &Organisation<'_>, ticket: &str) -> Result<u64> {
    eventually("a readable snapshot", SOON, async || {
        let known = organisation.known(ticket).await?.context("unknown")?;
        Ok(known.snapshot.ticket.version)
    })
    .await
}

/// F3: read together with healthy ones.
#[tokio::test]
async fn a_cut_snapshot_heals_without_an_event_while_its_neighbours_pass() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("cut").await?;
    let broken = known_ticket(&organisation, "Approved").await?;
    let healthy = known_ticket(&organisation, "Approved").await?;
    break_snapshot(&organisation, &broken, "snapshot").await?;
    for ticket in [&broken, &healthy] {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
    }
    assert_eq!(kinds(&events(&organisation, &healthy, 2).await?)[1], "ticket.stage_changed");
    assert_eq!(healed(&organisation, &broken).await?, 2);
    rest(&stack).await?;
    assert_eq!(organisation.journal(&broken).await?.len(), 1, "no event is made of what is not known");
    for event in ["table.item_unreadable", "snapshot.rebuilt"] {
        let logged = stack.logged("event-enricher", event).await?;
        assert!(logged.iter().any(|line| line.contains(&broken)), "{event} names the ticket");
    }
    organisation.change(&broken, json!({ "stage": "Approved" })).await?;
    organisation.webhook("ticket-updated", &broken).await?;
    let journal = events(&organisation, &broken, 2).await?;
    let changed = (kinds(&journal)[1], journal[1].ticket().context("no ticket")?.version);
    assert_eq!(changed, ("ticket.stage_changed", 3), "the next change is found again");
    Ok(())
}

/// F3: no event is lost with the outbox.
#[tokio::test]
async fn an_unreadable_outbox_is_published_from_the_journal() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("outbox").await?;
    let listener = stack.listen("outbox").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = events(&organisation, &ticket, 1).await?.remove(0);
    // An event of its own: SNS drops one that it accepted in the last five minutes.
    let lost = Event { id: EventId::parse("in-the-journal-only")?, ..event };
    let id = TicketId::parse(ticket.as_str())?;
    let entry = key(&organisation, ItemKind::Journal(id.clone(), 1))?;
    let text = automations::json::to_json(&[&lost]);
    overwrite(&stack, &entry, "events", AttributeValue::S(text)).await?;
    let snapshot = key(&organisation, ItemKind::Snapshot(id))?;
    overwrite(&stack, &snapshot, "unpublished", AttributeValue::N("1".to_owned())).await?;
    break_snapshot(&organisation, &ticket, "outbox").await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let mut received = Vec::new();
    eventually("the event in the journal", SOON, async || {
        received.extend(listener.received().await?);
        ensure!(received.contains(&lost), "received {} others", received.len());
        Ok(())
    })
    .await?;
    published(&organisation, &ticket).await
}

/// F3: one bad schedule stops the sweep for all.
#[tokio::test]
async fn a_ticket_with_a_broken_schedule_is_due_and_stops_no_sweep() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("schedule").await?;
    let (broken, healthy) =
        (known_ticket(&organisation, "Approved").await?, known_ticket(&organisation, "Approved").await?);
    for ticket in [&broken, &healthy] {
        organisation.make_due(ticket).await?;
    }
    break_snapshot(&organisation, &broken, "stored_at").await?;
    for ticket in [&broken, &healthy] {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
    }
    let name = format!("{}-reconciler", stack.addresses.stack);
    let response = stack.lambda.invoke().function_name(name).send().await?;
    ensure!(response.function_error.is_none(), "the reconciler failed: {:?}", response.payload);
    for ticket in [&broken, &healthy] {
        assert_eq!(kinds(&events(&organisation, ticket, 2).await?)[1], "ticket.stage_changed");
    }
    healed(&organisation, &broken).await?;
    Ok(())
}

/// F3: the replay goes on, and says which entry it could not read.
#[tokio::test]
async fn an_unreadable_entry_of_the_journal_hides_no_other() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("entry").await?;
    let before = clock::now();
    let tickets =
        [known_ticket(&organisation, "Approved").await?, known_ticket(&organisation, "Approved").await?];
    let entry = key(&organisation, ItemKind::Journal(TicketId::parse(tickets[0].as_str())?, 1))?;
    overwrite(&stack, &entry, "events", AttributeValue::S("[{".to_owned())).await?;
    eventually("the index", SOON, async || {
        let journal = stack.store().journal(before, clock::now()).await?;
        ensure!(journal.unreadable.iter().any(|key| key.contains(&tickets[0])), "{:?}", journal.unreadable);
        let is_other = |id: &TicketId| id.as_str() == tickets[1];
        ensure!(journal.events.iter().any(|event| event.ticket_id().is_some_and(is_other)), "not the other");
        Ok(())
    })
    .await
}

/// An action on a ticket.
fn planned(organisation: &str, ticket: &str, id: &str) -> Result<PlannedAction> {
    let planned = json!({
        "id": format!("{id}.h.0"), "organisation": organisation, "event": id, "handler": "h",
        "decided_at": clock::now(), "attempt": 1,
        "action": { "do": "add_label", "ticket": ticket, "label": "Client" },
    });
    Ok(serde_json::from_value(planned)?)
}

async fn send(stack: &Stack, body: String, group: &str, id: &str) -> Result<()> {
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    let request = stack.sqs.send_message().queue_url(queue).message_body(body);
    request.message_group_id(group).message_deduplication_id(id).send().await?;
    Ok(())
}

/// Waits for the dead letter whose body contains this text; returns its reason.
async fn reason_of(stack: &Stack, text: &str) -> Result<String> {
    eventually("the dead letter", SOON, async || {
        let all = dead_letters(stack)?.show(&Selection::default()).await?;
        let found = all.into_iter().find(|(_, body)| body.contains(text));
        Ok(found.context("no such dead letter")?.0.reason)
    })
    .await
}

/// F3: the record of one action.
#[tokio::test]
async fn an_unreadable_record_of_an_action_fails_that_action_alone() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("record").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let actions = [planned("record", &ticket, "bad-record")?, planned("record", &ticket, "good-record")?];
    let record = key(&organisation, ItemKind::Action(actions[0].id.clone()))?;
    overwrite(&stack, &record, "state", AttributeValue::N("7".to_owned())).await?;
    for action in &actions {
        send(&stack, automations::json::to_json(action), "record", action.id.as_str()).await?;
    }
    assert_eq!(reason_of(&stack, "bad-record").await?, "table_item_invalid");
    mutations(&organisation, "ticketUpdate", 1).await?;
    Ok(())
}

/// F13: an action of a newer version, as after the rollback of a canary deployment.
#[tokio::test]
async fn an_action_of_an_unknown_kind_waits_and_other_groups_pass() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("unknown-kind").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let before = stack.depth(&stack.addresses.actions_dead_letters_queue).await?;
    let mut unknown: Value = serde_json::to_value(planned("unknown-kind", &ticket, "newer")?)?;
    unknown["action"] = json!({ "do": "archive", "ticket": ticket });
    send(&stack, unknown.to_string(), "newer", "newer").await?;
    let known = planned("unknown-kind", &ticket, "known")?;
    send(&stack, automations::json::to_json(&known), "known", "known").await?;
    mutations(&organisation, "ticketUpdate", 1).await?;
    eventually("a retry", SOON, async || {
        let retried = stack.logged("action-worker", "message.retried").await?;
        ensure!(retried.iter().any(|line| line.contains("unknown_kind")), "not yet");
        Ok(())
    })
    .await?;
    let dead = stack.depth(&stack.addresses.actions_dead_letters_queue).await?;
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    stack.sqs.purge_queue().queue_url(queue).send().await?;
    assert_eq!(dead, before, "it is not dead-lettered within the hour");
    Ok(())
}

/// F13: an outbox with an event of a newer version.
#[tokio::test]
async fn an_outbox_with_an_unknown_kind_waits_as_it_is_and_other_tickets_pass() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("newer-outbox").await?;
    let (newer, other) =
        (known_ticket(&organisation, "Approved").await?, known_ticket(&organisation, "Approved").await?);
    let snapshot = key(&organisation, ItemKind::Snapshot(TicketId::parse(newer.as_str())?))?;
    let outbox = json!([{ "id": "e-1", "organisation": "newer-outbox", "type": "ticket.archived" }]);
    overwrite(&stack, &snapshot, "outbox", AttributeValue::S(outbox.to_string())).await?;
    for ticket in [&newer, &other] {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
    }
    events(&organisation, &other, 2).await?;
    eventually("a retry", SOON, async || {
        let retried = stack.logged("event-enricher", "message.retried").await?;
        ensure!(retried.iter().any(|line| line.contains("unknown_kind")), "not yet");
        Ok(())
    })
    .await?;
    assert!(organisation.known(&newer).await.is_err(), "nothing was written over it");
    // As if the newer version were back.
    overwrite(&stack, &snapshot, "outbox", AttributeValue::S("[]".to_owned())).await?;
    assert_eq!(kinds(&events(&organisation, &newer, 2).await?)[1], "ticket.stage_changed");
    Ok(())
}
