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
        ticket: TicketId::parse("t-1").unwrap(),
        last_checked: at("2026-11-25T09:00:00Z"),
        since: at("2026-11-25T10:00:00Z"),
        unpublished: None,
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
