//! Reminders: set by an action, found by the reconciler, published once among the ticket's other events, or lapsed.

use crate::actions::decide;
use crate::reconciled::run_reconciler;
use crate::support::{
    SOON, alone, among_others, dead_letters, events, kinds, known_ticket, published, rest, set_variable,
};
use anyhow::{Context as _, Result, ensure};
use automations::aws::topic::Topic;
use automations::clock::{self, Timestamp};
use automations::handler::Decide;
use automations::id::{OrganisationId, ReminderKey, TicketId};
use automations::model::reminder::{Day, Lapse, When, Zone};
use automations::model::resent::Resent;
use automations::store::{Outcome, ReminderEnd, ReminderState, StoredReminder};
use automations::{Action, Event, EventKind};
use automations_cli::{Eraser, Subject};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

/// Reminds of each ticket that enters the stage `Archived`.
const REMINDS: Decide<When> = |event, when| {
    let (Some(ticket), Ok(key)) = (event.entered_stage("Archived"), ReminderKey::parse("review")) else {
        return vec![];
    };
    vec![Action::remind(ticket, &key, when.clone()).only_in_stage("Archived")]
};

async fn stored(organisation: &Organisation<'_>, ticket: &str) -> Result<Vec<StoredReminder>> {
    let (name, ticket) = (OrganisationId::parse(organisation.name.as_str())?, TicketId::parse(ticket)?);
    Ok(organisation.stack.store().reminders(&name, &ticket).await?)
}

/// The state of the ticket's only reminder.
async fn state(organisation: &Organisation<'_>, ticket: &str) -> Result<ReminderState> {
    let stored = stored(organisation, ticket).await?;
    ensure!(stored.len() == 1, "{stored:?}");
    Ok(stored[0].state)
}

/// A ticket that a handler wants to be reminded of, the event that it decided on, and when the reminder is due.
async fn reminded(
    organisation: &Organisation<'_>,
    ticket: &str,
    when: When,
) -> Result<(Event, Option<Timestamp>)> {
    let event = decide(organisation, ticket, REMINDS, when).await?;
    let done = eventually("the reminder", SOON, async || {
        organisation.done(&event, "tried", 0).await?.context("not set yet")
    });
    let Outcome::ReminderSet { due_at } = done.await?.outcome else { anyhow::bail!("not set") };
    Ok((event, due_at))
}

fn reminders(journal: &[Event]) -> Vec<&Event> {
    journal.iter().filter(|event| event.reminder("review").is_some()).collect()
}

#[tokio::test]
async fn a_reminder_is_one_event_however_often_its_action_and_its_hint_are_repeated() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("reminded").await?;
    let listener = stack.listen("reminded").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let (event, due_at) = reminded(&organisation, &ticket, When::after_minutes(0)).await?;
    assert_eq!(due_at, Some(event.observed_at), "counted from the event");
    run_reconciler(&stack).await?;
    let journal = events(&organisation, &ticket, 3).await?;
    assert_eq!(kinds(&journal)[1..], ["ticket.stage_changed", "ticket.reminder_due"]);
    published(&organisation, &ticket).await?;
    // The event that led to it again, with another deduplication id, and what the reconciler and a webhook do again.
    let topic = Topic::new(stack.sns.clone(), stack.addresses.topic.clone());
    let again = Event { resent: Some(Resent::at(clock::now())), ..event.clone() };
    topic.publish(&[&again]).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    organisation.webhook("ticket-updated", &ticket).await?;
    run_reconciler(&stack).await?;
    rest(&stack).await?;
    assert_eq!(reminders(&organisation.journal(&ticket).await?).len(), 1);
    ensure!(matches!(state(&organisation, &ticket).await?, ReminderState::Ended(ReminderEnd::Due, _)));
    let received = listener.received().await?;
    let [due] = &reminders(&received)[..] else { anyhow::bail!("{:?}", kinds(&received)) };
    let EventKind::ReminderDue { set_by, due_at: at, .. } = &due.kind else { anyhow::bail!("{due:?}") };
    assert_eq!((set_by.as_str(), Some(*at)), ("tried", due_at));
    Ok(())
}

