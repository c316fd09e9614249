use super::*;
use automations::testing::{Draft, a_ticket, assert_decides, one_of_each};
use std::collections::BTreeMap;

/// Large ones to Ana, refinances to Ben or Cleo, the rest of the home loans to Dan.
fn settings() -> Settings {
    let text = r#"{"rules": [
        {"organisation": "south", "owners": ["an-owner-elsewhere"]},
        {"at_least": 1000000, "owners": ["ana"]},
        {"label": "Refinance", "below": 1000000, "owners": ["ben", "cleo"]},
        {"workflow": "Home loans", "owners": ["dan"]}
    ]}"#;
    automations::json::from_json(text.as_bytes()).unwrap()
}

fn check(draft: Draft, owner: &str) {
    let event = draft.is_created();
    let expected = Action::set_owner(event.ticket().unwrap(), &owner.parse().unwrap());
    assert_decides(decide(&event, &settings()), [expected]);
}

#[test]
fn the_first_rule_that_fits_decides() {
    check(a_ticket().worth(1_000_000).with_label("Refinance"), "ana");
    check(a_ticket().worth(999_999), "dan");
    check(a_ticket().with_label("Refinance"), "dan"); // without an amount it is not below one
    let refinance = |id: &str| a_ticket().with_id(id).worth(1).with_label("Refinance");
    check(refinance("ticket-1"), "ben");
    check(refinance("ticket-2"), "cleo");
    assert_decides(decide(&a_ticket().in_workflow("Car loans").is_created(), &settings()), []);
}

#[test]
fn a_rule_without_owners_and_an_event_without_a_ticket_do_nothing() {
    let none = Settings { rules: vec![Rule::default()] };
    assert!(one_of_each().iter().all(|event| decide(event, &none).is_empty()));
    let others = one_of_each().into_iter().filter(|event| event.ticket().is_none());
    others.for_each(|event| assert_decides(decide(&event, &settings()), []));
}

#[test]
fn each_owner_gets_a_share_and_each_ticket_the_same_owner_again() {
    let mut shares = BTreeMap::new();
    for number in 0..1_000 {
        let draft = a_ticket().with_id(&format!("ticket-{number}")).worth(1).with_label("Refinance");
        let decided = decide(&draft.clone().is_created(), &settings());
        assert_decides(decide(&draft.gets_label("VIP"), &settings()), decided.clone());
        *shares.entry(format!("{decided:?}").contains("ben")).or_insert(0_u32) += 1;
    }
    assert!(shares.values().all(|share| (400..600).contains(share)), "{shares:?}");
}
