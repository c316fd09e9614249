//! A flood of webhooks for one organisation does not delay another.

use crate::support::{SOON, alone, mutations, rest};
use anyhow::{Result, ensure};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::json;
use std::time::{Duration, Instant};

const FLOOD: usize = 2_000;
const FEW: usize = 20;
/// An invocation checks 500 tickets at most, and the API's rate is limited.
const BULK_SECONDS: u64 = 300;
/// The number of webhooks that are sent concurrently.
const MAX_CONCURRENT: usize = 16;

#[tokio::test]
async fn twenty_webhooks_amid_anothers_two_thousand_take_a_small_multiple_of_their_time_alone() -> Result<()>
{
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let [quiet, loud] = [stack.organisation("quiet").await?, stack.organisation("loud").await?];
    let mut few = Vec::new();
    for _ in 0..2 * FEW {
        few.push(quiet.new_ticket(json!({ "stage": "Approved" })).await?);
    }
    let mut many = Vec::new();
    for _ in 0..FLOOD / 10 {
        many.push(loud.new_ticket(json!({ "stage": "Approved" })).await?);
    }
    for group in few.chunks(FEW) {
        send_all(&quiet, group).await?;
    }
    rest(&stack).await?;

    let alone = time_to_act(&quiet, &few[..FEW], FEW).await?;
    rest(&stack).await?;
    let flood: Vec<String> = many.iter().cycle().take(FLOOD).cloned().collect();
    let (sent, amid) = tokio::join!(send_all(&loud, &flood), async {
        eventually("the flood", SOON, async || {
            ensure!(loud.known(&many[MAX_CONCURRENT * 2]).await?.is_some(), "the flood has not started yet");
            Ok(())
        })
        .await?;
        time_to_act(&quiet, &few[FEW..], 2 * FEW).await
    });
    sent?;
    let amid = amid?;
    eprintln!("alone {alone:?}, amid {amid:?}");
    rest(&stack).await?;
    for ticket in &many {
        assert!(loud.known(ticket).await?.is_some(), "the flood is processed too");
    }
    assert!(amid < alone.saturating_mul(4), "{amid:?} amid the flood, {alone:?} alone");
    Ok(())
}

/// F17 of the field faults: a bulk edit at the vendor.
#[tokio::test]
async fn one_body_with_four_thousand_ids_is_accepted_and_each_is_checked() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("bulk").await?;
    let mut tickets = Vec::new();
    for _ in 0..100 {
        tickets.push(organisation.new_ticket(json!({ "stage": "Approved" })).await?);
    }
    // The rest are tickets of another organisation, as far as this one's API says.
    let others = (tickets.len()..4_000).map(|number| format!("7d9b2f6a-0b1c-4d53-9a55-{number:012}"));
    let ids: Vec<String> = others.chain(tickets.iter().cloned()).collect();
    let url = organisation.webhook_url("ticket-updated");
    let body = json!({ "resourceIds": ids }).to_string();
    let response = organisation.send(Method::POST, &url, "application/json", body.into()).await?;
    assert_eq!(response.status(), 202);
    assert_eq!(response.json::<serde_json::Value>().await?["hints"], "4000");
    eventually("the bulk edit", BULK_SECONDS, async || {
        let depth = stack.depth(&stack.addresses.hints_queue).await?;
        ensure!(depth == 0, "{depth} messages");
        Ok(())
    })
    .await?;
    rest(&stack).await?;
    for ticket in &tickets {
        assert!(organisation.known(ticket).await?.is_some(), "{ticket} was not checked");
    }
    Ok(())
}

/// The time from the first webhook of settled tickets to the mutation number `created`.
async fn time_to_act(
    organisation: &Organisation<'_>,
    tickets: &[String],
    created: usize,
) -> Result<Duration> {
    for ticket in tickets {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
    }
    let start = Instant::now();
    send_all(organisation, tickets).await?;
    mutations(organisation, "ticketCreate", created).await?;
    Ok(start.elapsed())
}

/// Sends a webhook for each ticket, concurrently.
async fn send_all(organisation: &Organisation<'_>, tickets: &[String]) -> Result<()> {
    use futures::{StreamExt as _, TryStreamExt as _, stream};
    let each = tickets.iter().map(|ticket| organisation.webhook("ticket-updated", ticket));
    stream::iter(each).buffer_unordered(MAX_CONCURRENT).try_for_each(async |_| Ok(())).await
}
