use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// F5 of the field faults: whatever minute the sweep runs.
#[test]
fn an_hour_begins_at_its_full_minute() {
    let hour = |text| start_of_hour(at(text)).to_string();
    assert_eq!(hour("2026-11-25T10:59:30Z"), "2026-11-25T10:00:00.000Z");
    assert_eq!(hour("2026-11-25T11:00:00Z"), "2026-11-25T11:00:00.000Z");
    assert_eq!(hour("2026-11-25T11:01:10Z"), "2026-11-25T11:00:00.000Z");
}

#[test]
fn each_organisation_is_listed_once_an_hour_also_a_new_one_and_one_without_due_tickets() {
    let organisation = |name| OrganisationId::parse(name).unwrap();
    let listing = |name, at: Option<&str>| Listing {
        organisation: organisation(name),
        listed_at: at.map(|text| text.parse().unwrap()),
        inbound: BTreeSet::new(),
    };
    let due = |name| Due {
        organisation: organisation(name),
        ticket: Some(TicketId::parse("t-1").unwrap()),
        since: at("2026-11-25T10:00:00Z"),
        has_reminder: false,
    };
    let wanted = |now: &str, at: &str| -> Vec<String> {
        let listings = vec![listing("east", Some(at)), listing("new", None), listing("west", Some(at))];
        let due = [due("east"), due("unknown")];
        let wanted = not_listed_since(start_of_hour(now.parse().unwrap()), listings, &due);
        wanted.iter().map(ToString::to_string).collect()
    };
    let all = ["east", "new", "unknown", "west"];
    assert_eq!(wanted("2026-11-25T10:59:30Z", "2026-11-25T09:00:05Z"), all);
    assert_eq!(wanted("2026-11-25T11:01:10Z", "2026-11-25T10:59:30Z"), all);
    assert_eq!(wanted("2026-11-25T11:59:59Z", "2026-11-25T11:01:10Z"), ["new", "unknown"]);
}

#[test]
fn a_ticket_has_one_hint_and_those_with_a_reminder_are_first_the_oldest_of_them_at_the_front() {
    let due = |ticket: &str, has_reminder, minute: u64| Due {
        organisation: OrganisationId::parse("north").unwrap(),
        ticket: Some(TicketId::parse(ticket).unwrap()),
        since: Timestamp::from_seconds(60 * minute),
        has_reminder,
    };
    let all = vec![
        due("t-1", false, 1),
        due("t-2", true, 9),
        due("t-3", false, 3),
        due("t-3", true, 7),
        due("t-3", true, 8),
        due("t-4", false, 2),
    ];
    let hints = by_ticket(all).into_iter().map(|due| (due.ticket.unwrap().to_string(), due.has_reminder));
    let expected = [("t-3", true), ("t-2", true), ("t-1", false), ("t-4", false)];
    assert!(hints.eq(expected.map(|(ticket, has_reminder)| (ticket.to_owned(), has_reminder))));
}

#[test]
fn a_hint_says_whether_a_reminder_is_due() {
    let hint = |has_reminder| {
        let ticket = (Some(TicketId::parse("t-1").unwrap()), has_reminder);
        let organisation = OrganisationId::parse("north").unwrap();
        let message = message(organisation, ticket, "r", 0, at("2026-11-25T09:00:00Z")).unwrap();
        json::from_json::<Hint>(message.body.as_bytes()).unwrap().reminder
    };
    assert!(hint(true) && !hint(false));
}

#[test]
fn the_lag_is_that_of_the_most_overdue_ticket_or_turn() {
    let now = at("2026-11-25T10:00:00Z");
    let due = Due {
        organisation: OrganisationId::parse("north").unwrap(),
        ticket: Some(TicketId::parse("t-1").unwrap()),
        since: at("2026-11-25T09:59:00Z"),
        has_reminder: false,
    };
    let lag = |due: &[Due], seconds| longest_overdue(due, Duration::from_secs(seconds), now).as_secs();
    assert_eq!(
        (lag(&[], 0), lag(&[], 7), lag(std::slice::from_ref(&due), 7), lag(&[due], 70)),
        (0, 7, 60, 70)
    );
}

/// However many owners have one: one hint for all.
#[test]
fn lists_that_are_due_are_one_hint_of_their_organisation_without_a_ticket() {
    let due = |minute: u64| Due {
        organisation: OrganisationId::parse("north").unwrap(),
        ticket: None,
        since: Timestamp::from_seconds(minute.saturating_mul(60)),
        has_reminder: true,
    };
    let [one] = &by_ticket(vec![due(2), due(1)])[..] else { panic!() };
    assert_eq!(one.since, Timestamp::from_seconds(60));
    let now = Timestamp::from_seconds(180);
    let message =
        message(one.organisation.clone(), (one.ticket.clone(), one.has_reminder), "r", 0, now).unwrap();
    let hint: Hint = json::from_json(message.body.as_bytes()).unwrap();
    assert!(hint.ticket.is_none() && hint.action.is_none() && hint.reminder);
}
