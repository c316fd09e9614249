//! Quiet periods: a handler decides once, after its ticket was left alone.

use crate::reconciled::run_reconciler;
use crate::support::{SOON, alone, among_others, dead_letters, events, known_ticket, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::Event;
use automations::aws::topic::Topic;
use automations::clock;
use automations::id::{EventId, OrganisationId, TicketId};
use automations::model::resent::Resent;
use automations::store::{Outcome, StoredDeferral};
use automations_cli::{Eraser, Subject};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;

/// An entry of tests/handlers.yaml with a quiet period of a minute.
const HANDLER: &str = "follow-up-when-left-alone";
/// The timeout in seconds for what comes a minute later.
const A_MINUTE_LATER: u64 = 180;

async fn deferrals(organisation: &Organisation<'_>, ticket: &str) -> Result<Vec<StoredDeferral>> {
    let (name, ticket) = (OrganisationId::parse(organisation.name.as_str())?, TicketId::parse(ticket)?);
    Ok(organisation.stack.store().deferrals(&name, &ticket).await?)
}

/// Waits until this number of events of the ticket wait.
async fn waiting(organisation: &Organisation<'_>, ticket: &str, count: u32) -> Result<()> {
    eventually("events that wait", SOON, async || {
        let stored = deferrals(organisation, ticket).await?;
        let counts: Vec<_> =
            stored.iter().filter_map(|stored| Some(stored.deferral.waiting()?.count())).collect();
        ensure!(counts == [count], "{counts:?}");
        Ok(())
    })
    .await
}

/// Moves the ticket, whose journal has this number of events before; returns the event.
async fn move_to(organisation: &Organisation<'_>, ticket: &str, stage: &str, before: usize) -> Result<Event> {
    organisation.change(ticket, json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    let mut events = events(organisation, ticket, before.saturating_add(1)).await?;
    published(organisation, ticket).await?;
    ensure!(events.len() > before);
    Ok(events.remove(before))
}

/// Of the event that comes when a quiet period ends after this one.
fn end_after(event: &Event) -> Event {
    Event { id: EventId::of_quiet_period(&event.id, HANDLER), ..event.clone() }
}

#[tokio::test]
async fn changes_of_a_minute_are_decided_on_once_however_often_they_are_delivered() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("alone-at-rest").await?;
    let listener = stack.listen("alone-at-rest").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let mut moved = Vec::new();
    for (number, stage) in ["Application", "Archived", "Settled"].into_iter().enumerate() {
        moved.push(move_to(&organisation, &ticket, stage, number.saturating_add(1)).await?);
    }
    waiting(&organisation, &ticket, 3).await?;
    // One of them again, with another deduplication id.
    let topic = Topic::new(stack.sns.clone(), stack.addresses.topic.clone());
    let again = Event { resent: Some(Resent::at(clock::now())), ..moved[1].clone() };
    topic.publish(&[&again]).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    rest(&stack).await?;
    waiting(&organisation, &ticket, 3).await?;
    let deferred = organisation.done(&moved[2], HANDLER, 0).await?.context("not put off")?;
    ensure!(matches!(deferred.outcome, Outcome::Deferred { .. }), "{:?}", deferred.outcome);
    let end = end_after(&moved[2]);
    let done = eventually("the decision", A_MINUTE_LATER, async || {
        run_reconciler(&stack).await?;
        organisation.done(&end, HANDLER, 0).await?.context("not decided yet")
    });
    assert_eq!(done.await?.planned.event, end.id);
    run_reconciler(&stack).await?;
    rest(&stack).await?;
    for event in &moved[..2] {
        ensure!(organisation.done(&end_after(event), HANDLER, 0).await?.is_none(), "decided on its own");
    }
    let received = listener.received().await?;
    let [one] = &received.iter().filter_map(Event::collapsed).collect::<Vec<_>>()[..] else {
        anyhow::bail!("{received:?}")
    };
    assert_eq!((one.handler.as_str(), one.count, one.changes.len()), (HANDLER, 3, 1));
    ensure!(deferrals(&organisation, &ticket).await?.iter().all(|stored| stored.due_at().is_none()));
    Ok(())
}

#[tokio::test]
async fn what_waits_is_erased_with_its_ticket() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    // The entry's filter accepts two organisations.
    let organisation = stack.organisation("alone-erased").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    move_to(&organisation, &ticket, "Settled", 1).await?;
    waiting(&organisation, &ticket, 1).await?;
    rest(&stack).await?;
    let (dynamodb, table) = (stack.dynamodb.clone(), stack.addresses.table.clone());
    let eraser = Eraser { dynamodb, table, dead_letters: dead_letters(&stack)? };
    let name = OrganisationId::parse("alone-erased")?;
    let found = eraser.find(&name, &Subject::Ticket(ticket.clone())).await?;
    eraser.erase(&found).await?;
    ensure!(deferrals(&organisation, &ticket).await?.is_empty());
    Ok(())
}
