//! What a timeline says, and in which order; rows 1 and 2 of the anchors.

mod order;
mod pace;
mod quiet_period;
mod reasons;
mod undo;

use super::kept::{Kept, LastCheck, Lead, LogLine, Subscriber};
use super::model::{Step, Timeline};
use super::{assemble, label, words};
use crate::filter_policy::FilterPolicy;
use automations::Event;
use automations::clock::Timestamp;
use automations::id::ActionId;
use automations::model::action::{Action, PlannedAction};
use automations::model::reminder::{Lapse, OnlyWhile, Reminder, When};
use automations::model::speed::Speed;
use automations::store::{ActionRecord, Done, Outcome, ReminderEnd, ReminderState, StoredReminder};
use automations::telemetry::EventName;
use automations::testing::{stage_changed, ticket};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A moment this many milliseconds after the event of [`settled`] was found.
fn at(millis: u64) -> Timestamp {
    settled().observed_at.later(Duration::from_millis(millis))
}

fn settled() -> Event {
    stage_changed("Approved", "Settled")
}

fn handler(name: &str, stage: &str) -> Subscriber {
    let policy =
        format!(r#"{{"type": ["ticket.stage_changed"], "to": {{"stage": {{"name": ["{stage}"]}}}}}}"#);
    Subscriber {
        name: name.to_owned(),
        policies: vec![FilterPolicy::parse(&policy).unwrap()],
        dry_run: false,
        enabled: true,
        paused: None,
    }
}

/// The journal has these events, these handlers are deployed, and nothing else is known.
fn kept(events: Vec<Event>, handlers: Vec<Subscriber>) -> Kept {
    Kept {
        organisation: settled().organisation,
        ticket: Some(ticket().id),
        now: at(50_000),
        last_check: Some(LastCheck {
            version: 2,
            next: at(3_600_500),
            is_gone: false,
            unpublished: BTreeSet::new(),
        }),
        lead: None,
        events,
        handlers,
        records: BTreeMap::new(),
        dead_letters: Vec::new(),
        reminders: Vec::new(),
        deferrals: Vec::new(),
        log_lines: Vec::new(),
        notes: Vec::new(),
    }
}

fn planned(event: &Event, handler: &str, position: usize) -> PlannedAction {
    PlannedAction {
        id: ActionId::of(&event.id, handler, position).unwrap(),
        organisation: event.organisation.clone(),
        event: event.id.clone(),
        hint: None,
        chain: Vec::new(),
        ticket_version: Some(2),
        handler: handler.to_owned(),
        decided_at: at(100),
        attempt: 1,
        resent: None,
        action: Action::add_label(&ticket(), "Client"),
    }
}

fn done(event: &Event, handler: &str, position: usize, outcome: Outcome) -> (ActionId, ActionRecord) {
    let planned = planned(event, handler, position);
    (planned.id.clone(), ActionRecord::Done(Box::new(Done { planned, outcome, done_at: at(200) })))
}

fn logged(name: EventName, function: &str, subject: &str, actions: Option<usize>) -> LogLine {
    let (function, subject) = (function.to_owned(), subject.to_owned());
    LogLine {
        at: at(90),
        function,
        name,
        subject,
        actions,
        reason: Some("lease_held".to_owned()),
        retry_ms: Some(9),
    }
}

/// Each entry in a line, without the times.
fn lines(timeline: &Timeline) -> Vec<String> {
    timeline.entries.iter().map(|entry| format!("{}: {}", label(&entry.step), words(&entry.step))).collect()
}

/// The entries of handlers and actions.
fn of_handlers(kept: &Kept) -> Vec<String> {
    let mut timeline = assemble(kept);
    timeline.entries.retain(|entry| {
        matches!(
            entry.step,
            Step::Decided { .. }
                | Step::Nothing { .. }
                | Step::Action { .. }
                | Step::DeadLetter { .. }
                | Step::Retried { .. }
        )
    });
    lines(&timeline)
}

#[test]
fn handlers_of_other_kinds_are_one_line_for_a_person_and_a_wrong_name_is_not_among_them() {
    let of_another_kind = |name: &str| {
        let mut other = handler(name, "Settled");
        other.policies = vec![FilterPolicy::parse(r#"{"type": ["ticket.created"]}"#).unwrap()];
        other
    };
    let handlers = vec![of_another_kind("a"), handler("wrong-name", "Declined"), of_another_kind("b")];
    let timeline = assemble(&kept(vec![settled()], handlers));
    let nothing = timeline.entries.iter().filter(|entry| matches!(entry.step, Step::Nothing { .. })).count();
    assert_eq!(nothing, 3, "a machine gets all");
    let text = timeline.to_string();
    assert_eq!(
        text.matches("2 handlers are not subscribed to this kind of event: a, b").count(),
        1,
        "{text}"
    );
    assert_eq!(text.matches("does not accept the event's").count(), 1, "{text}");
    let one = assemble(&kept(vec![settled()], vec![of_another_kind("a")])).to_string();
    assert!(one.contains("1 handler is not subscribed to this kind of event: a\n"), "{one}");
}

#[test]
fn a_webhook_leads_to_its_actions_in_order() {
    let event = settled();
    let mut kept =
        kept(vec![event.clone()], vec![handler("follow-up", "Settled"), handler("other", "Declined")]);
    kept.records =
        [done(&event, "follow-up", 0, Outcome::Changed), done(&event, "follow-up", 1, Outcome::Sent)].into();
    let timeline = assemble(&kept);
    let id = &event.id;
    assert_eq!(
        lines(&timeline),
        [
            "webhook: ticket-updated was received, hint request-1.0".to_owned(),
            "fetch: version 2, 1 difference from the version before".to_owned(),
            format!("event: ticket.stage_changed Approved → Settled, {id}"),
            "handler: other did nothing: its subscription, as it is deployed now, does not accept the event's to.stage.name".to_owned(),
            "handler: follow-up decided 2 actions".to_owned(),
            format!("action: add_label done: the ticket was changed, {id}.follow-up.0"),
            format!("action: add_label done: sent and accepted, {id}.follow-up.1"),
        ]
    );
    assert_eq!(timeline.entries[5].at, Some(at(200)));
    let json = serde_json::to_value(&timeline).unwrap();
    assert_eq!(
        (&json["entries"][5]["state"], &json["entries"][5]["outcome"]),
        (&"done".into(), &"changed".into())
    );
    assert_eq!(json["entries"][3]["keys"][0], "to.stage.name");
    let text = timeline.to_string();
    assert!(text.starts_with(&format!("{}  webhook      ticket-updated", event.observed_at)), "{text}");
}

#[test]
fn the_next_check_is_the_last_entry_unless_something_just_changed() {
    let mut kept = kept(vec![settled()], vec![]);
    kept.now = at(60_000);
    assert!(!lines(&assemble(&kept)).iter().any(|line| line.starts_with("check")));
    kept.now = at(61_000);
    let lines_of = lines(&assemble(&kept));
    let start = "check: no check found more than version 2; the next one is at";
    assert!(lines_of.last().unwrap().starts_with(start), "{lines_of:?}");
    kept.last_check.as_mut().unwrap().is_gone = true;
    let text = assemble(&kept).to_string();
    assert!(text.contains("Salestrekker no longer returns the ticket"), "{text}");
}

/// A reminder that was due is in the journal, with its event.
#[test]
fn reminders_are_in_the_timeline_with_their_end_and_those_that_wait_are_last() {
    let mut kept = kept(vec![settled()], vec![]);
    let stored = |key: &str, state| StoredReminder {
        ticket: ticket().id,
        reminder: Reminder {
            key: key.parse().unwrap(),
            when: When::after_days(90),
            only_while: OnlyWhile::default(),
            event_at: at(0),
            set_at: at(1),
            set_by: "reviews".to_owned(),
            action: "e.reviews.0".parse().unwrap(),
            speed: Speed::default(),
        },
        state,
    };
    let day = 86_400_000;
    kept.now = at(9 * day);
    kept.reminders = vec![
        stored("later", ReminderState::Waits(Some(at(90 * day)))),
        stored("was-due", ReminderState::Ended(ReminderEnd::Due, at(day))),
        stored("left", ReminderState::Ended(ReminderEnd::Lapsed(Lapse::OtherStage), at(2 * day))),
    ];
    let lines = lines(&assemble(&kept));
    let reminders: Vec<&String> = lines.iter().filter(|line| line.starts_with("reminder")).collect();
    let expected = [
        format!("reminder: left of reviews lapsed at {}: other_stage", at(2 * day)),
        format!("reminder: later of reviews waits until {}", at(90 * day)),
    ];
    assert_eq!(reminders, expected.iter().collect::<Vec<_>>());
    assert_eq!(lines.last(), Some(&expected[1]));
}
