//! A duplicate webhook or message has no second effect.

use crate::support::{SOON, among_others, events, kinds, known_ticket, mutations, organisation, rest};
use anyhow::{Context as _, Result, ensure};
use automations::Action;
use automations::id::ActionId;
use automations::json::to_json;
use automations::model::action::PlannedAction;
use automations::store::Outcome;
use end_to_end::stack::{Stack, eventually};
use end_to_end::stand_in::Payload;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn the_same_webhook_five_times_gives_one_action(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "five-times", payload).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    for _ in 0..5 {
        organisation.webhook("ticket-updated", &ticket).await?;
    }
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let journal = events(&organisation, &ticket, 2).await?;
    // The label that we added is an event too, if a later one of the five webhooks saw it.
    assert_eq!(kinds(&journal[..2]), ["ticket.first_seen", "ticket.stage_changed"]);
    assert_eq!(kinds(&journal).iter().filter(|kind| **kind == "ticket.stage_changed").count(), 1);
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn five_webhooks_at_the_same_moment_give_one_action(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "same-moment", payload).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    let send = || organisation.webhook("ticket-updated", &ticket);
    let responses = tokio::join!(send(), send(), send(), send(), send());
    for response in <[_; 5]>::from(responses) {
        response?;
    }
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let all: Vec<_> = organisation.mutations().await?.into_iter().map(|mutation| mutation.mutation).collect();
    assert_eq!(all, ["ticketUpdate", "ticketCreate"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn a_ticket_that_an_action_created_is_known_as_created(
    #[values(Payload::Id, Payload::IdAndEvent, Payload::Ticket, Payload::Form)] payload: Payload,
) -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = organisation(&stack, "ours", payload).await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let created =
        organisation.mutations().await?.into_iter().find(|mutation| mutation.mutation == "ticketCreate");
    let follow_up =
        created.and_then(|mutation| mutation.result.as_str().map(str::to_owned)).unwrap_or_default();
    // This webhook's URL does not say that the ticket is new, but our record of the action does.
    organisation.webhook("ticket-updated", &follow_up).await?;
    assert_eq!(kinds(&events(&organisation, &follow_up, 1).await?), ["ticket.created"]);
    Ok(())
}

/// SQS delivers at least once: the record prevents that an action is performed again.
#[tokio::test]
async fn an_action_that_is_delivered_again_is_not_done_again() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("delivered-again").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    organisation.change(&ticket, json!({ "stage": "Settled" })).await?;
    organisation.webhook("ticket-updated", &ticket).await?;
    mutations(&organisation, "ticketCreate", 1).await?;
    rest(&stack).await?;
    let event = &events(&organisation, &ticket, 2).await?[1];
    let done = organisation.done(event, "follow-up-on-settlement", 1).await?.context("no record")?;
    // Another deduplication id, as after the five minutes in which the queue itself deduplicates.
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    let again = stack.sqs.send_message().queue_url(queue).message_body(to_json(&done.planned));
    again
        .message_group_id(done.planned.message_group().as_str())
        .message_deduplication_id("again")
        .send()
        .await?;
    rest(&stack).await?;
    eventually("the second delivery", SOON, async || {
        let logged = stack.logged("action-worker", "duplicate").await?;
        ensure!(logged.iter().any(|line| line.contains(done.planned.id.as_str())), "not yet");
        Ok(())
    })
    .await?;
    assert_eq!(mutations(&organisation, "ticketCreate", 1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_handlers_own_mutation_is_sent_once_and_a_doubtful_one_is_left_for_a_person() -> Result<()> {
    let _turn = among_others().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("own-mutation").await?;
    let ticket = known_ticket(&organisation, "Approved").await?;
    let event = &events(&organisation, &ticket, 1).await?[0];
    let owner = organisation.ticket(&ticket).await?["idOwner"].clone();
    let document = "mutation Own($id: ID!, $name: String!) {
        contactCreate(contact: {idOwner: $id, isActive: true, idLabels: [], company: {name: $name}})
    }";
    let decide = |position: usize, name: &str| {
        let action = Action::mutate(
            event.ticket().context("no ticket")?,
            document,
            json!({ "id": owner, "name": name }),
        );
        let id = ActionId::of(&event.id, "own", position)?;
        let (organisation, handler) = (event.organisation.clone(), "own".to_owned());
        let (event, decided_at) = (event.id.clone(), event.observed_at);
        Ok::<_, anyhow::Error>(PlannedAction {
            id,
            organisation,
            event,
            chain: vec![],
            hint: None,
            ticket_version: None,
            handler,
            decided_at,
            attempt: 1,
            resent: None,
            action,
        })
    };
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    let fault =
        json!([{ "organisation": "own-mutation", "on": "mutation Own", "times": 1, "is": "cut_after" }]);
    stack.control(reqwest::Method::POST, "faults", &fault).await?;
    for (position, name) in ["Doubtful", "Good"].into_iter().enumerate() {
        let planned = decide(position, name)?;
        let message = stack.sqs.send_message().queue_url(&queue).message_body(to_json(&planned));
        let message = message.message_deduplication_id(planned.id.to_string());
        message.message_group_id(planned.message_group().as_str()).send().await?;
    }
    let sent = mutations(&organisation, "contactCreate", 2).await?;
    rest(&stack).await?;
    // The first one took effect without a response: it is not sent again, and not recorded as done.
    assert_eq!(
        sent.iter().map(|variables| variables["name"].clone()).collect::<Vec<_>>(),
        ["Doubtful", "Good"]
    );
    assert_eq!(mutations(&organisation, "contactCreate", 2).await?.len(), 2);
    assert!(organisation.done(event, "own", 0).await?.is_none());
    let done = organisation.done(event, "own", 1).await?.context("no record")?;
    assert_eq!(done.outcome, Outcome::Sent);
    Ok(())
}
