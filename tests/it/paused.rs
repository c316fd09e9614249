//! Pauses of a handler, an organisation and all writing.

use crate::support::{SOON, alone, dead_letters, events, known_ticket, mutations, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::id::OrganisationId;
use automations::store::{PAUSES_CACHED_FOR, Paused};
use automations::{aws, clock};
use automations_cli::account::Target;
use automations_cli::commands::pause::{Pauser, Resumed};
use automations_cli::{DeadLetter, Selection};
use end_to_end::stack::{Organisation, Stack, eventually};
use serde_json::json;

const HANDLER: &str = "follow-up-on-settlement";

fn pauser(stack: &Stack) -> Result<Pauser> {
    let addresses = &stack.addresses;
    let local = Some(addresses.aws_endpoint_url.clone());
    Pauser::of(&Target { config: aws::load()?, local, stack: addresses.stack.clone() })
}

async fn move_to(
    organisation: &Organisation<'_>,
    ticket: &str,
    stage: &str,
    events_before: usize,
) -> Result<automations::Event> {
    organisation.change(ticket, json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    let event = events(organisation, ticket, events_before.saturating_add(1)).await?.pop();
    published(organisation, ticket).await?;
    event.context("no event")
}

/// What is paused is resumed, whatever became of the test.
async fn while_paused(
    stack: &Stack,
    paused: Paused,
    test: impl AsyncFnOnce() -> Result<()>,
) -> Result<Resumed> {
    let switch = pauser(stack)?;
    switch.pause(&paused, Some("a test".to_owned()), clock::now()).await?;
    let tested = test().await;
    let resumed = switch.resume(&paused).await;
    tested?;
    resumed
}

/// Issue 22, pause and resume.
#[tokio::test]
async fn the_events_of_a_paused_handler_wait_and_are_decided_on_in_order_without_a_spent_receive()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    rest(&stack).await?;
    let organisation = stack.organisation("paused-handler").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let queue = format!("{}-{HANDLER}.fifo", stack.addresses.stack);
    let mut settled = Vec::new();
    while_paused(&stack, Paused::Handler(HANDLER.to_owned()), async || {
        for (number, stage) in ["Settled", "Approved", "Settled"].into_iter().enumerate() {
            settled.push(move_to(&organisation, &ticket, stage, number.saturating_add(1)).await?);
        }
        eventually("three events that wait", SOON, async || {
            let depth = stack.depth(&queue).await?;
            ensure!(depth >= 3, "{depth}");
            Ok(())
        })
        .await?;
        ensure!(organisation.mutations().await?.is_empty());
        let alarms = format!("{queue}-backlog");
        let cloudwatch = aws_sdk_cloudwatch::Client::new(&aws::load()?);
        let alarms = cloudwatch.describe_alarms().alarm_names(alarms).send().await?;
        ensure!(
            alarms.metric_alarms().iter().all(|alarm| alarm.actions_enabled() == Some(false)),
            "{alarms:?}"
        );
        Ok(())
    })
    .await?;
    let mut done_at = Vec::new();
    for event in [&settled[0], &settled[2]] {
        let done = eventually("the action", SOON, async || {
            organisation.done(event, HANDLER, 0).await?.context("not done yet")
        })
        .await?;
        assert_eq!(done.planned.attempt, 1, "no receive was spent");
        done_at.push(done.planned.decided_at);
    }
    ensure!(done_at.is_sorted(), "{done_at:?}");
    ensure!(pauser(&stack)?.list().await?.is_empty());
    rest(&stack).await
}

/// Issue 22, pause and resume.
#[tokio::test]
async fn while_all_writing_is_paused_actions_wait_in_their_queue() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    rest(&stack).await?;
    let organisation = stack.organisation("paused-writing").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    while_paused(&stack, Paused::Writing, async || {
        move_to(&organisation, &ticket, "Settled", 1).await?;
        eventually("actions that wait", SOON, async || {
            let depth = stack.depth(&stack.addresses.actions_queue).await?;
            ensure!(depth > 0, "none yet");
            Ok(())
        })
        .await?;
        ensure!(organisation.mutations().await?.is_empty());
        Ok(())
    })
    .await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await
}

/// Issue 22, pause and resume.
#[tokio::test]
async fn of_a_paused_organisation_webhooks_are_accepted_and_its_tickets_fetched_when_it_is_resumed()
-> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("paused-organisation").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    rest(&stack).await?;
    let paused = Paused::Organisation(OrganisationId::parse("paused-organisation")?);
    let mut unknown = String::new();
    let resumed = while_paused(&stack, paused, async || {
        // Until no instance has what it read before.
        clock::pause(PAUSES_CACHED_FOR).await;
        unknown = organisation.new_ticket(json!({ "stage": "Approved" })).await?;
        organisation.webhook("ticket-created", &unknown).await?;
        eventually("a hint that is held", SOON, async || {
            let shown = dead_letters(&stack)?.thorough().show(&Selection::default()).await?;
            let is_held =
                |(dead, body): &(DeadLetter, String)| dead.reason == "paused" && body.contains(&unknown);
            ensure!(shown.iter().any(is_held), "not yet");
            Ok(())
        })
        .await?;
        organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        rest(&stack).await?;
        assert_eq!(organisation.journal(&ticket).await?.len(), 1, "no event");
        Ok(())
    })
    .await?;
    ensure!(resumed.sent_again > 0 && resumed.due > 0, "{resumed:?}");
    events(&organisation, &unknown, 1).await?;
    let reconciler = format!("{}-reconciler", stack.addresses.stack);
    stack.lambda.invoke().function_name(reconciler).send().await?;
    events(&organisation, &ticket, 2).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await
}
