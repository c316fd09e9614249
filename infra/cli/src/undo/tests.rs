//! What is undone, and what is not.

use super::*;
use automations::clock::Timestamp;
use automations::id::{ActionId, HintId, OwnerId};
use automations::model::action::PlannedAction;
use automations::model::event::Cause;
use automations::model::own_changes::{Attribution, ChangeMark, OwnChanges};
use automations::model::ticket_part::TicketPart;
use automations::store::{ActionRecord, Done, Outcome};
use automations::testing::{a_ticket, stage_changed, ticket};
use automations::{Action, Event};
use std::collections::BTreeMap;

/// The second at which an action is performed, and the event of its change is found a second later.
const DONE: u64 = 1_790_000_100;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// An action of this handler at this position, performed on the first event of the ticket.
pub(super) fn done(position: usize, action: Action) -> Done {
    let event = stage_changed("Approved", "Settled");
    let planned = PlannedAction {
        id: ActionId::of(&event.id, "h", position).unwrap(),
        organisation: event.organisation.clone(),
        event: event.id.clone(),
        hint: None,
        chain: Vec::new(),
        ticket_version: Some(2),
        handler: "h".to_owned(),
        decided_at: at(DONE - 1),
        attempt: 1,
        resent: None,
        action,
    };
    Done { planned, outcome: Outcome::Changed, done_at: at(DONE) }
}

/// The same event, found this many seconds after the action was performed, and made by this action; by a person if there is none.
fn found(mut event: Event, after: u64, by: Option<&ActionId>) -> Event {
    event.observed_at = at(DONE.saturating_add(after));
    if let Some(action) = by {
        let hint: HintId = event.cause.hint().clone();
        event.cause = Cause::Action { hint, chain: vec![action.clone()] };
    }
    event
}

fn judged(done: &[Done], journal: &[Event]) -> Vec<Undo> {
    marked(done, journal, &OwnChanges::default())
}

fn marked(done: &[Done], journal: &[Event], marks: &OwnChanges) -> Vec<Undo> {
    judge(done, Facts { journal, marks, undos: &BTreeMap::new() }, at(DONE + 60))
}

fn one(done: &Done, journal: &[Event]) -> Verdict {
    judged(std::slice::from_ref(done), journal).remove(0).verdict
}

