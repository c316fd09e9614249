//! From a handler's decision to actions with ids.

use crate::aws::batch::MessageError;
use crate::clock;
use crate::failure::Remedy;
use crate::model::action::{Action, PlannedAction};
use crate::model::event::Event;
use crate::model::ticket::Ticket;
use crate::model::until::Until;
use crate::reason::Reason;
use crate::telemetry;
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// The handler's actions. A panic fails this event and not the others of its batch. It would panic again, so the event is
/// dead-lettered.
pub(super) async fn decide(
    name: &str,
    decision: impl Future<Output = Result<Vec<Action>, MessageError>>,
) -> Result<Vec<Action>, MessageError> {
    let panicked = |_| MessageError {
        reason: Reason::HandlerPanicked,
        remedy: Remedy::DeadLetter,
        text: telemetry::panicked_at().map_or_else(
            || format!("the handler {name} panics on this event; its log names the line"),
            |location| format!("the handler {name} panics on this event, at {location}"),
        ),
    };
    AssertUnwindSafe(decision).catch_unwind().await.map_err(panicked)?
}

/// The action that puts the decision on an event off, if the handler decides later; none if the event is what it waited for, or has no
/// ticket.
pub(super) fn deferral(until: Option<Until>, event: &Event) -> Option<Action> {
    let (until, ticket) = (until?, event.ticket()?);
    let is_end = event.deferred_by().is_some();
    (!is_end).then(|| Action::Defer { ticket: ticket.id.clone(), until, event: Box::new(event.clone()) })
}

/// The version of the action's ticket that the decision saw; none if it saw none, as of a ticket that is not in the list that it decided on.
fn version_seen(event: &Event, action: &Action) -> Option<u64> {
    let of_list =
        event.collected().into_iter().flat_map(|list| &list.tickets).filter_map(|listed| listed.ticket());
    let mut seen = of_list.chain(event.ticket());
    let version = |ticket: &Ticket| ticket.version;
    match action.ticket() {
        Some(id) if event.collected().is_some() => seen.find(|ticket| ticket.id == *id).map(version),
        Some(_) | None => event.ticket().map(version),
    }
}

/// The actions with their ids, which are derived from the event, the handler and the position.
pub(super) fn planned(
    name: &str,
    event: &Event,
    actions: Vec<Action>,
    attempt: u32,
) -> Result<Vec<PlannedAction>, MessageError> {
    let decided_at = clock::now();
    let planned = in_sequence(actions).into_iter().enumerate().map(|(position, action)| {
        let too_long = |error: crate::id::InvalidId| MessageError {
            reason: Reason::HandlerNameTooLong,
            remedy: Remedy::DeadLetter,
            text: error.to_string(),
        };
        Ok(PlannedAction {
            id: event.action_id(name, position).map_err(too_long)?,
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: Some(event.cause.hint().clone()),
            chain: event.chain().to_vec(),
            ticket_version: version_seen(event, &action),
            handler: name.to_owned(),
            decided_at,
            attempt,
            resent: event.resent,
            action: action.counted_from(event.observed_at),
        })
    });
    planned.collect()
}