#[tokio::test]
async fn a_reminder_lapses_if_its_ticket_left_and_makes_no_event() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("lapsed").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    reminded(&organisation, &ticket, When::after_minutes(0)).await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    eventually("the end of the reminder", SOON, async || {
        run_reconciler(&stack).await?;
        let state = state(&organisation, &ticket).await?;
        let lapsed = ReminderEnd::Lapsed(Lapse::OtherStage);
        ensure!(matches!(state, ReminderState::Ended(end, _) if end == lapsed), "{state:?}");
        Ok(())
    })
    .await?;
    assert!(reminders(&organisation.journal(&ticket).await?).is_empty());
    Ok(())
}

/// It would be found if the index had it: it is due in a day.
#[tokio::test]
async fn what_is_not_due_is_not_published_and_is_erased_with_its_ticket() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("erased-reminders").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let (event, due_at) = reminded(&organisation, &ticket, When::after_days(1)).await?;
    assert_eq!(due_at, Some(event.observed_at.later(Duration::from_hours(24))));
    run_reconciler(&stack).await?;
    rest(&stack).await?;
    assert_eq!(state(&organisation, &ticket).await?, ReminderState::Waits(due_at));
    let north = OrganisationId::parse("erased-reminders")?;
    let soon = stack.store().reminders_until(&north, clock::now().later(Duration::from_hours(25))).await?;
    assert_eq!(soon.len(), 1, "as `automations reminders list` finds it");
    let (dynamodb, table) = (stack.dynamodb.clone(), stack.addresses.table.clone());
    let eraser = Eraser { dynamodb, table, dead_letters: dead_letters(&stack)? };
    let found = eraser.find(&north, &Subject::Ticket(ticket.clone())).await?;
    eraser.erase(&found).await?;
    assert!(stored(&organisation, &ticket).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_reminder_moves_with_the_date_of_its_ticket() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("moved-reminders").await?;
    stack.control(Method::PUT, "vendor/moved-reminders", &json!({ "extra_fields": true })).await?;
    rest(&stack).await?;
    let fields = "settlement=values.onceOffDueDate:date";
    let before = set_variable(&stack, "event-enricher", "TICKET_FIELDS", fields).await?;
    let moved = moves(&organisation).await;
    rest(&stack).await?;
    set_variable(&stack, "event-enricher", "TICKET_FIELDS", &before).await?;
    moved
}

async fn moves(organisation: &Organisation<'_>) -> Result<()> {
    let on = |date: &str| json!({ "values": { "onceOff": 450_000, "onceOffDueDate": date } });
    let ticket = organisation.new_ticket(on("2099-01-08")).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    events(organisation, &ticket, 1).await?;
    let when = Day::of_field(&"settlement".parse()?, Zone::Brisbane).plus_days(-7).into();
    let (_, due_at) = reminded(organisation, &ticket, when).await?;
    assert_eq!(due_at, Some("2098-12-31T23:00:00Z".parse()?), "9:00 on 1 January in Brisbane");
    organisation.change(&ticket, on("2099-02-08")).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    eventually("the reminder's new time", SOON, async || {
        let state = state(organisation, &ticket).await?;
        ensure!(state == ReminderState::Waits(Some("2099-01-31T23:00:00Z".parse()?)), "{state:?}");
        Ok(())
    })
    .await?;
    organisation.change(&ticket, on("2026-01-08")).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    let late = eventually("the late reminder", SOON, async || {
        run_reconciler(organisation.stack).await?;
        let journal = organisation.journal(&ticket).await?;
        reminders(&journal).first().copied().cloned().context("not yet")
    });
    let EventKind::ReminderDue { due_at, late_by, .. } = late.await?.kind else {
        anyhow::bail!("no reminder")
    };
    assert_eq!(due_at, "2025-12-31T23:00:00Z".parse()?);
    ensure!(late_by > 86_400, "{late_by} s");
    Ok(())
}