fn by(verdict: &Verdict) -> &PlannedAction {
    match verdict {
        Verdict::Undoable { by } => by,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_label_is_taken_off_again_by_an_action_with_an_id_of_its_own_and_the_chain() {
    let label = done(0, Action::add_label(&ticket(), "VIP"));
    let verdict = one(&label, &[found(a_ticket().gets_label("VIP"), 1, Some(&label.planned.id))]);
    let undo = by(&verdict);
    assert_eq!((undo.id.undoes(), undo.handler.as_str()), (Some(label.planned.id.clone()), "h"));
    assert_eq!(undo.chain, std::slice::from_ref(&label.planned.id));
    assert_eq!(undo.message_group(), label.planned.message_group(), "in the order of the ticket");
    let seen = Some(TicketPart::Label { present: true });
    assert_eq!(undo.action, Action::RemoveLabel { ticket: ticket().id, label: "VIP".to_owned(), seen });
    assert_eq!(undo.ticket_version, None, "no change of ours counts as seen");
    let removed = done(0, Action::remove_label(&a_ticket().with_label("VIP").ticket(), "VIP"));
    let seen = Some(TicketPart::Label { present: false });
    let verdict = one(&removed, &[]);
    assert_eq!(by(&verdict).action, Action::AddLabel { ticket: ticket().id, label: "VIP".to_owned(), seen });
}

#[test]
fn stage_and_workflow_become_what_they_were_by_their_ids() {
    let moved = done(0, Action::move_stage(&ticket(), "Settled"));
    let own = |event: Event| [found(event, 1, Some(&moved.planned.id))];
    let verdict = one(&moved, &own(stage_changed("Approved", "Settled")));
    let undo = by(&verdict);
    let Action::MoveStage { stage, seen: Some(TicketPart::Stage { stage: Some(seen), .. }), .. } =
        &undo.action
    else {
        panic!("{:?}", undo.action)
    };
    assert_eq!((stage.as_str(), seen.as_str()), ("stage-approved", "stage-settled"));
    assert_eq!(one(&moved, &[]), Verdict::NotFoundYet, "its name alone is not enough");
    let elsewhere = done(0, Action::move_workflow(&ticket(), "Retention", "Due"));
    let event = a_ticket().in_workflow("Home loans").in_stage("Approved").moves_to("Due");
    let mut event = found(event, 1, Some(&elsewhere.planned.id));
    if let automations::EventKind::StageChanged { to, .. } = &mut event.kind {
        to.workflow.id = "workflow-retention".parse().unwrap();
    }
    let verdict = one(&elsewhere, &[event]);
    assert!(
        matches!(&by(&verdict).action, Action::MoveWorkflow { stage, .. } if stage == "stage-approved"),
        "{verdict:?}"
    );
}

#[test]
fn owner_and_amount_become_what_they_were_unless_there_was_none() {
    let owner = |id: &str| id.parse::<OwnerId>().unwrap();
    let set = done(0, Action::set_owner(&ticket(), &owner("owner-2")));
    assert_eq!(one(&set, &[]), Verdict::NotFoundYet, "another action may have come before it");
    let by_us = |event: Event| found(event, 1, Some(&set.planned.id));
    let verdict = one(&set, &[by_us(a_ticket().owned_by("owner-3").gets_owner("owner-2"))]);
    let seen = Some(TicketPart::Owner { owner: Some(owner("owner-2")) });
    let expected = Action::SetOwner { ticket: ticket().id, owner: owner("owner-3"), seen };
    assert_eq!(by(&verdict).action, expected, "as its own event says, and not as its decision saw it");
    let amount = done(0, Action::set_value(&ticket(), 460_000));
    assert_eq!(one(&amount, &[]), Verdict::NotFoundYet);
    let verdict = one(&amount, &[by_us(a_ticket().worth(440_000).becomes_worth(460_000))]);
    assert!(matches!(&by(&verdict).action, Action::SetValue { value, .. } if *value == 440_000.into()));
    let verdict = one(&set, &[by_us(a_ticket().owned_by_nobody().gets_owner("owner-2"))]);
    assert!(
        matches!(&verdict, Verdict::ForAPerson { why } if why.contains("no owner before")),
        "{verdict:?}"
    );
    let regardless = done(0, Action::set_owner(&ticket(), &owner("owner-2")).regardless());
    assert_eq!(one(&regardless, &[]), Verdict::NotFoundYet);
}

#[test]
fn what_a_person_or_another_handler_changed_since_stays_and_is_named() {
    let label = done(0, Action::add_label(&ticket(), "VIP"));
    let own = found(a_ticket().gets_label("VIP"), 1, Some(&label.planned.id));
    let by_hand = found(a_ticket().with_label("VIP").loses_label("VIP"), 50, None);
    let verdict = one(&label, &[own.clone(), by_hand.clone()]);
    let Verdict::ChangedSince { at: when, event, what, by } = &verdict else { panic!("{verdict:?}") };
    assert_eq!((*when, event), (at(DONE + 50), &by_hand.id));
    assert!(
        what.contains("ticket.label_removed VIP") && by.contains("webhook ticket-updated"),
        "{verdict:?}"
    );
    let other = ActionId::parse("e.other.0").unwrap();
    let by_other = found(a_ticket().with_label("VIP").loses_label("VIP"), 50, Some(&other));
    let verdict = one(&label, &[own.clone(), by_other]);
    assert!(
        matches!(&verdict, Verdict::ChangedSince { by, .. } if by == "the action e.other.0"),
        "{verdict:?}"
    );
    // Another part, and an earlier time.
    let elsewhere =
        [found(stage_changed("a", "b"), 50, None), found(a_ticket().gets_label("Client"), 50, None)];
    for event in elsewhere {
        assert!(matches!(one(&label, &[own.clone(), event]), Verdict::Undoable { .. }));
    }
    let before = found(a_ticket().with_label("VIP").loses_label("VIP"), 0, None);
    assert!(matches!(one(&label, &[before, own]), Verdict::Undoable { .. }));
}

#[test]
fn several_changes_of_one_part_are_undone_backwards() {
    let first = done(0, Action::move_stage(&ticket(), "Settled"));
    let second = Done { done_at: at(DONE + 5), ..done(1, Action::move_stage(&ticket(), "Archived")) };
    let journal = [
        found(stage_changed("Approved", "Settled"), 1, Some(&first.planned.id)),
        found(stage_changed("Settled", "Archived"), 6, Some(&second.planned.id)),
    ];
    let both = judged(&[first.clone(), second.clone()], &journal);
    let ids: Vec<_> = both.iter().map(|undo| undo.action.clone()).collect();
    assert_eq!(ids, [second.planned.id.clone(), first.planned.id.clone()]);
    assert!(both.iter().all(|undo| matches!(undo.verdict, Verdict::Undoable { .. })), "{both:?}");
    // The first alone: the second has changed the stage since.
    assert!(matches!(one(&first, &journal), Verdict::ChangedSince { .. }));
    // And if the second was undone before, it counts no more.
    let undone = found(stage_changed("Archived", "Settled"), 9, second.planned.id.undo().as_ref().ok());
    let journal = [&journal[..], &[undone][..]].concat();
    assert!(matches!(one(&first, &journal), Verdict::Undoable { .. }));
    // A person's change behind it leaves both.
    let by_hand = found(stage_changed("Archived", "New lead"), 20, None);
    let journal = [&journal[..2], &[by_hand][..]].concat();
    let both = judged(&[first, second], &journal);
    assert!(both.iter().all(|undo| matches!(undo.verdict, Verdict::ChangedSince { .. })), "{both:?}");
}

/// In the window before a check, two actions of one label, of which the second or its undo is seen by its mark alone.
#[test]
fn what_an_action_or_an_undo_changed_and_no_check_has_found_is_waited_for() {
    let added = done(0, Action::add_label(&ticket(), "VIP"));
    let removed = Done { done_at: at(DONE + 5), ..done(1, Action::remove_label(&ticket(), "VIP")) };
    let undo = added.planned.id.undo().unwrap();
    let vip = "label-vip".parse().unwrap();
    let mark = |mark: ChangeMark, by: &ActionId, after: u64| {
        (mark, Attribution { chain: vec![by.clone()], at: at(DONE + after) })
    };
    let own = mark(ChangeMark::label_added(&vip), &added.planned.id, 0);
    let marks = |other: &ActionId, after| {
        OwnChanges([own.clone(), mark(ChangeMark::label_removed(&vip), other, after)].into())
    };
    let verdict = |done: &[Done], journal: &[Event], marks: &OwnChanges| {
        marked(done, journal, marks).into_iter().map(|undo| undo.verdict).collect::<Vec<_>>()
    };
    let first = std::slice::from_ref(&added);
    let waits = |by: &ActionId| Verdict::NotCheckedSince { by: by.clone(), at: at(DONE + 4) };
    for by in [&removed.planned.id, &undo, &"e.other.0".parse().unwrap()] {
        assert_eq!(verdict(first, &[], &marks(by, 4)), [waits(by)]);
    }
    // Both at once, the last one first.
    let both = verdict(&[added.clone(), removed.clone()], &[], &marks(&removed.planned.id, 4));
    assert!(both.iter().all(|verdict| matches!(verdict, Verdict::Undoable { .. })), "{both:?}");
    // It is older, of another label, found by a check, or came to nothing.
    let other = mark(ChangeMark::label_removed(&"label-other".parse().unwrap()), &undo, 4);
    let later = Facts { journal: &[], marks: &marks(&undo, 4), undos: &BTreeMap::new() };
    let later = judge(first, later, at(DONE + 3 * 3_600)).remove(0).verdict;
    let own_event = found(a_ticket().gets_label("VIP"), 1, Some(&added.planned.id));
    let undo_event = found(a_ticket().with_label("VIP").loses_label("VIP"), 6, Some(&undo));
    let mut all = vec![later];
    all.extend(verdict(std::slice::from_ref(&removed), &[], &marks(&undo, 3)));
    all.extend(verdict(first, &[], &OwnChanges([own.clone(), other].into())));
    all.extend(verdict(first, &[own_event, undo_event], &marks(&undo, 4)));
    assert!(all.iter().all(|verdict| matches!(verdict, Verdict::Undoable { .. })), "{all:?}");
}

#[test]
fn an_action_is_undone_once_and_one_that_was_only_recorded_is_sent_again() {
    let label = done(0, Action::add_label(&ticket(), "VIP"));
    let id = label.planned.id.undo().unwrap();
    let with = |outcome: Outcome| {
        let earlier = Done { outcome, done_at: at(DONE + 9), ..label.clone() };
        let undos = BTreeMap::from([(id.clone(), ActionRecord::Done(Box::new(earlier)))]);
        let facts = Facts { journal: &[], marks: &OwnChanges::default(), undos: &undos };
        judge(std::slice::from_ref(&label), facts, at(DONE + 60)).remove(0).verdict
    };
    assert_eq!(with(Outcome::Changed), Verdict::AlreadyUndone { at: at(DONE + 9) });
    assert_eq!(with(Outcome::NoOp), Verdict::AlreadyUndone { at: at(DONE + 9) });
    let again = with(Outcome::DryRun);
    assert!(by(&again).resent.is_some_and(|resent| resent.not_performed), "{again:?}");
    let part = TicketPart::Label { present: true };
    let refused = with(Outcome::Superseded { expected: part.clone(), found: part });
    assert!(matches!(&refused, Verdict::ForAPerson { why } if why.contains("refused")), "{refused:?}");
    let first = one(&label, &[]);
    assert_eq!(by(&first).id, by(&one(&label, &[])).id, "the same id each time");
}

#[test]
fn what_has_no_opposite_is_named_for_a_person_with_the_reason_and_what_changed_nothing_is_not() {
    let ticket = ticket();
    let with = |outcome: Outcome, action: Action| one(&Done { outcome, ..done(0, action) }, &[]);
    let team = "team".parse().unwrap();
    let created = Outcome::Created { ticket: "t-2".parse().unwrap() };
    let people = [
        (with(created, Action::create_ticket(&ticket, "Reviews", "x")), "the ticket t-2"),
        (with(Outcome::Sent, Action::notify(&ticket, &team, "x")), "sent to team"),
        (with(Outcome::Sent, Action::mutate(&ticket, "mutation { x }", serde_json::json!({}))), "a note"),
    ];
    for (verdict, expected) in people {
        assert!(matches!(&verdict, Verdict::ForAPerson { why } if why.contains(expected)), "{verdict:?}");
    }
    for outcome in [Outcome::NoOp, Outcome::DryRun, Outcome::Unrehearsed] {
        let verdict = with(outcome, Action::add_label(&ticket, "VIP"));
        assert!(matches!(verdict, Verdict::ChangedNothing { .. }), "{verdict:?}");
    }
    let mut undo = done(0, Action::remove_label(&ticket, "VIP"));
    undo.planned.id = undo.planned.id.undo().unwrap();
    assert!(matches!(one(&undo, &[]), Verdict::ForAPerson { .. }));
}

#[test]
fn words_name_what_is_done_and_json_has_the_verdict() {
    let label = done(0, Action::add_label(&ticket(), "VIP"));
    let undo = judged(&[label], &[]).remove(0);
    assert_eq!(
        (words(&undo).as_str(), name(&undo.verdict)),
        ("can be undone: remove the label VIP", "undoable")
    );
    let json = serde_json::to_value(&undo).unwrap();
    assert_eq!((&json["verdict"], &json["kind"]), (&"undoable".into(), &"add_label".into()));
}
