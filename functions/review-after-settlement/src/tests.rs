use super::*;
use automations::serde_json::{from_value, json};
use automations::testing::{a_ticket, one_of_each, stage_changed};

fn settings() -> Settings {
    from_value(json!({
        "stage": "Settled",
        "zone": "Australia/Sydney",
        "reviews": { "30-days": { "days": 30 }, "6-months": { "months": 6 }, "12-months": { "months": 12 } },
        "review_workflow": "Annual reviews",
    }))
    .unwrap()
}

fn keys() -> [ReminderKey; 3] {
    ["12-months", "30-days", "6-months"].map(|key| key.parse().unwrap())
}

#[test]
fn a_ticket_that_settles_is_to_be_reviewed_three_times_while_it_stays() {
    let event = stage_changed("Approved", "Settled");
    let ticket = event.ticket().unwrap();
    let [year, days, half] = keys();
    let of = |key, day: Day| Action::remind(ticket, key, day).only_in_stage("Settled").only_while_active();
    let settled = || Day::of_event(Zone::Sydney);
    let expected = [
        of(&year, settled().plus_months(12)),
        of(&days, settled().plus_days(30)),
        of(&half, settled().plus_months(6)),
    ];
    assert_eq!(decide(&event, &settings()), expected);
}

#[test]
fn one_that_leaves_or_is_switched_off_is_not() {
    for event in [stage_changed("Settled", "Archived"), a_ticket().in_stage("Settled").is_switched_off()] {
        let ticket = event.ticket().unwrap();
        let expected = keys().map(|key| Action::forget(ticket, &key));
        assert_eq!(decide(&event, &settings()), expected, "{}", event.kind.name());
    }
}

#[test]
fn a_reminder_of_its_own_that_is_due_creates_the_review() {
    let event = a_ticket().in_stage("Settled").has_reminder_due("6-months");
    let ticket = event.ticket().unwrap();
    let expected = [Action::create_ticket(ticket, "Annual reviews", "Review 6-months: {ticket}")];
    assert_eq!(decide(&event, &settings()), expected);
    let other = a_ticket().in_stage("Settled").has_reminder_due("another");
    assert!(decide(&other, &settings()).is_empty());
}

#[test]
fn nothing_else_does_anything() {
    for event in one_of_each().into_iter().filter(|event| event.entered_stage("Settled").is_none()) {
        assert!(decide(&event, &settings()).is_empty(), "{}", event.kind.name());
    }
}
