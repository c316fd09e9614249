//! `cargo xtask dev` on the deployed stack: no event is lost while a function's code is replaced, and the timeline of an event is
//! assembled from the functions' logs.

use crate::support::{SOON, alone, events, known_ticket, mutations, rest};
use anyhow::{Context as _, Error, Result, ensure};
use automations::{aws, clock};
use aws_sdk_cloudwatchlogs::Client;
use dev::swap::Swap;
use dev::tail::Tail;
use dev::timeline::Timelines;
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const HANDLER: &str = "follow-up-on-settlement";

#[tokio::test]
async fn a_handler_is_swapped_while_events_come_and_none_is_lost() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("swapped").await?;
    let since = now();
    let mut tickets = Vec::new();
    for _ in 0..6 {
        tickets.push(known_ticket(&organisation, "Approved").await?);
    }
    let changed = settle_under_swaps(&stack, &organisation, &tickets).await;
    swap(&stack, &built()).await?;
    changed?;
    rest(&stack).await?;
    let all = organisation.mutations().await?;
    let count = |kind: &str| all.iter().filter(|mutation| mutation.mutation == kind).count();
    assert_eq!((count("ticketUpdate"), count("ticketCreate")), (6, 6), "each once");
    let labels =
        async |index: usize| Ok::<_, Error>(organisation.ticket(&tickets[index]).await?["idLabels"].clone());
    assert_eq!(labels(0).await?, labels(4).await?);
    assert_ne!(labels(0).await?, labels(5).await?, "only the last one ran with the new code");
    check_timeline(&stack, &organisation, &tickets[5], since).await
}

/// Settles all but the last ticket while the code is replaced by the same code, then the last one with new code.
async fn settle_under_swaps(
    stack: &Stack,
    organisation: &Organisation<'_>,
    tickets: &[String],
) -> Result<()> {
    let settle = async |ticket: &String| {
        organisation.change(ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", ticket).await.map(drop)
    };
    let (last, others) = tickets.split_last().context("no tickets")?;
    for ticket in others {
        let program = built();
        let (settled, swapped) = tokio::join!(settle(ticket), swap(stack, &program));
        settled.and(swapped)?;
    }
    mutations(organisation, "ticketCreate", others.len()).await?;
    swap(stack, &with_another_label()?).await?;
    settle(last).await?;
    mutations(organisation, "ticketCreate", tickets.len()).await?;
    mutations(organisation, "ticketUpdate", tickets.len()).await.map(drop)
}

async fn check_timeline(
    stack: &Stack,
    organisation: &Organisation<'_>,
    ticket: &str,
    since: i64,
) -> Result<()> {
    let event = events(organisation, ticket, 2).await?.remove(1);
    let mut tail = Tail::new(Client::new(&aws::load()?), &stack.addresses.stack, since);
    tail.find_functions().await?;
    let mut timelines = Timelines::default();
    eventually("the timeline of the event", SOON, async || {
        for line in tail.next(now()).await? {
            timelines.record(&line, since);
        }
        let finished = timelines.finished(now());
        let mut texts = finished.iter().map(|timeline| timeline.json().to_string());
        let timeline = texts.find(|text| text.contains(event.id.as_str())).context("it is not finished")?;
        let parts =
            ["\"step\":\"webhook\"", "2 actions", "add_label done", "create_ticket done", "\"waiting\":0"];
        ensure!(parts.iter().all(|part| timeline.contains(part)), "{timeline}");
        Ok(())
    })
    .await
}

async fn swap(stack: &Stack, program: &Path) -> Result<()> {
    let swap = Swap { lambda: stack.lambda.clone(), sqs: stack.sqs.clone() };
    swap.swap(&format!("{}-{HANDLER}", stack.addresses.stack), program).await
}

/// The handler as it was deployed.
fn built() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).join(".local/sam/suite/HandlerFollowUpOnSettlement/bootstrap")
}

/// The same handler with another label in its settings.
fn with_another_label() -> Result<PathBuf> {
    let settings =
        json!({ "stage": "Settled", "label": "Refinance", "follow_up_workflow": "Annual reviews" });
    let program = std::env::temp_dir().join(format!("swapped-{}", std::process::id()));
    fs::write(&program, format!("#!/bin/sh\nSETTINGS='{settings}' exec '{}'\n", built().display()))?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

fn now() -> i64 {
    i64::try_from(clock::now().as_millis()).unwrap_or(i64::MAX)
}
