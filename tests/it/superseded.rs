//! A late action does not undo what happened since its decision, and an action that is redriven does not follow a newer one of
//! its handler.

use crate::support::{SOON, alone, dead_letters, events, known_ticket, published, rest};
use anyhow::{Context as _, Result, ensure};
use automations::json::{from_json, to_json};
use automations::model::action::PlannedAction;
use automations::model::resent::Resent;
use automations::model::ticket_part::TicketPart;
use automations::store::{Done, Outcome};
use automations::{Action, Event, Ticket, clock};
use automations_cli::{Consent, DeadLetter, Outcome as AfterRedrive, Selection};
use end_to_end::stack::{Organisation, Stack, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const HANDLER: &str = "moves";
/// The timeout for the result of a redrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// The actions of a handler that is not deployed, decided on this event.
pub(crate) fn planned(
    event: &Event,
    actions: impl IntoIterator<Item = Action>,
) -> Result<Vec<PlannedAction>> {
    let planned = actions.into_iter().enumerate().map(|(position, action)| {
        Ok(PlannedAction {
            id: event.action_id(HANDLER, position)?,
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: None,
            chain: vec![],
            ticket_version: event.ticket().map(|ticket| ticket.version),
            handler: HANDLER.to_owned(),
            decided_at: clock::now(),
            attempt: 1,
            resent: None,
            action,
        })
    });
    planned.collect()
}

/// Sends actions to action-worker. Each call is a delivery of its own, as after the five minutes in which SQS deduplicates.
pub(crate) async fn send(stack: &Stack, planned: &[PlannedAction]) -> Result<()> {
    let queue = stack.queue_url(&stack.addresses.actions_queue).await?;
    for planned in planned {
        let message = stack.sqs.send_message().queue_url(&queue).message_body(to_json(planned));
        let delivery = format!("{}-{}", planned.id, clock::now().as_millis());
        message
            .message_group_id(planned.message_group().as_str())
            .message_deduplication_id(delivery)
            .send()
            .await?;
    }
    Ok(())
}

/// Every update of a ticket of the organisation has this fault; none if it is absent.
async fn outage(organisation: &Organisation<'_>, is: Option<Value>) -> Result<()> {
    let fault = is.map(
        |is| json!({ "organisation": organisation.name, "on": "ticketUpdate", "times": 100_000, "is": is }),
    );
    organisation.stack.control(Method::PUT, "faults", &json!(fault.as_slice())).await?;
    Ok(())
}

async fn logged(stack: &Stack, event_name: &str, planned: &PlannedAction) -> Result<String> {
    eventually(event_name, SOON, async || {
        let lines = stack.logged("action-worker", event_name).await?;
        lines.into_iter().find(|line| line.contains(planned.id.as_str())).context("not yet")
    })
    .await
}

/// Waits for an action's record.
pub(crate) async fn done(stack: &Stack, planned: &PlannedAction) -> Result<Done> {
    eventually("the record", SOON, async || {
        stack.store().done(&planned.organisation, &planned.id).await?.context("not done yet")
    })
    .await
}

/// The ticket in the last of its events, of which there are this many.
pub(crate) async fn last(
    organisation: &Organisation<'_>,
    ticket: &str,
    count: usize,
) -> Result<(Event, Ticket)> {
    let event = events(organisation, ticket, count).await?.pop().context("no event")?;
    published(organisation, ticket).await?;
    let ticket = event.ticket().context("no ticket")?.clone();
    Ok((event, ticket))
}

/// A person moves the ticket, and the enricher sees it as its `count`th event.
pub(crate) async fn moves(
    organisation: &Organisation<'_>,
    ticket: &str,
    stage: &str,
    count: usize,
) -> Result<(Event, Ticket)> {
    organisation.change(ticket, json!({ "stage": stage })).await?;
    organisation.webhook("ticket-updated", ticket).await?;
    last(organisation, ticket, count).await
}

#[tokio::test]
async fn an_outage_in_which_a_person_changes_the_ticket_ends_with_what_the_person_did() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("moved-meanwhile").await?;
    let id = organisation.new_ticket(json!({ "stage": "Approved", "labels": ["Refinance"] })).await?;
    organisation.webhook("ticket-updated", &id).await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let other = "another-broker".parse()?;
    let decided = [
        Action::move_stage(&ticket, "Archived"),
        Action::add_label(&ticket, "Refinance"),
        Action::add_label(&ticket, "Client"),
        Action::set_owner(&ticket, &other).regardless(),
    ];
    let planned = planned(&event, decided)?;
    outage(&organisation, Some(json!({ "status": { "code": 503 } }))).await?;
    send(&stack, &planned).await?;
    logged(&stack, "message.retried", &planned[0]).await?;
    let by_hand = organisation.change(&id, json!({ "stage": "Application", "labels": [] })).await?;
    outage(&organisation, None).await?;

    let mut outcomes = Vec::new();
    for planned in &planned {
        outcomes.push(done(&stack, planned).await?.outcome);
    }
    let stage = by_hand["idStage"].as_str().context("no stage")?.parse()?;
    let expected = [
        Outcome::Superseded {
            expected: TicketPart::stage_of(&ticket),
            found: TicketPart::Stage { workflow: Some(ticket.workflow.id.clone()), stage: Some(stage) },
        },
        Outcome::Superseded {
            expected: TicketPart::Label { present: true },
            found: TicketPart::Label { present: false },
        },
        Outcome::Changed,
        Outcome::Changed,
    ];
    assert_eq!(outcomes, expected);
    let shown = organisation.ticket(&id).await?;
    assert_eq!(shown["idStage"], by_hand["idStage"], "where the person moved it");
    assert_eq!(shown["idLabels"].as_array().map(Vec::len), Some(1), "only the label that was not touched");
    assert_eq!(shown["idOwner"], "another-broker");
    let line = logged(&stack, "action.performed", &planned[0]).await?;
    ensure!(line.contains("\"outcome\":\"superseded\"") && line.contains("\"expected\":"), "{line}");
    rest(&stack).await?;
    let remaining = dead_letters(&stack)?.show(&Selection::default()).await?;
    ensure!(
        !remaining.iter().any(|(_, body)| body.contains(&id)),
        "a superseded action is not a dead letter"
    );
    Ok(())
}

