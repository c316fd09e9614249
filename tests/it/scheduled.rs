//! Handlers' schedules: a firing that EventBridge Scheduler sends becomes one event in each organisation, and those that waited become one.
//! Its events go to every organisation of the stack, so these tests run alone.

use crate::notices::receiver;
use crate::support::{SOON, alone, known_ticket, rest};
use anyhow::{Context as _, Result, ensure};
use automations::clock::{self, Timestamp};
use automations::id::ClockKind;
use automations::model::firing::Fired;
use automations::model::reminder::Zone;
use automations::model::schedule::Schedule;
use automations::{Event, EventKind};
use aws_sdk_dynamodb::types::AttributeValue;
use end_to_end::stack::{Stack, eventually};
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::Duration;

/// The kind of the event of digest-of-stalled-tickets.
pub(crate) const DIGEST: &str = "clock.digest-of-stalled-tickets";

/// As the template's `Input` is after Scheduler replaced its keyword.
pub(crate) fn firing(clock: &str, at: &str, schedule: &str) -> String {
    // Text and not a JSON object, as `clock` is the first field.
    format!(
        r#"{{"clock": "{clock}", "scheduled_at": "{at}", "schedule": "{schedule}", "zone": "Australia/Sydney"}}"#
    )
}

pub(crate) async fn send(stack: &Stack, firing: &str) -> Result<()> {
    let queue = stack.queue_url(&stack.addresses.hints_queue).await?;
    stack.sqs.send_message().queue_url(queue).message_body(firing).send().await?;
    Ok(())
}

/// As if none of this clock's firings had been published.
pub(crate) async fn forget_firings(stack: &Stack, clock: &str) -> Result<()> {
    let request = stack.dynamodb.delete_item().table_name(&stack.addresses.table);
    let request = request.key("pk", AttributeValue::S("CLOCKS".to_owned()));
    request.key("sk", AttributeValue::S(clock.to_owned())).send().await?;
    Ok(())
}

fn fired(received: Vec<Event>) -> Vec<(Timestamp, u32)> {
    let of = |event: Event| match event.kind {
        EventKind::Clock { scheduled_at, missed, .. } => Some((scheduled_at, missed)),
        _ => None,
    };
    received.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_firing_that_is_delivered_twice_is_one_digest_with_links() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    // The entry's filter in tests/handlers.yaml is on such names.
    let organisation = stack.organisation("clock-digest").await?;
    let (url, received) = receiver().await?;
    organisation.set_secret("destination-team", &json!({ "url": url, "secrets": [] })).await?;
    let stalled = known_ticket(&organisation, "Application").await?;
    let fresh = known_ticket(&organisation, "Application").await?;
    organisation.set_stage_since(&stalled, clock::now().earlier(Duration::from_hours(20 * 24))).await?;
    let own = firing(DIGEST, &clock::now().to_string(), "rate(7 days)");
    for _ in 0..2 {
        send(&stack, &own).await?;
    }
    // The destination rejects the first attempt.
    eventually("the second attempt of the digest", SOON, async || {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(received.len() >= 2, "so far {}", received.len());
        Ok(())
    })
    .await?;
    send(&stack, &own).await?;
    rest(&stack).await?;
    // So that it is in no later digest.
    organisation.set_stage_since(&stalled, clock::now()).await?;
    let requests = received.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(requests.len(), 2, "one digest, in two attempts");
    let text = requests[1].1["data"]["text"].as_str().context("no text")?;
    ensure!(text.contains("20 days in Application: https://") && text.contains(&stalled), "{text}");
    ensure!(!text.contains(&fresh) && !text.contains("ticket_link"), "{text}");
    assert_eq!(requests[1].1["data"]["ticket"], Value::Null);
    let said = stack.logged("event-enricher", "clock.duplicate").await?;
    ensure!(!said.is_empty(), "a repetition is not logged");
    Ok(())
}

/// Whatever the order in which the queue of hints delivers them.
#[tokio::test]
async fn firings_that_waited_in_an_outage_are_the_newest_one_with_their_number() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("clocks-missed").await?;
    let listener = stack.listen(&organisation.name).await?;
    let newest = clock::now().earlier(Duration::from_secs(10));
    let hours = |hours: u64| newest.earlier(Duration::from_hours(hours));
    let schedule = Schedule { expression: "rate(1 hour)".parse()?, zone: Zone::Sydney };
    let last =
        Fired { clock: ClockKind::parse("clock.missed")?, at: hours(3), missed: 0, zone: Zone::Sydney };
    stack.store().record_fired(&last, &schedule, clock::now()).await?;
    for waited in [1, 0, 2] {
        send(&stack, &firing("clock.missed", &hours(waited).to_string(), "rate(1 hour)")).await?;
    }
    let first = eventually("the event", SOON, async || {
        let received = fired(listener.received().await?);
        ensure!(!received.is_empty(), "not yet");
        Ok(received)
    })
    .await?;
    rest(&stack).await?;
    let later = fired(listener.received().await?);
    assert_eq!([first, later].concat(), [(newest, 2)]);
    let last = stack.store().last_fired(&last.clock).await?;
    assert_eq!(last.map(|last| last.at), Some(newest));
    Ok(())
}

/// The local engine sends Scheduler's keyword as it is.
#[tokio::test]
async fn every_schedule_of_the_template_sends_what_the_enricher_reads() -> Result<()> {
    let _turn = alone().await;
    let resources = Stack::found().await?.resources().await?;
    let all = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Scheduler::Schedule");
    let own: Vec<_> =
        all.filter(|(_, schedule)| !schedule["Properties"]["Target"]["Input"].is_null()).collect();
    let [(id, schedule)] = &own[..] else { anyhow::bail!("{} schedules", own.len()) };
    assert_eq!(id.as_str(), "ScheduleDigestOfStalledTickets");
    let properties = &schedule["Properties"];
    assert_eq!(properties["ScheduleExpression"], "cron(0 8 ? * MON *)");
    assert_eq!(properties["ScheduleExpressionTimezone"], "Australia/Sydney");
    assert_eq!(properties["FlexibleTimeWindow"]["Mode"], "OFF");
    let target = &properties["Target"];
    assert_eq!(
        target["RetryPolicy"],
        json!({ "MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185 })
    );
    ensure!(target["Arn"].to_string().contains("HintsArn"), "{target}");
    ensure!(target["DeadLetterConfig"].to_string().contains("HintsDeadLettersArn"), "{target}");
    ensure!(target["Input"].to_string().contains("<aws.scheduler.scheduled-time>"), "{target}");
    Ok(())
}
