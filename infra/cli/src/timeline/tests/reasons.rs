//! Why nothing happened, for each reason that is kept; row 2 of the anchors.

use super::super::kept::{DeadMessage, Subject};
use super::*;
use automations::model::ticket_part::TicketPart;
use automations::testing::a_ticket;

fn only(kept: &Kept) -> String {
    let lines = of_handlers(kept);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.into_iter().next().unwrap()
}

/// One event that one handler subscribes to.
fn one() -> Kept {
    kept(vec![settled()], vec![handler("h", "Settled")])
}

fn dead(subject: Subject, reason: &str) -> DeadMessage {
    DeadMessage {
        message: "m-1".to_owned(),
        queue: "a-dead-letters".to_owned(),
        reason: reason.to_owned(),
        error: String::new(),
        at: at(400),
        subject,
        superseded_by: None,
    }
}

#[test]
fn a_handler_that_decided_nothing_is_told_from_one_of_which_nothing_is_known() {
    let mut kept = one();
    assert!(
        only(&kept).starts_with("handler: h did nothing: not recorded; its subscription accepts the event")
    );
    let event = settled().id;
    kept.log_lines = vec![logged(EventName::ActionsDecided, "other", event.as_str(), Some(0))];
    assert!(only(&kept).contains("not recorded"), "another handler's line");
    kept.log_lines.push(logged(EventName::ActionsDecided, "h", event.as_str(), Some(0)));
    assert_eq!(only(&kept), "handler: h did nothing: it decided that there is nothing to do");
}

#[test]
fn a_dry_run_is_named_with_the_actions_that_its_log_has() {
    let mut kept = one();
    kept.handlers[0].dry_run = true;
    assert_eq!(only(&kept), "handler: h did nothing: dry run: what it decides is in its log and is not sent");
    kept.log_lines = vec![logged(EventName::ActionsDryRun, "h", settled().id.as_str(), None)];
    assert!(only(&kept).ends_with("dry run; its log has 1 action that it would send"), "{}", only(&kept));
}

#[test]
fn a_handler_that_is_disabled_for_the_organisation_or_paused_says_so() {
    let disabled = "handler: h did nothing: it is disabled for the organisation; see `automations settings`";
    let mut kept = one();
    kept.handlers[0].enabled = false;
    assert!(
        only(&kept).contains("disabled for the organisation now, and may not have been then"),
        "{}",
        only(&kept)
    );
    let found = kept.events[0].observed_at;
    kept.handlers[0].paused = Some(found);
    assert!(only(&kept).contains("it is paused; the event waits in its queue"), "{}", only(&kept));
    kept.handlers[0].enabled = true;
    kept.handlers[0].paused = Some(found.later(Duration::from_secs(1)));
    assert!(only(&kept).contains("not recorded; its subscription"), "the pause came later: {}", only(&kept));
    let mut kept = one();
    kept.log_lines = vec![logged(EventName::ActionsDisabled, "h", settled().id.as_str(), None)];
    assert_eq!(only(&kept), disabled, "as it was then");
}

#[test]
fn an_event_in_the_outbox_reached_no_handler_yet() {
    let mut kept = one();
    kept.last_check.as_mut().unwrap().unpublished = [settled().id].into();
    assert_eq!(only(&kept), "handler: h did nothing: the event is not published yet");
    assert!(assemble(&kept).to_string().contains("in the outbox still"));
    kept.last_check = None;
    assert!(only(&kept).contains("not recorded"));
}

#[test]
fn a_handler_whose_subscription_was_another_one_then_is_judged_by_its_actions() {
    let mut kept = kept(vec![settled()], vec![handler("h", "Declined")]);
    kept.records = [done(&settled(), "h", 0, Outcome::NoOp)].into();
    let lines = of_handlers(&kept);
    assert_eq!(lines[0], "handler: h decided 1 action");
    assert!(lines[1].starts_with("action: add_label no change needed"), "{lines:?}");
}

#[test]
fn an_event_that_is_a_dead_letter_of_the_handler_says_so_and_how_to_find_it() {
    let mut kept = one();
    let subject = Subject::Event { event: settled().id, handler: "h".to_owned() };
    kept.dead_letters = vec![dead(subject, "handler_panicked")];
    let lines = of_handlers(&kept);
    assert_eq!(lines[0], "handler: h did nothing: the event is a dead letter of its queue");
    assert!(
        lines[1].starts_with("dead letter: handler_panicked (") && lines[1].contains("--id m-1"),
        "{lines:?}"
    );
}

#[test]
fn each_state_of_an_action_that_was_not_performed_has_its_words() {
    let event = settled();
    let id = planned(&event, "h", 0).id;
    let claimed = |until, outcome_unknown| ActionRecord::Claimed { until, outcome_unknown };
    let part = |present| TicketPart::Label { present };
    let superseded = Outcome::Superseded { expected: part(true), found: part(false) };
    let of = |outcome| done(&event, "h", 0, outcome).1;
    for (record, wanted) in [
        (claimed(at(9_999_999), false), "in progress, until"),
        (claimed(at(1), false), "waits for its next attempt,"),
        (claimed(at(1), true), "the last one may have taken effect"),
        (ActionRecord::Parked, "parked: it may or may not have taken effect"),
        (ActionRecord::Unreadable, "has a record that cannot be read"),
        (of(Outcome::DryRun), "only recorded: the organisation is read-only"),
        (of(Outcome::Unrehearsed), "only recorded: no rehearsal"),
        (of(superseded), "superseded, nothing was written: the decision saw"),
    ] {
        let mut kept = one();
        kept.records = [(id.clone(), record)].into();
        let lines = of_handlers(&kept);
        assert!(lines[1].contains(wanted), "{lines:?} lacks {wanted}");
    }
}