#[tokio::test]
async fn a_replay_of_an_old_event_moves_no_ticket_that_a_person_has_moved_since() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("replayed-late").await?;
    let id = known_ticket(&organisation, "Approved").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let first = planned(&event, [Action::move_stage(&ticket, "Application")])?;
    send(&stack, &first).await?;
    assert_eq!(done(&stack, &first[0]).await?.outcome, Outcome::Changed);
    let by_hand = organisation.change(&id, json!({ "stage": "Archived" })).await?;

    // The same event gives an action of the same id, which is a duplicate; reprocessed, one of another id, which is superseded.
    send(&stack, &first).await?;
    logged(&stack, "duplicate", &first[0]).await?;
    let at = clock::now();
    let resent = Some(Resent { reprocess: true, ..Resent::at(at) });
    let reprocessed = PlannedAction {
        id: automations::id::ActionId::of_reprocessed(&event.id, HANDLER, 0, at)?,
        resent,
        ..first[0].clone()
    };
    send(&stack, std::slice::from_ref(&reprocessed)).await?;
    let outcome = done(&stack, &reprocessed).await?.outcome;
    ensure!(matches!(outcome, Outcome::Superseded { .. }), "{outcome:?}");
    assert_eq!(organisation.ticket(&id).await?["idStage"], by_hand["idStage"]);
    assert_eq!(organisation.mutations().await?.len(), 1);
    Ok(())
}

/// The dead letter of this action, if there is one, with its body.
async fn dead_letter(stack: &Stack, planned: &PlannedAction) -> Result<Option<(DeadLetter, String)>> {
    let all = dead_letters(stack)?.show(&Selection::default()).await?;
    Ok(all.into_iter().find(|(_, body)| body.contains(planned.id.as_str())))
}

