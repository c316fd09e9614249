//! An operator's undo is shown behind the action that it undoes, and its change says why the handler does not decide again.

use super::*;
use automations::model::event::Cause;

/// A moved ticket, the label that `h` added, and the undo of it with this outcome.
fn undone(outcome: Outcome) -> Kept {
    let mut kept = kept(vec![settled()], vec![handler("h", "Settled")]);
    let (id, record) = done(&settled(), "h", 0, Outcome::Changed);
    let mut undo = planned(&settled(), "h", 0);
    undo.id = id.undo().unwrap();
    undo.action = Action::remove_label(&ticket(), "Client");
    let performed = Done { planned: undo.clone(), outcome, done_at: at(900) };
    kept.records = BTreeMap::from([(id, record), (undo.id, ActionRecord::Done(Box::new(performed)))]);
    kept
}

#[test]
fn an_undo_is_behind_its_action_and_is_no_decision_of_its_own() {
    let lines = of_handlers(&undone(Outcome::Changed));
    let id = ActionId::of(&settled().id, "h", 0).unwrap();
    let expected = [
        "handler: h decided 1 action".to_owned(),
        format!("action: add_label done: the ticket was changed, {id}"),
        format!("action: an operator undoes it: remove_label done: the ticket was changed, {id}.undo"),
    ];
    assert_eq!(lines, expected);
    let recorded = of_handlers(&undone(Outcome::DryRun));
    assert!(recorded[2].contains("only recorded: the organisation is read-only"), "{recorded:?}");
}

#[test]
fn the_change_of_an_undo_comes_after_it_and_says_why_its_handler_does_nothing() {
    let mut kept = undone(Outcome::Changed);
    let id = ActionId::of(&settled().id, "h", 0).unwrap();
    let mut back = stage_changed("Approved", "Settled");
    back.id = "back".parse().unwrap();
    back.observed_at = at(950);
    let chain = vec![id.clone(), id.undo().unwrap()];
    if let automations::EventKind::StageChanged { ticket, .. } = &mut back.kind {
        ticket.version = 3;
    }
    back.cause = Cause::Action { hint: back.cause.hint().clone(), chain };
    kept.handlers.push(handler("other", "Settled"));
    kept.events.push(back);
    let all = lines(&assemble(&kept));
    let at = |part: &str| all.iter().position(|line| line.contains(part));
    assert!(at("an operator undoes it") < at(".undo made the change"), "{all:?}");
    let why =
        "h did nothing: an operator undid its own action with this change, and it would do the same again";
    assert!(at(why) > at(".undo made the change"), "{all:?}");
    assert!(
        all.iter().filter(|line| line.contains("other did nothing: not recorded")).count() == 2,
        "{all:?}"
    );
}
