use super::*;
use automations::serde_json::{Value, from_value, json};
use automations::testing::{a_ticket, one_of_each, stage_changed};

fn settings(change: &Value) -> Settings {
    let mut settings = json!({
        "stage": "Pre-approval",
        "zone": "Australia/Brisbane",
        "remind_after_days": [30, 60, 75],
        "at_reminder": { "destination": "team", "text": "{ticket_link}: {days} days, {left} left" },
        "at_expiry": { "label": "Pre-approval expired" },
    });
    settings.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    from_value(settings).unwrap()
}

fn keys(settings: &Settings, days: &[u8]) -> Vec<Action> {
    let event = stage_changed("Application", &settings.stage);
    let of = |days: &u8| {
        let day = Day::of_event(settings.zone).plus_days((*days).into());
        let remind = Action::remind(event.ticket().unwrap(), &key(*days).unwrap(), day);
        remind.only_in_stage(&settings.stage).only_while_active()
    };
    days.iter().map(of).collect()
}

#[test]
fn a_ticket_that_is_pre_approved_gets_four_reminders_while_it_stays() {
    let event = stage_changed("Application", "Pre-approval");
    let usual = settings(&json!({}));
    assert_eq!(decide(&event, &usual), keys(&usual, &[30, 60, 75, 90]));
    let short = settings(&json!({ "expires_after_days": 60 }));
    assert_eq!(
        decide(&event, &short),
        keys(&short, &[30, 60]),
        "what would come at or after the end does not"
    );
}

#[test]
fn one_that_leaves_or_is_switched_off_gets_none() {
    for event in
        [stage_changed("Pre-approval", "Approved"), a_ticket().in_stage("Pre-approval").is_switched_off()]
    {
        let ticket = event.ticket().unwrap();
        let expected = [30, 60, 75, 90].map(|days| Action::forget(ticket, &key(days).unwrap()));
        assert_eq!(decide(&event, &settings(&json!({}))), expected, "{}", event.kind.name());
    }
}

#[test]
fn a_reminder_is_a_notice_with_the_days_that_are_left_and_the_last_one_is_a_label() {
    let due = |key: &str| a_ticket().in_stage("Pre-approval").has_reminder_due(key);
    let event = due("pre-approval-75-days");
    let ticket = event.ticket().unwrap();
    let team = "team".parse().unwrap();
    let expected = [Action::notify(ticket, &team, "{ticket_link}: 75 days, 15 left")];
    assert_eq!(decide(&event, &settings(&json!({}))), expected);
    let expired = due("pre-approval-90-days");
    let expected = [Action::add_label(expired.ticket().unwrap(), "Pre-approval expired")];
    assert_eq!(decide(&expired, &settings(&json!({}))), expected);
    assert!(decide(&due("90-days"), &settings(&json!({}))).is_empty(), "another handler's");
}

#[test]
fn nothing_else_does_anything() {
    for event in one_of_each().into_iter().filter(|event| event.switched_off().is_none()) {
        assert!(decide(&event, &settings(&json!({}))).is_empty(), "{}", event.kind.name());
    }
}
