use super::*;
use automations::testing::{assert_decides, one_of_each, posted};

fn settings() -> Settings {
    let text = r#"{"into": {"workflow": "Home loans"}, "name": "{contact}, website", "phone_code": "+64"}"#;
    automations::json::from_json(text.as_bytes()).unwrap()
}

fn decided(fields: &[(&str, &str)]) -> Vec<Action> {
    decide(&posted("website-lead", fields), &settings())
}

fn check(fields: &[(&str, &str)], [first, family, email, phone]: [&str; 4]) {
    let [first_name, family_name, email, phone] =
        [first, family, email, phone].map(|text| Private::new(text.to_owned()));
    let phone_code = PhoneCode::parse("64").unwrap();
    let lines: Vec<String> =
        fields.iter().map(|(name, answer)| format!("{name}: {}", answer.trim())).collect();
    let description = Private::new(lines.join("\n"));
    let lead = Lead { first_name, family_name, email, phone_code, phone, description, ..Lead::default() };
    let into = LeadTarget::first_stage_of("Home loans");
    assert_decides(decided(fields), [Action::create_lead(lead, &into, "{contact}, website")]);
}

#[test]
fn a_form_becomes_a_contact_with_a_ticket() {
    let both =
        [("first_name", "Jane"), ("family_name", "Citizen"), ("email", "jane@example.com"), ("more", "x")];
    check(&both, ["Jane", "Citizen", "jane@example.com", ""]);
    check(
        &[("name", "Jane van Citizen"), ("phone", "491 570 006")],
        ["Jane van", "Citizen", "", "491 570 006"],
    );
    check(&[("family_name", "Citizen"), ("phone", "1")], ["", "Citizen", "", "1"]);
    check(&[("email", "jane@example.com")], ["jane@example.com", "", "jane@example.com", ""]);
    check(&[("name", " Jane "), ("email", "jane@example.com")], ["Jane", "", "jane@example.com", ""]);
}

#[test]
fn who_cannot_be_reached_or_is_no_person_becomes_nothing() {
    for fields in [
        &[("name", "Jane Citizen")][..],
        &[("name", "Jane Citizen"), ("email", " ")],
        &[("name", "Jane Citizen"), ("email", "jane@example.com"), ("website", "http://spam.example.com")],
    ] {
        assert_decides(decided(fields), []);
    }
}

#[test]
fn nothing_else_does_anything() {
    let others = one_of_each().into_iter().filter(|event| event.inbound("website-lead").is_none());
    others.chain([posted("newsletter", &[("name", "Jane"), ("email", "jane@example.com")])]).for_each(
        |event| {
            assert_decides(decide(&event, &settings()), []);
        },
    );
}

#[test]
fn a_phone_code_is_australias_if_none_is_set_and_one_that_is_none_fails_at_the_start() {
    let settings = |code: &str| {
        let text = format!(r#"{{"into": {{"workflow": "Home loans"}}, "name": "x"{code}}}"#);
        automations::json::from_json::<Settings>(text.as_bytes())
    };
    assert_eq!(settings("").unwrap().phone_code, PhoneCode::default());
    assert_eq!(settings(r#", "phone_code": "0061""#).unwrap().phone_code, PhoneCode::default());
    assert!(settings(r#", "phone_code": "Australia""#).is_err());
}

#[test]
fn the_ticket_gets_what_the_settings_and_the_form_say() {
    let text = r#"{"into": {"workflow": "Home loans"}, "name": "x", "source": "Website", "labels": ["Lead"],
                   "value_field": "amount", "reuse_contact": true}"#;
    let settings: Settings = automations::json::from_json(text.as_bytes()).unwrap();
    let lead = |amount: &str| {
        let event =
            posted("website-lead", &[("email", "jane@example.com"), ("amount", amount), ("website", "")]);
        match decide(&event, &settings).remove(0) {
            Action::CreateLead { lead, .. } => *lead,
            other => panic!("{other:?}"),
        }
    };
    let with = lead("$500,000");
    assert_eq!(with.value, Some(500_000.into()));
    assert_eq!(
        with.full_description().unwrap().reveal(),
        "Source: Website\nemail: jane@example.com\namount: $500,000"
    );
    assert_eq!((with.labels, with.reuse_contact), (vec!["Lead".to_owned()], true));
    assert_eq!(lead("about half a million").value, None, "the answer is in the description all the same");
}
