//! The shipped handlers, deployed as they are and switched on as by a brokerage.

use crate::notices::receiver;
use crate::reconciled::run_reconciler;
use crate::support::{SOON, alone, events, known_ticket, mutations, published, rest, set_variable};
use anyhow::{Context as _, Result, ensure};
use automations::aws::topic::Topic;
use automations::id::OwnerId;
use automations::model::resent::Resent;
use automations::store::{Outcome, ReminderEnd, ReminderState};
use automations::{Event, clock};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::PoisonError;
use std::time::Duration;

const OWNER: &str = "owner-on-new-ticket";

/// Runs `work` while a deployed handler has these settings and is not in dry-run mode. The test must hold `alone`.
async fn switched_on<T>(
    stack: &Stack,
    handler: &str,
    settings: &Value,
    work: impl AsyncFnOnce() -> Result<T>,
) -> Result<T> {
    rest(stack).await?;
    let dry = set_variable(stack, handler, "DRY_RUN", "false").await?;
    let before = set_variable(stack, handler, "SETTINGS", &settings.to_string()).await?;
    let worked = work().await;
    let rested = rest(stack).await;
    set_variable(stack, handler, "SETTINGS", &before).await?;
    set_variable(stack, handler, "DRY_RUN", &dry).await?;
    rested?;
    worked
}