/// An action that Salestrekker rejects, as its dead letter.
async fn rejected(organisation: &Organisation<'_>, planned: &PlannedAction) -> Result<Selection> {
    let stack = organisation.stack;
    outage(organisation, Some(json!({ "errors": { "message": "refused" } }))).await?;
    send(stack, std::slice::from_ref(planned)).await?;
    let (found, _) = eventually("the dead letter", SOON, async || {
        dead_letter(stack, planned).await?.context("not dead-lettered yet")
    })
    .await?;
    outage(organisation, None).await?;
    assert_eq!(found.reason, "salestrekker_rejected");
    Ok(Selection { id: Some(found.id), ..Selection::default() })
}

#[tokio::test]
async fn a_redriven_action_moves_no_ticket_that_a_person_has_moved_since() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("redriven-late").await?;
    let id = known_ticket(&organisation, "Approved").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let action = planned(&event, [Action::move_stage(&ticket, "Archived")])?.remove(0);
    let selection = rejected(&organisation, &action).await?;
    let (_, now) = moves(&organisation, &id, "Application", 2).await?;
    let queues = dead_letters(&stack)?;
    let redriven = queues.redrive(&selection, Consent::default()).await?;
    assert_eq!(
        (redriven.redriven, redriven.superseded),
        (1, 0),
        "no newer action of the handler was performed"
    );
    assert_eq!(queues.outcome(&redriven, PATIENCE).await?, AfterRedrive::default());
    let Done { planned: recorded, outcome, .. } = done(&stack, &action).await?;
    let [expected, found] = [&ticket, &now].map(TicketPart::stage_of);
    assert_eq!(outcome, Outcome::Superseded { expected, found });
    ensure!(
        recorded.resent.is_some_and(|resent| resent.keeps_order()),
        "the message says that it was redriven"
    );
    assert_eq!(organisation.mutations().await?.len(), 0);
    Ok(())
}

/// F16: a redrive breaks the order (awsdocs/amazon-sqs-developer-guide#44).
#[tokio::test]
async fn an_action_is_not_redriven_after_a_newer_one_of_its_handler_unless_the_operator_insists() -> Result<()>
{
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("redriven-old").await?;
    let id = known_ticket(&organisation, "New lead").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let old = planned(&event, [Action::add_label(&ticket, "Client")])?.remove(0);
    let selection = rejected(&organisation, &old).await?;
    let (event, ticket) = moves(&organisation, &id, "Application", 2).await?;
    let new = planned(&event, [Action::remove_label(&ticket, "Client")])?.remove(0);
    send(&stack, std::slice::from_ref(&new)).await?;
    assert_eq!(done(&stack, &new).await?.outcome, Outcome::NoOp);

    let queues = dead_letters(&stack)?;
    let listed = queues.list().await?;
    let of_actions =
        listed.iter().find(|summary| summary.queue == stack.addresses.actions_dead_letters_queue);
    ensure!(of_actions.is_some_and(|summary| summary.superseded >= 1), "{listed:?}");
    let (mut shown, _) = dead_letter(&stack, &old).await?.context("it is a dead letter")?;
    queues.mark_superseded([&mut shown]).await?;
    assert_eq!(shown.superseded_by.as_ref(), Some(&new.id));
    let refused = queues.redrive(&selection, Consent::default()).await?;
    assert_eq!((refused.redriven, refused.superseded), (0, 1));

    // Sent back by another program, or before the newer one was performed: the worker refuses it.
    let body = PlannedAction { resent: Some(Resent::at(clock::now())), ..old.clone() };
    queues.drop(&selection).await?;
    send(&stack, &[body]).await?;
    let (found, body) = eventually("the refusal", SOON, async || {
        dead_letter(&stack, &old).await?.context("not dead-lettered yet")
    })
    .await?;
    assert_eq!(found.reason, "superseded");
    ensure!(
        found.error.contains(new.id.as_str()) && found.error.contains("--out-of-order"),
        "{}",
        found.error
    );
    assert_eq!(from_json::<PlannedAction>(body.as_bytes())?.id, old.id);
    assert_eq!(stack.store().done(&old.organisation, &old.id).await?, None);
    assert_eq!(organisation.mutations().await?.len(), 0);

    let selection = Selection { id: Some(found.id), ..Selection::default() };
    let insists = Consent { out_of_order: true, ..Consent::default() };
    let redriven = queues.redrive(&selection, insists).await?;
    assert_eq!((redriven.redriven, redriven.superseded), (1, 0));
    assert_eq!(queues.outcome(&redriven, PATIENCE).await?, AfterRedrive::default());
    let performed = done(&stack, &old).await?;
    assert_eq!(performed.outcome, Outcome::Changed);
    ensure!(performed.planned.resent.is_some_and(|resent| resent.out_of_order), "it says by whose consent");
    Ok(())
}

