//! `automations listen`: events of the stack come to a handler as it is built here, in dry run (row 18 of the anchors).

use crate::support::{SOON, alone, events, known_ticket, rest};
use crate::tidy::root;
use anyhow::{Context as _, Result, ensure};
use automations::store::OperationState;
use automations::{aws, clock};
use automations_cli::HandlerUnderTest;
use automations_cli::account::Target;
use automations_cli::commands::listen::{Heard, Limits, Topic, listen};
use end_to_end::stack::{Stack, eventually};
use serde_json::json;
use std::time::Duration;
use tokio::sync::oneshot;

const HANDLER: &str = "follow-up-on-settlement";

fn target(stack: &Stack) -> Result<Target> {
    let local = Some(stack.addresses.aws_endpoint_url.clone());
    Ok(Target { config: aws::load()?, local, stack: stack.addresses.stack.clone() })
}

fn built() -> Result<HandlerUnderTest> {
    Ok(HandlerUnderTest::built(&root(), HANDLER, None)?.without_its_errors())
}

/// The names of the queues of `listen` that are there.
async fn queues(stack: &Stack) -> Result<Vec<String>> {
    let prefix = format!("{}-listen_", stack.addresses.stack);
    let listed = stack.sqs.list_queues().queue_name_prefix(prefix).send().await?;
    Ok(listed.queue_urls().iter().filter_map(|url| url.rsplit('/').next().map(str::to_owned)).collect())
}

/// The queues of `listen` that are subscribed to the topic.
async fn subscribed(stack: &Stack) -> Result<Vec<String>> {
    let request = stack.sns.list_subscriptions_by_topic().topic_arn(&stack.addresses.topic);
    let all = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
    let endpoints = all.into_iter().filter_map(|subscription| subscription.endpoint);
    Ok(endpoints.filter(|endpoint| endpoint.contains("-listen_")).collect())
}

#[tokio::test]
async fn an_event_comes_to_the_handler_at_home_and_the_subscription_is_gone_afterwards() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("listened").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let (since, target) = (clock::now(), target(&stack)?);
    let limits = Limits { until: since.later(Duration::from_mins(3)), events: Some(1) };
    let mut heard = Vec::new();
    let listening = listen(&target, (HANDLER, built()?), limits, std::future::pending(), |event, decided| {
        if event.organisation.as_str() == "listened" {
            heard.push(Heard::of(event, decided, ""));
        }
        Ok(())
    });
    let moving = async {
        eventually("the subscription", SOON, async || {
            ensure!(subscribed(&stack).await?.len() == 1 && queues(&stack).await?.len() == 1, "not yet");
            Ok(())
        })
        .await?;
        organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", &ticket).await
    };
    let (count, moved) = tokio::join!(listening, moving);
    moved?;
    assert_eq!(count?, 1);
    let event = events(&organisation, &ticket, 2).await?.remove(1);
    let own = heard.first().context("nothing was heard")?;
    assert_eq!(own.event, event.id);
    let kinds: Vec<String> = own.decided.iter().flatten().map(|action| action.kind.clone()).collect();
    assert_eq!(kinds, ["add_label", "create_ticket"]);
    ensure!(queues(&stack).await?.is_empty() && subscribed(&stack).await?.is_empty(), "something is left");
    let operations = stack.store().operations(since).await?;
    let own = operations.iter().find(|operation| operation.command == "listen").context("no row")?;
    assert_eq!((own.state, own.scope.as_str()), (OperationState::Done, "--handler follow-up-on-settlement"));
    rest(&stack).await
}

/// As with Ctrl-C, before any event came.
#[tokio::test]
async fn a_run_that_is_stopped_removes_its_subscription() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let target = target(&stack)?;
    let limits = Limits { until: clock::now().later(Duration::from_mins(3)), events: None };
    let (stop, stopped) = oneshot::channel::<()>();
    let listening = listen(
        &target,
        (HANDLER, built()?),
        limits,
        async {
            let _ = stopped.await;
        },
        |_, _| Ok(()),
    );
    let stopping = async {
        let seen = eventually("the subscription", SOON, async || {
            ensure!(subscribed(&stack).await?.len() == 1, "not yet");
            Ok(())
        })
        .await;
        drop(stop);
        seen
    };
    let (heard, seen) = tokio::join!(listening, stopping);
    seen?;
    assert_eq!(heard?, 0);
    ensure!(queues(&stack).await?.is_empty() && subscribed(&stack).await?.is_empty(), "something is left");
    Ok(())
}

#[tokio::test]
async fn what_a_crashed_run_left_is_removed_when_it_is_old() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let (target, now) = (target(&stack)?, clock::now());
    let topic = Topic::of(&target.config, &target.stack).await?;
    let policy = json!({ "organisation": ["of-no-one"] }).to_string();
    let old = topic.subscribe(&policy, now.earlier(Duration::from_hours(7)), "0a0a0a0a").await?;
    let young = topic.subscribe(&policy, now.earlier(Duration::from_hours(1)), "0b0b0b0b").await?;
    let left = topic.left_behind(now).await?;
    assert_eq!(topic.clean(&left).await?, 2, "a queue and a subscription");
    let (there, subscriptions) = (queues(&stack).await?, subscribed(&stack).await?);
    topic.remove(&young).await?;
    ensure!(!there.contains(&old.queue) && there.contains(&young.queue), "{there:?}");
    ensure!(subscriptions.len() == 1 && subscriptions[0].ends_with(&young.queue), "{subscriptions:?}");
    Ok(())
}