/// The actions of one decision, performed one after the other. A later one of the same part finds what an earlier one made of it, which is
/// recognised as ours; where it cannot be, the later one has no condition.
fn in_sequence(actions: Vec<Action>) -> Vec<Action> {
    let mut in_sequence: Vec<Action> = Vec::with_capacity(actions.len());
    for action in actions {
        let is_hidden = in_sequence.iter().any(|earlier| earlier.hides_the_part_of(&action));
        in_sequence.push(if is_hidden { action.regardless() } else { action });
    }
    in_sequence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::reading::{HandlerError, Reading};
    use crate::handler::{Decide, Decides, Reads};
    use crate::model::event::EventKind;
    use crate::testing;
    use std::collections::BTreeMap;
    use std::panic;
    use std::time::Duration;

    async fn decided<D: Decides<()>>(decide: D, event: &Event) -> Result<Vec<PlannedAction>, MessageError> {
        let until = clock::now().later(Duration::from_secs(9));
        planned("h", event, super::decide("h", decide.decide(event, &(), until)).await?, 1)
    }

    #[tokio::test]
    async fn the_same_event_always_gives_the_same_action_ids() {
        let decide: Decide<()> = |event, ()| {
            let ticket = event.ticket().unwrap();
            vec![Action::add_label(ticket, "a"), Action::add_label(ticket, "b")]
        };
        let event = testing::stage_changed("Approved", "Settled");
        let ids = async || -> Vec<_> {
            decided(decide, &event).await.unwrap().into_iter().map(|planned| planned.id).collect()
        };
        assert_eq!(ids().await, ids().await);
        assert_ne!(ids().await[0], ids().await[1]);
    }

    #[tokio::test]
    async fn every_action_on_a_part_of_a_ticket_depends_on_what_the_decision_saw_unless_that_is_hidden() {
        let decide: Decide<()> = |event, ()| {
            let ticket = event.ticket().unwrap();
            let label = |name: &str| [Action::add_label(ticket, name), Action::remove_label(ticket, name)];
            let moves = ["Application", "Settled"].map(|stage| Action::move_stage(ticket, stage));
            let elsewhere = Action::move_workflow(ticket, "Retention", "Due");
            let hidden = [elsewhere, Action::move_stage(ticket, "Done")];
            [label("a"), label("b"), moves, hidden].concat()
        };
        let planned = decided(decide, &testing::stage_changed("Approved", "Settled")).await.unwrap();
        let conditional: Vec<bool> = planned.iter().map(|planned| planned.action.seen().is_some()).collect();
        assert_eq!(conditional, [true, true, true, true, true, true, true, false]);
        assert!(planned.iter().all(|planned| planned.ticket_version == Some(2)));
    }

    #[tokio::test]
    async fn a_panic_gives_up_one_event_and_says_nothing_of_it() {
        let decide: Decide<()> = |event, ()| panic!("{event:?}");
        let event = testing::stage_changed("Approved", "Settled");
        let reads = Reads::without_api(async |event: &Event, (): &(), _: &Reading<'_>| panic!("{event:?}"));
        for error in [decided(decide, &event).await.unwrap_err(), decided(reads, &event).await.unwrap_err()] {
            assert_eq!((error.reason, error.remedy), (Reason::HandlerPanicked, Remedy::DeadLetter));
            assert!(!error.text.contains("Approved"));
        }
    }

    #[tokio::test]
    async fn an_action_on_a_ticket_of_a_list_has_the_version_of_that_ticket() {
        let seen = |id: &str, version| {
            let mut event = testing::a_ticket().with_id(id).moves_to("Settled");
            let EventKind::StageChanged { ticket, .. } = &mut event.kind else { panic!("{event:?}") };
            ticket.version = version;
            event
        };
        let list = testing::after_collection("h", &[seen("t-1", 40), seen("t-2", 2)]);
        let decide: Decide<()> = |event, ()| {
            let tickets = event.collected().unwrap().tickets.iter().filter_map(|listed| listed.ticket());
            let other = testing::a_ticket().with_id("t-3").ticket();
            let labels = tickets.chain([&other]).map(|ticket| Action::add_label(ticket, "a"));
            labels.collect()
        };
        let planned = decided(decide, &list).await.unwrap();
        let versions: BTreeMap<&str, Option<u64>> = planned
            .iter()
            .map(|planned| (planned.action.ticket().unwrap().as_str(), planned.ticket_version))
            .collect();
        assert_eq!(versions, BTreeMap::from([("t-1", Some(40)), ("t-2", Some(2)), ("t-3", None)]));
    }

    #[tokio::test]
    async fn a_panic_is_reported_with_its_line() {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            telemetry::note_panic(info);
            before(info);
        }));
        let event = testing::stage_changed("Approved", "Settled");
        let decide: Decide<()> = |event, ()| panic!("{event:?}");
        let line = line!().saturating_sub(1);
        let text = decided(decide, &event).await.unwrap_err().text;
        let expected = format!("the handler h panics on this event, at {}:{line}:", file!());
        assert!(text.starts_with(&expected) && !text.contains("Approved"), "{text}");
        assert_eq!(telemetry::panicked_at(), None, "a later panic that no hook saw has no line of another");
    }

    async fn failed(error: fn() -> HandlerError, event: &Event) -> (Reason, Remedy) {
        let reads = Reads::without_api(async |_: &Event, (): &(), _: &Reading<'_>| Err(error()));
        let error = decided(reads, event).await.unwrap_err();
        (error.reason, error.remedy)
    }

    #[tokio::test]
    async fn what_a_reading_handler_says_is_what_becomes_of_its_event() {
        let event = testing::stage_changed("Approved", "Settled");
        let retry = failed(|| HandlerError::Retry("no client yet"), &event).await;
        assert_eq!(retry, (Reason::HandlerRequestedRetry, Remedy::Retry { after: None }));
        assert_eq!(
            failed(|| HandlerError::DeadLetter("odd"), &event).await,
            (Reason::HandlerRejectedEvent, Remedy::DeadLetter)
        );
        let api = async |event: &Event, (): &(), api: &Reading<'_>| {
            let ticket = event.ticket().ok_or(HandlerError::DeadLetter("no ticket"))?;
            api.ticket(&ticket.id).await.map(|_| vec![])
        };
        let error = decided(Reads::without_api(api), &event).await.unwrap_err();
        assert!(error.text.contains("SECRETS_PREFIX"), "{error:?}");
    }
}
