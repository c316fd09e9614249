//! The order of a timeline, whatever was kept.

use super::super::kept::{DeadMessage, Subject};
use super::*;
use automations::id::EventId;
use automations::model::event::{Cause, EventKind};
use automations::model::ticket::Ticket;
use proptest::prelude::*;

/// An event of a version of the ticket, found at this time, after a webhook or an action of ours.
fn event(version: u64, found: u64, webhook: u64, by: Option<&ActionId>) -> Event {
    let mut event = settled();
    let EventKind::StageChanged { from, to, .. } = event.kind.clone() else { panic!() };
    let kind = EventKind::StageChanged { ticket: Ticket { version, ..ticket() }, from, to };
    let hint = event.cause.hint().clone();
    let webhook = || Cause::Webhook {
        hint: hint.clone(),
        action: "ticket-updated".parse().unwrap(),
        received_at: at(webhook),
        trace: None,
    };
    let own = |action: &ActionId| Cause::Action { hint: hint.clone(), chain: vec![action.clone()] };
    let cause = by.map_or_else(webhook, own);
    event = Event::of_change(&event.organisation, at(found), &cause, kind).unwrap();
    event
}

/// What is kept of some versions: times may contradict each other, as clocks differ.
fn any_kept() -> impl Strategy<Value = Kept> {
    let version =
        (0_u64..9_000, 0_u64..9_000, any::<bool>(), 0_u64..9_000, 0_u64..9_000, 0_usize..4, 0_u8..3);
    prop::collection::vec(version, 0..8).prop_map(|versions| {
        let mut kept = kept(vec![], vec![handler("h", "Settled"), handler("i", "Declined")]);
        let mut before: Option<ActionId> = None;
        for (number, (found, webhook, is_own, decided, performed, positions, fate)) in
            versions.into_iter().enumerate()
        {
            let version = u64::try_from(number).unwrap();
            let event = event(version, found, webhook, before.as_ref().filter(|_| is_own));
            for position in 0..positions {
                let planned = PlannedAction { decided_at: at(decided), ..planned(&event, "h", position) };
                before = Some(planned.id.clone());
                let dead = || DeadMessage {
                    message: planned.id.to_string(),
                    queue: "q".to_owned(),
                    reason: "not_found".to_owned(),
                    error: String::new(),
                    at: at(performed),
                    subject: Subject::Action(Box::new(planned.clone())),
                    superseded_by: None,
                };
                if fate > 0 {
                    let done =
                        Done { planned: planned.clone(), outcome: Outcome::Changed, done_at: at(performed) };
                    kept.records.insert(planned.id.clone(), ActionRecord::Done(Box::new(done)));
                }
                if fate < 2 {
                    kept.dead_letters.push(dead());
                }
            }
            kept.events.push(event);
        }
        kept
    })
}

/// The positions of the entries that a predicate takes.
fn positions(timeline: &Timeline, is_wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
    let all = timeline.entries.iter().enumerate();
    all.filter(|(_, entry)| is_wanted(&entry.step)).map(|(position, _)| position).collect()
}

fn of_event(timeline: &Timeline, id: &EventId) -> usize {
    positions(timeline, |step| matches!(step, Step::Event { event, .. } if event == id))[0]
}

fn of_decision(timeline: &Timeline, id: &EventId) -> Vec<usize> {
    positions(
        timeline,
        |step| matches!(step, Step::Decided { event, .. } | Step::Nothing { event, .. } if event == id),
    )
}

proptest! {
    /// However the clocks of the functions differ.
    #[test]
    fn a_cause_is_before_its_effects(kept in any_kept()) {
        let timeline = assemble(&kept);
        for event in &kept.events {
            let version = event.ticket().unwrap().version;
            let fetched = positions(&timeline, |step| matches!(step, Step::Fetched { version: own, .. } if *own == version))[0];
            prop_assert!(fetched < of_event(&timeline, &event.id));
            let decisions = of_decision(&timeline, &event.id);
            prop_assert_eq!(decisions.len(), 2, "each handler has an entry of its own");
            prop_assert!(decisions.iter().all(|decision| of_event(&timeline, &event.id) < *decision));
            let actions = positions(&timeline, |step| matches!(step, Step::Action { action, .. } if action.as_str().starts_with(event.id.as_str())));
            prop_assert!(actions.iter().all(|action| decisions.iter().any(|decision| decision < action)));
            if let Cause::Action { chain, .. } = &event.cause {
                let by = kept.events.iter().find(|other| chain[0].as_str().starts_with(other.id.as_str())).unwrap();
                prop_assert!(of_event(&timeline, &by.id) < of_event(&timeline, &event.id));
            }
        }
    }

    #[test]
    fn entries_whose_times_agree_with_their_causes_are_in_the_order_of_their_times(kept in any_kept()) {
        let timeline = assemble(&kept);
        let mut latest = None;
        for entry in &timeline.entries {
            // An entry whose clock is behind its cause's is right after it, and so behind another one's time.
            let Some(at) = entry.at else { continue };
            if let Step::Webhook { .. } = entry.step {
                prop_assert!(latest <= Some(at), "a webhook has no cause that could move it");
            }
            latest = latest.max(Some(at));
        }
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_said_twice(kept in any_kept()) {
        let timeline = assemble(&kept);
        let count = |is_wanted: fn(&Step) -> bool| positions(&timeline, is_wanted).len();
        prop_assert_eq!(count(|step| matches!(step, Step::Event { .. })), kept.events.len());
        prop_assert_eq!(count(|step| matches!(step, Step::DeadLetter { .. })), kept.dead_letters.len());
        let dead = kept.dead_letters.iter().map(|dead| dead.message.clone());
        let actions: BTreeSet<String> = kept.records.keys().map(ToString::to_string).chain(dead).collect();
        prop_assert_eq!(count(|step| matches!(step, Step::Action { .. })), actions.len());
    }
}

#[test]
fn the_event_of_a_schedule_begins_with_its_firing() {
    let event = automations::testing::fired("digest", 0);
    let hint = event.cause.hint().clone();
    let entries = assemble(&kept(vec![event], Vec::new())).entries;
    let first = &entries[0].step;
    assert_eq!(
        (label(first), words(first)),
        ("schedule", format!("a handler's schedule fired, hint {hint}"))
    );
}
