use super::*;
use automations::Ticket;
use automations::clock::Timestamp;
use automations::handler::reading::Memory;
use automations::serde_json::{from_value, json};
use automations::testing::{a_ticket, at_once, fired, one_of_each};
use std::time::Duration;

fn settings() -> Settings {
    from_value(json!({ "destination": "team", "days": 14, "owners": { "owner-1": "Ana" } })).unwrap()
}

fn ticket(id: &str, owner: Option<&str>) -> Ticket {
    let mut ticket = a_ticket().in_stage("Application").ticket();
    (ticket.id, ticket.owner) = (id.parse().unwrap(), owner.map(|owner| owner.parse().unwrap()));
    ticket
}

fn days_ago(days: u64) -> Timestamp {
    event().scheduled_at().unwrap().earlier(Duration::from_hours(days.saturating_mul(24)))
}

fn event() -> Event {
    fired("digest-of-stalled-tickets", 0)
}

fn decided(event: &Event, api: &Memory) -> Vec<Action> {
    at_once(decide(event, &settings(), &api.reading())).unwrap()
}

#[test]
fn stalled_tickets_are_listed_by_owner_and_the_worst_is_first() {
    let (worst, bad) = (ticket("t-1", Some("owner-2")), ticket("t-2", Some("owner-1")));
    let (late, nobodys) = (ticket("t-3", Some("owner-1")), ticket("t-4", None));
    let mut off = ticket("t-5", None);
    off.active = Some(false);
    let api = Memory::default().with_snapshot(&late, days_ago(14)).with_snapshot(&bad, days_ago(20));
    let api = api.with_snapshot(&worst, days_ago(40)).with_snapshot(&nobodys, days_ago(15));
    let api = api.with_snapshot(&ticket("t-6", None), days_ago(13)).with_snapshot(&off, days_ago(90));
    let [worst, bad, late, nobodys] = [worst, bad, late, nobodys].map(|ticket| Action::link_to(&ticket));
    let text = format!(
        "Tickets in their stage for 14 days or longer: 4\n\n\
         owner-2: 1\n• 40 days in Application: {worst}\n\n\
         Ana: 2\n• 20 days in Application: {bad}\n• 14 days in Application: {late}\n\n\
         Without an owner: 1\n• 15 days in Application: {nobodys}"
    );
    let expected = [Action::notify_of_many(&"team".parse().unwrap(), &text)];
    assert_eq!(decided(&event(), &api), expected);
}

#[test]
fn an_owner_with_many_has_a_line_for_the_worst_ones_and_their_number() {
    let add = |api: Memory, n: u64| {
        api.with_snapshot(&ticket(&format!("t-{n}"), Some("owner-1")), days_ago(n.saturating_add(20)))
    };
    let api = (0..30).fold(Memory::default(), add);
    let text = format!("{:?}", decided(&event(), &api));
    assert!(text.contains("Ana: 30") && text.contains("49 days") && !text.contains("39 days"), "{text}");
    assert_eq!(text.matches('•').count(), 10, "{text}");
}

#[test]
fn if_no_ticket_is_stalled_nothing_is_sent() {
    assert!(
        decided(&event(), &Memory::default().with_snapshot(&ticket("t-1", None), days_ago(13))).is_empty()
    );
}

#[test]
fn nothing_else_does_anything() {
    let api = Memory::default().with_snapshot(&ticket("t-1", None), days_ago(40));
    for event in one_of_each().into_iter().filter(|event| event.scheduled_at().is_none()) {
        assert!(decided(&event, &api).is_empty(), "{}", event.kind.name());
    }
}