/// In a burst of changes, the second decision is made before the first one's action is performed.
#[tokio::test]
async fn an_action_follows_an_earlier_one_of_ours_that_its_decision_could_not_see() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("burst").await?;
    let id = known_ticket(&organisation, "New lead").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let first =
        planned(&event, [Action::add_label(&ticket, "Client"), Action::move_stage(&ticket, "Archived")])?;
    let (event, ticket) = moves(&organisation, &id, "Application", 2).await?;
    let second = planned(&event, [Action::remove_label(&ticket, "Client")])?;
    send(&stack, &[&first[..], &second[..]].concat()).await?;
    assert_eq!(done(&stack, &first[0]).await?.outcome, Outcome::Changed);
    let outcome = done(&stack, &first[1]).await?.outcome;
    ensure!(matches!(outcome, Outcome::Superseded { .. }), "a person moved it: {outcome:?}");
    assert_eq!(done(&stack, &second[0]).await?.outcome, Outcome::Changed);
    assert_eq!(organisation.ticket(&id).await?["idLabels"], json!([]));
    Ok(())
}

/// The second of two moves follows the first one, and is not performed if a person was there before it.
#[tokio::test]
async fn the_second_of_two_moves_of_a_decision_moves_no_ticket_that_a_person_has_moved_since() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("two-moves").await?;
    for is_moved_by_a_person in [false, true] {
        let id = known_ticket(&organisation, "New lead").await?;
        let (event, ticket) = last(&organisation, &id, 1).await?;
        let both = [Action::move_stage(&ticket, "Application"), Action::move_stage(&ticket, "Archived")];
        let both = planned(&event, both)?;
        if is_moved_by_a_person {
            organisation.change(&id, json!({ "stage": "Approved" })).await?;
        }
        send(&stack, &both).await?;
        for action in &both {
            let outcome = done(&stack, action).await?.outcome;
            let is_superseded = matches!(outcome, Outcome::Superseded { .. });
            ensure!(is_superseded == is_moved_by_a_person, "{is_moved_by_a_person}: {outcome:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_person_who_repeats_what_an_action_of_ours_did_long_ago_is_not_taken_for_it() -> Result<()> {
    let _turn = alone().await;
    let stack = Stack::found().await?;
    let organisation = stack.organisation("repeats-ours").await?;
    let id = known_ticket(&organisation, "New lead").await?;
    let (event, ticket) = last(&organisation, &id, 1).await?;
    let first = planned(&event, [Action::move_stage(&ticket, "Application")])?;
    send(&stack, &first).await?;
    assert_eq!(done(&stack, &first[0]).await?.outcome, Outcome::Changed);
    organisation.webhook("ticket-updated", &id).await?;
    last(&organisation, &id, 2).await?;
    let (event, ticket) = moves(&organisation, &id, "Approved", 3).await?;
    let by_hand = organisation.change(&id, json!({ "stage": "Application" })).await?;
    let second = planned(&event, [Action::move_stage(&ticket, "Archived")])?;
    send(&stack, &second).await?;
    let outcome = done(&stack, &second[0]).await?.outcome;
    ensure!(matches!(outcome, Outcome::Superseded { .. }), "{outcome:?}");
    assert_eq!(organisation.ticket(&id).await?["idStage"], by_hand["idStage"]);
    Ok(())
}