#[test]
fn an_action_before_one_that_is_known_is_not_left_out() {
    let mut kept = one();
    kept.records = [done(&settled(), "h", 1, Outcome::Sent)].into();
    let lines = of_handlers(&kept);
    assert_eq!(lines[0], "handler: h decided 2 actions");
    assert!(
        lines[1].starts_with("action: of unknown kind not performed: it waits in the queue"),
        "{lines:?}"
    );
}

#[test]
fn actions_of_which_only_the_log_knows_wait_in_the_queue() {
    let mut kept = one();
    kept.log_lines = vec![logged(EventName::ActionsDecided, "h", settled().id.as_str(), Some(2))];
    let lines = of_handlers(&kept);
    assert_eq!((lines[0].as_str(), lines.len()), ("handler: h decided 2 actions", 3));
}

#[test]
fn a_dead_letter_says_of_its_action_that_it_was_not_performed_and_a_later_success_is_after_it() {
    let mut kept = one();
    let planned = planned(&settled(), "h", 0);
    let mut message = dead(Subject::Action(Box::new(planned.clone())), "not_found");
    message.superseded_by = Some(planned.id.clone());
    kept.dead_letters = vec![message];
    let lines = of_handlers(&kept);
    assert!(lines[1].starts_with("action: add_label not performed: it is a dead letter"), "{lines:?}");
    assert!(lines[2].contains("superseded by"), "{lines:?}");
    let (id, ActionRecord::Done(mut record)) = done(&settled(), "h", 0, Outcome::Changed) else { panic!() };
    record.done_at = at(900);
    kept.records = [(id, ActionRecord::Done(record))].into();
    let lines = of_handlers(&kept);
    assert!(
        lines[1].starts_with("dead letter") && lines[2].starts_with("action: add_label done"),
        "{lines:?}"
    );
}

#[test]
fn retries_are_between_the_event_and_its_end() {
    let mut kept = one();
    kept.log_lines = vec![logged(EventName::MessageRetried, "h", settled().id.as_str(), None)];
    let lines = of_handlers(&kept);
    assert_eq!(lines[0], "handler: h did nothing: its last attempt failed, and the event is received again");
    assert_eq!(lines[1], "retry: an attempt of h failed: lease_held, received again after 9 ms");
}

#[test]
fn a_hint_that_is_a_dead_letter_and_an_event_without_journal_have_their_place() {
    let mut kept = kept(vec![], vec![handler("h", "Settled")]);
    kept.last_check = None;
    kept.dead_letters = vec![dead(Subject::Hint("r.0".parse().unwrap()), "salestrekker_rejected")];
    kept.records = [done(&settled(), "lead", 0, Outcome::Sent)].into();
    let lines = lines(&assemble(&kept));
    assert!(lines[0].contains("not in the journal: a post to an inbound webhook"), "{lines:?}");
    assert_eq!(lines[1], "handler: lead decided 1 action");
    assert!(lines.last().unwrap().contains("(r.0 in a-dead-letters, --id m-1)"), "{lines:?}");
}

/// No amount is in the JSON of an outcome, as it is in no log.
#[test]
fn what_superseded_an_amount_is_named_without_the_amount() {
    let value = |value: u32| TicketPart::value(Some(&value.into()));
    let outcome = Outcome::Superseded { expected: value(450_001), found: value(460_002) };
    let event = a_ticket().worth(5).becomes_worth(7);
    let mut kept = kept(vec![event.clone()], vec![]);
    kept.records = [done(&event, "h", 0, outcome)].into();
    let timeline = assemble(&kept);
    let all = format!("{timeline}{}", serde_json::to_string(&timeline).unwrap());
    assert!(all.contains("superseded") && !all.contains("450001") && !all.contains("460002"), "{all}");
}

/// A post to an inbound webhook that became a contact and a ticket: its fields are kept nowhere.
#[test]
fn a_lead_leads_from_its_webhook_to_the_ticket_and_other_handlers_are_explained() {
    let event = automations::testing::posted("website-lead", &[("name", "Jane Citizen")]);
    let policy = r#"{"type": ["inbound.website-lead"]}"#;
    let mut subscriber = handler("lead", "Settled");
    subscriber.policies = vec![FilterPolicy::parse(policy).unwrap()];
    let mut kept = kept(Vec::new(), vec![subscriber, handler("other", "Settled")]);
    (kept.ticket, kept.last_check) = (None, None);
    let outcome = Outcome::LeadCreated { contact: "c-1".parse().unwrap(), ticket: "t-9".parse().unwrap() };
    kept.records = [done(&event, "lead", 0, outcome)].into();
    kept.lead = Some(Lead {
        kind: "inbound.website-lead".parse().unwrap(),
        hint: "request-9.0".parse().unwrap(),
        event: event.id.clone(),
        at: Some(at(0)),
    });
    let lines = lines(&assemble(&kept));
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert_eq!(lines[0], "webhook: inbound-website-lead was received, hint request-9.0");
    assert_eq!(lines[1], format!("event: inbound.website-lead, {}", event.id));
    let text = lines.join("\n");
    assert!(
        text.contains(
            "other did nothing: its subscription, as it is deployed now, does not accept the event's type"
        ),
        "{text}"
    );
    assert!(text.contains("lead decided 1 action") && text.contains("t-9"), "{text}");
    // Found by its hint, it has no time, and is before what came of it.
    kept.lead.as_mut().unwrap().at = None;
    let timeline = assemble(&kept);
    assert!(matches!(timeline.entries[0].step, Step::Webhook { .. }) && timeline.entries[0].at.is_none());
    assert!(timeline.entries.last().is_some_and(|entry| entry.at.is_some()));
}