#[tokio::test]
async fn a_stage_is_told_elsewhere_without_a_clients_name() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("stage-notice").await?;
    let (url, received) = receiver().await?;
    organisation.set_secret("destination-channel", &json!({ "url": url, "secrets": ["whsec_AAAA"] })).await?;
    let settings = json!({ "destination": "channel", "text": "{workflow}: {from} to {stage}, {id}" });
    let ticket = known_ticket(&organisation, "Application").await?;
    let requests = switched_on(&stack, "notice-on-stage-change", &settings, async || {
        organisation.change(&ticket, json!({ "stage": "Approved", "name": "Citizen-of-stages" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        eventually("the second attempt of the notice", SOON, async || {
            let received = received.lock().unwrap_or_else(PoisonError::into_inner);
            ensure!(received.len() >= 2, "so far {}", received.len());
            Ok(received.clone())
        })
        .await
    })
    .await?;
    assert_eq!(requests.len(), 2, "a notice that arrived is not sent again");
    assert_eq!(requests[1].1["data"]["text"], format!("Home loans: Application to Approved, {ticket}"));
    ensure!(
        requests.iter().all(|(_, body)| !body.to_string().contains("Citizen")),
        "a notice contains a name"
    );
    // The handler's filter does not match another stage.
    organisation.change(&ticket, json!({ "stage": "Archived" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let events = events(&organisation, &ticket, 4).await?;
    published(&organisation, &ticket).await?;
    rest(&stack).await?;
    let archived = events.last().context("no event")?;
    let dry = stack.logged("notice-on-stage-change", archived.id.as_str()).await?;
    ensure!(dry.is_empty(), "{dry:?}");
    Ok(())
}

/// One of its reviews was due yesterday, so that it is due at once; the other one waits, and is cancelled.
#[tokio::test]
async fn a_settled_ticket_gets_its_reviews_until_it_leaves() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("reviews").await?;
    let settings = json!({
        "stage": "Settled", "zone": "Australia/Sydney", "review_workflow": "Annual reviews",
        "reviews": { "at-once": { "days": -1 }, "later": { "months": 6 } },
    });
    let ticket = known_ticket(&organisation, "Application").await?;
    let ends = switched_on(&stack, "review-after-settlement", &settings, async || {
        organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        events(&organisation, &ticket, 2).await?;
        // One is follow-up-on-settlement's.
        eventually("the review", SOON, async || {
            run_reconciler(&stack).await?;
            let created = organisation.mutations().await?;
            let created = created.iter().filter(|mutation| mutation.mutation == "ticketCreate").count();
            ensure!(created == 2, "{created} tickets");
            Ok(())
        })
        .await?;
        organisation.change(&ticket, json!({ "stage": "Archived" })).await?;
        organisation.webhook("ticket-updated", &ticket).await?;
        let north = organisation.name.parse()?;
        eventually("the end of the other review", SOON, async || {
            let stored = stack.store().reminders(&north, &ticket.parse()?).await?;
            ensure!(stored.iter().all(|stored| stored.waiting().is_none()), "{stored:?}");
            Ok(stored)
        })
        .await
    })
    .await?;
    let ends = ends.iter().map(|stored| match stored.state {
        ReminderState::Ended(end, _) => (stored.key().as_str(), Some(end)),
        ReminderState::Waits(_) => (stored.key().as_str(), None),
    });
    let expected = [("at-once", ReminderEnd::Due), ("later", ReminderEnd::Cancelled)];
    assert!(ends.eq(expected.map(|(key, end)| (key, Some(end)))));
    Ok(())
}

/// Runs `work` while waits pass at a week in a second, as with `cargo xtask dev --clock 7d/s`. The test must hold `alone`.
async fn on_a_fast_clock<T>(stack: &Stack, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    rest(stack).await?;
    let before = set_variable(stack, "action-worker", "DEVELOPMENT_CLOCK", "7d/s").await?;
    let worked = work().await;
    let rested = rest(stack).await;
    set_variable(stack, "action-worker", "DEVELOPMENT_CLOCK", &before).await?;
    rested?;
    worked
}

/// Runs the reconciler until the ticket has all these labels.
async fn labelled(organisation: &Organisation<'_>, ticket: &str, labels: usize) -> Result<()> {
    eventually("the labels", SOON, async || {
        run_reconciler(organisation.stack).await?;
        let now = organisation.ticket(ticket).await?;
        let has = now["idLabels"].as_array().map_or(0, Vec::len);
        ensure!(has == labels, "{now}");
        Ok(())
    })
    .await
}

/// Issue 22: the reminders of 90 days, on the local stack.
#[tokio::test]
async fn a_pre_approval_is_announced_and_expires_on_a_fast_clock() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("pre-approvals").await?;
    let settings = json!({
        "stage": "Archived", "zone": "Australia/Brisbane", "remind_after_days": [30, 60, 75],
        "at_reminder": { "label": "Refinance" }, "at_expiry": { "label": "Post-settlement" },
    });
    let ticket = known_ticket(&organisation, "Application").await?;
    let stored = switched_on(&stack, "pre-approval-expiry", &settings, async || {
        on_a_fast_clock(&stack, async || {
            organisation.change(&ticket, json!({ "stage": "Archived", "labels": [] })).await?;
            organisation.webhook("ticket-updated", &ticket).await?;
            labelled(&organisation, &ticket, 2).await?;
            Ok(stack.store().reminders(&organisation.name.parse()?, &ticket.parse()?).await?)
        })
        .await
    })
    .await?;
    assert_eq!(stored.len(), 4);
    let is_due = |state: ReminderState| matches!(state, ReminderState::Ended(ReminderEnd::Due, _));
    ensure!(stored.iter().all(|stored| is_due(stored.state)), "{stored:?}");
    Ok(())
}

/// Issue 22: a countdown to a date of the ticket, on the local stack.
#[tokio::test]
async fn a_countdown_to_a_date_acts_on_a_fast_clock() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("countdowns").await?;
    stack.control(Method::PUT, "vendor/countdowns", &json!({ "extra_fields": true })).await?;
    rest(&stack).await?;
    let fields = "finance_due=values.onceOffDueDate:date";
    let before = set_variable(&stack, "event-enricher", "TICKET_FIELDS", fields).await?;
    let settings = json!({
        "field": "finance_due", "zone": "Australia/Sydney", "days_before": [7, 3, 1, 0],
        "then": { "label": "Refinance" },
    });
    let acted = switched_on(&stack, "finance-due-countdown", &settings, async || {
        on_a_fast_clock(&stack, async || {
            let soon = clock::now().later(Duration::from_hours(24 * 20)).to_string();
            let due = json!({ "onceOff": 450_000, "onceOffDueDate": soon });
            let ticket = organisation.new_ticket(json!({ "labels": [], "values": due })).await?;
            organisation.webhook("ticket-created", &ticket).await?;
            labelled(&organisation, &ticket, 1).await
        })
        .await
    })
    .await;
    rest(&stack).await?;
    set_variable(&stack, "event-enricher", "TICKET_FIELDS", &before).await?;
    acted
}

/// Creates a ticket and sends its webhook; returns the ticket.
async fn created(organisation: &Organisation<'_>, labels: Value) -> Result<String> {
    let ticket = organisation.new_ticket(json!({ "labels": labels })).await?;
    organisation.webhook("ticket-created", &ticket).await?;
    Ok(ticket)
}

#[tokio::test]
async fn a_new_ticket_gets_the_owner_of_its_rule_and_keeps_it_when_it_is_told_again() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("owners").await?;
    let settings = json!({ "rules": [
        { "organisation": "another", "owners": ["not-here"] },
        { "label": "Refinance", "owners": ["ana", "ben"] },
    ] });
    let (ticket, other) = switched_on(&stack, OWNER, &settings, async || {
        let ticket = created(&organisation, json!(["Refinance"])).await?;
        let other = created(&organisation, json!([])).await?;
        let event = events(&organisation, &ticket, 1).await?.remove(0);
        let done = eventually("the owner", SOON, async || {
            organisation.done(&event, OWNER, 0).await?.context("not done yet")
        });
        assert_eq!(done.await?.outcome, Outcome::Changed);
        // The event again, as after a crash between publishing it and emptying its outbox.
        published(&organisation, &ticket).await?;
        let topic = Topic::new(stack.sns.clone(), stack.addresses.topic.clone());
        // With another deduplication id, as the first is remembered for five minutes.
        let resent = Some(Resent::at(clock::now()));
        let again = Event { resent, ..event.clone() };
        topic.publish(&[&again]).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        rest(&stack).await?;
        Ok((ticket, other))
    })
    .await?;
    let expected =
        events(&organisation, &ticket, 1).await?.remove(0).ticket().cloned().context("no ticket")?;
    let owners = ["ana", "ben"].map(str::parse::<OwnerId>);
    let expected = expected.one_of(&owners).cloned().context("no owner")??;
    assert_eq!(organisation.ticket(&ticket).await?["idOwner"], expected.as_str());
    assert_eq!(mutations(&organisation, "ticketUpdate", 1).await?.len(), 1);
    let untouched = organisation.ticket(&other).await?;
    ensure!(untouched["idOwner"] != "ana" && untouched["idOwner"] != "ben", "no rule fits: {untouched}");
    Ok(())
}
