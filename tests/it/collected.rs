//! Lists: a handler decides at a time of day on all that was collected.

use crate::reconciled::run_reconciler;
use crate::support::{alone, dead_letters, decided, known_ticket, rest};
use anyhow::{Result, ensure};
use automations::Event;
use automations::clock;
use automations::id::OrganisationId;
use automations::model::until::Until;
use automations_cli::{Eraser, Subject};
use end_to_end::stack::{Hosted, Organisation, Stack, eventually};
use serde_json::json;
use std::time::Duration;

/// The timeout in seconds for what comes about three minutes later.
const MINUTES_LATER: u64 = 300;

/// A list for the organisation that ends about three minutes later, in Brisbane, which is at +10:00.
fn soon() -> Result<Until> {
    let at = clock::now().later(Duration::from_hours(10)).later(Duration::from_mins(3)).to_string();
    let time = at.get(11..16).unwrap_or_default();
    Ok(Until::Collect(format!("organisation {time} Australia/Brisbane").parse()?))
}

/// Two tickets that move to the stage `Settled`, which this handler collects.
async fn two_settled(organisation: &Organisation<'_>, hosted: &Hosted<'_, ()>) -> Result<[String; 2]> {
    let tickets =
        [known_ticket(organisation, "Approved").await?, known_ticket(organisation, "Approved").await?];
    while hosted.work().await? > 0 {}
    for (number, ticket) in tickets.iter().enumerate() {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await?;
        crate::support::events(organisation, ticket, 2).await?;
        decided(hosted, organisation, ticket).await?;
        eventually("the list", 60, async || {
            let count = count(organisation).await?;
            // Both tickets were first seen before.
            ensure!(usize::try_from(count)? >= number.saturating_add(3), "{count}");
            Ok(())
        })
        .await?;
    }
    Ok(tickets)
}

/// The number of events that wait.
async fn count(organisation: &Organisation<'_>) -> Result<u32> {
    let name = OrganisationId::parse(organisation.name.as_str())?;
    let lists = organisation.stack.store().collections(&name).await?;
    Ok(lists.iter().filter_map(|stored| Some(stored.deferral.waiting()?.count())).sum())
}

#[tokio::test]
async fn what_was_collected_comes_once_at_its_time_for_all_tickets() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("collected").await?;
    let listener = stack.listen("collected").await?;
    let hosted = organisation.host("collects", |_, ()| vec![], ()).await?.deciding(soon()?);
    let tickets = two_settled(&organisation, &hosted).await?;
    let mut received: Vec<Event> = Vec::new();
    eventually("the list's event", MINUTES_LATER, async || {
        run_reconciler(&stack).await?;
        ensure!(count(&organisation).await? == 0, "it waits");
        Ok(())
    })
    .await?;
    run_reconciler(&stack).await?;
    rest(&stack).await?;
    received.extend(listener.received().await?);
    let [list] = &received.iter().filter_map(Event::collected).collect::<Vec<_>>()[..] else {
        anyhow::bail!("{received:?}")
    };
    let mut of_tickets: Vec<String> =
        list.tickets.iter().filter_map(|known| Some(known.ticket()?.id.to_string())).collect();
    let mut expected = tickets.to_vec();
    of_tickets.sort();
    expected.sort();
    assert_eq!((of_tickets, list.handler.as_str(), list.left_out), (expected, "collects", 0));
    Ok(())
}

#[tokio::test]
async fn an_erased_ticket_is_taken_out_of_the_list_and_the_other_stays() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("collected-erased").await?;
    let tomorrow = Until::Collect("organisation 00:00 Australia/Brisbane".parse()?);
    let hosted = organisation.host("collects", |_, ()| vec![], ()).await?.deciding(tomorrow);
    let [first, second] = two_settled(&organisation, &hosted).await?;
    rest(&stack).await?;
    let before = count(&organisation).await?;
    let (dynamodb, table) = (stack.dynamodb.clone(), stack.addresses.table.clone());
    let eraser = Eraser { dynamodb, table, dead_letters: dead_letters(&stack)? };
    let name = OrganisationId::parse("collected-erased")?;
    let found = eraser.find(&name, &Subject::Ticket(first.clone())).await?;
    eraser.erase(&found).await?;
    let after = count(&organisation).await?;
    ensure!(after < before && after > 0, "{before} and {after}");
    let items = stack.store().items_of(&name).await?;
    let says = |ticket: &str| {
        items.iter().any(|item| {
            let mut values = item.attributes.values().filter_map(automations::store::unpack);
            values.any(|text| text.contains(ticket))
        })
    };
    ensure!(!says(&first) && says(&second));
    Ok(())
}
