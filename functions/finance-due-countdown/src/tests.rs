use super::*;
use automations::EventKind;
use automations::clock::Timestamp;
use automations::serde_json::{Value, from_value, json};
use automations::testing::{Draft, a_ticket, one_of_each};

fn settings(change: &Value) -> Settings {
    let mut settings = json!({
        "field": "finance_due",
        "zone": "Australia/Sydney",
        "days_before": [7, 3, 1, 0],
        "then": { "destination": "team", "text": "{ticket_link}: due on {date}, {days} days" },
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    from_value(settings).unwrap()
}

fn due_on(date: &str) -> Draft {
    a_ticket().with_field("finance_due", date)
}

fn found(event: Event, at: &str) -> Event {
    let at = at.parse::<Timestamp>().unwrap();
    let mut event = Event { observed_at: at, ..event };
    if let EventKind::ReminderDue { due_at, .. } = &mut event.kind {
        *due_at = at;
    }
    event
}

fn set(event: &Event) -> Vec<String> {
    let key = |action| match action {
        Action::Remind { key, only_while, .. } if only_while.active => key.to_string(),
        other => panic!("{other:?}"),
    };
    decide(event, &settings(&json!({}))).into_iter().map(key).collect()
}

#[test]
fn a_date_that_appears_or_changes_gets_the_steps_that_are_still_to_come() {
    let all = ["finance-due-7-days", "finance-due-3-days", "finance-due-1-days", "finance-due-0-days"];
    let at = |event, at: &str| set(&found(event, at));
    let far = || due_on("2026-12-15");
    assert_eq!(at(far().is_created(), "2026-12-01T02:00:00Z"), all);
    assert_eq!(at(far().is_first_seen(), "2026-12-01T02:00:00Z"), all);
    assert_eq!(at(a_ticket().field_becomes("finance_due", "2026-12-15"), "2026-12-01T02:00:00Z"), all);
    // 9:00 in Sydney is 22:00 of the day before, in UTC.
    assert_eq!(at(far().is_created(), "2026-12-11T21:59:59Z"), all[1..]);
    assert_eq!(at(far().is_created(), "2026-12-11T22:00:00Z"), all[2..]);
    let none: [&str; 0] = [];
    assert_eq!(at(far().is_created(), "2026-12-15T02:00:00Z"), none, "a date of long ago");
    assert_eq!(at(a_ticket().is_created(), "2026-12-01T02:00:00Z"), none, "without a date");
    assert_eq!(at(far().field_becomes("other", 1), "2026-12-01T02:00:00Z"), none);
}

#[test]
fn a_step_is_counted_from_the_field_so_that_it_moves_with_the_date() {
    let event = found(due_on("2026-12-15").is_created(), "2026-12-01T02:00:00Z");
    let Action::Remind { when, .. } = decide(&event, &settings(&json!({}))).remove(0) else { panic!() };
    let of_field = Day::of_field(&"finance_due".parse().unwrap(), Zone::Sydney).plus_days(-7);
    assert_eq!(when, When::from(of_field));
}

#[test]
fn a_step_that_is_due_says_the_date_and_the_days_that_are_left() {
    let event = found(due_on("2026-12-15").has_reminder_due("finance-due-3-days"), "2026-12-11T22:00:30Z");
    let ticket = event.ticket().unwrap();
    let team = "team".parse().unwrap();
    let expected = [Action::notify(ticket, &team, "{ticket_link}: due on 2026-12-15, 3 days")];
    assert_eq!(decide(&event, &settings(&json!({}))), expected);
    let elsewhere = settings(&json!({ "stages": ["Conditional"] }));
    assert!(decide(&event, &elsewhere).is_empty(), "in another stage");
    let here = settings(&json!({ "stages": ["Conditional", "Approved"] }));
    assert_eq!(decide(&event, &here), expected);
}

#[test]
fn of_several_that_are_late_only_the_last_one_acts() {
    let acts = |days: u8, at: &str| {
        let due = due_on("2026-12-15").has_reminder_due(&format!("finance-due-{days}-days"));
        !decide(&found(due, at), &settings(&json!({}))).is_empty()
    };
    let on = |at: &str| [7, 3, 1, 0].map(|days| acts(days, at));
    assert_eq!(on("2026-12-10T23:00:00Z"), [true, false, false, false], "four days are left");
    assert_eq!(on("2026-12-14T23:00:00Z"), [false, false, false, true], "on the day");
    assert_eq!(on("2026-12-17T23:00:00Z"), [false, false, false, true], "after an outage of three days");
}

#[test]
fn nothing_else_does_anything() {
    for event in one_of_each() {
        assert!(decide(&event, &settings(&json!({}))).is_empty(), "{}", event.kind.name());
    }
}
