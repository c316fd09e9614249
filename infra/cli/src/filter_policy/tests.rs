use super::*;
use automations::testing::{a_ticket, one_of_each, stage_changed};
use proptest::prelude::*;
use serde_json::json;

fn policy(value: &Value) -> FilterPolicy {
    FilterPolicy::parse(&value.to_string()).unwrap()
}

fn refused(value: &Value) -> String {
    FilterPolicy::parse(&value.to_string()).unwrap_err().to_string()
}

#[test]
fn each_kind_of_condition_holds_where_the_guide_says_so() {
    let event = a_ticket().in_stage("Approved").with_label("Refinance").worth(450_000).moves_to("Settled");
    let accepts = |value: Value| policy(&value).accepts(&event);
    assert!(accepts(json!({ "type": ["ticket.stage_changed"], "cause": { "by": ["webhook"] } })));
    assert!(!accepts(json!({ "type": ["ticket.created"] })));
    assert!(accepts(json!({ "to": { "stage": { "name": [{ "prefix": "Set" }] } } })));
    assert!(accepts(json!({ "to": { "stage": { "name": [{ "suffix": "led" }] } } })));
    assert!(accepts(json!({ "to": { "stage": { "name": [{ "equals-ignore-case": "sETTLED" }] } } })));
    assert!(!accepts(json!({ "to": { "stage": { "name": [{ "anything-but": ["Settled", "x"] }] } } })));
    assert!(accepts(json!({ "to": { "stage": { "name": [{ "anything-but": { "prefix": "App" } }] } } })));
    assert!(accepts(json!({ "ticket": { "labels": { "name": ["Refinance"] } } })), "one of a list");
    assert!(accepts(json!({ "ticket": { "value": [{ "numeric": [">", 400_000, "<=", 450_000] }] } })));
    assert!(!accepts(json!({ "ticket": { "value": [{ "numeric": ["<", 450_000] }] } })));
    assert!(accepts(json!({ "ticket": { "value": [450_000] } })));
    assert!(accepts(json!({ "id": [{ "exists": true }], "days": [{ "exists": false }] })));
    assert!(!accepts(json!({ "days": [14] })));
}

/// Row 2 of the anchors: why did this handler not receive that event?
#[test]
fn a_refusal_names_the_keys_and_only_the_type_of_another_kind() {
    let body = serde_json::to_value(stage_changed("Approved", "Declined")).unwrap();
    let refused = |value: Value| policy(&value).refused_by(&body);
    let stage = json!({ "stage": { "name": ["Settled"] } });
    assert_eq!(refused(json!({ "type": ["ticket.stage_changed"], "to": stage })), ["to.stage.name"]);
    assert_eq!(refused(json!({ "type": ["ticket.created"], "to": stage })), ["type"]);
    let both = json!({ "cause": { "by": ["reconciler"] }, "to": stage, "aged": { "days": [1] } });
    assert_eq!(refused(both), ["aged", "cause.by", "to.stage.name"]);
    let in_list = json!({ "ticket": { "labels": { "name": ["None such"] } } });
    assert_eq!(refused(in_list), ["ticket.labels"]);
    assert_eq!(refused(json!({ "type": ["ticket.stage_changed"] })), Vec::<String>::new());
}

#[test]
fn null_is_no_value() {
    let event = stage_changed("Approved", "Settled");
    let mut body = serde_json::to_value(&event).unwrap();
    body["ticket"]["value"] = Value::Null;
    let accepts = |value: Value| policy(&value).0.accepts(&body);
    assert!(accepts(json!({ "ticket": { "value": [{ "exists": false }] } })));
    assert!(!accepts(json!({ "ticket": { "value": [{ "anything-but": [5] }] } })));
}

#[test]
fn what_sns_would_refuse_is_refused_with_the_key() {
    assert!(refused(&json!({ "to": { "stage": "Settled" } })).contains("`to.stage`"));
    assert!(refused(&json!({ "a": [] })).contains("`a` has no condition"));
    assert!(refused(&json!({ "a": [{ "wildcard": "x*" }] })).contains("wildcard"));
    assert!(refused(&json!({ "a": [{ "numeric": ["~", 1] }] })).contains("not known"));
    assert!(refused(&json!({ "a": [1_000_000_001] })).contains("1000000001"));
    assert!(refused(&json!({ "a": [{ "numeric": [">", 0.123_456] }] })).contains("five decimals"));
    assert!(FilterPolicy::parse("{").is_err() && FilterPolicy::parse("[]").is_err());
}

#[test]
fn five_keys_and_a_hundred_and_fifty_combinations_are_the_limit() {
    let keys = |count: usize| Value::Object((0..count).map(|key| (key.to_string(), json!(["x"]))).collect());
    assert!(FilterPolicy::parse(&keys(5).to_string()).is_ok());
    assert!(refused(&keys(6)).contains("6 keys"));
    let values = |count: usize| json!({ "a": vec!["x"; 10], "b": vec!["y"; count] });
    assert!(FilterPolicy::parse(&values(15).to_string()).is_ok());
    assert!(refused(&values(16)).contains("160 combinations"));
    assert!(
        refused(&json!({ "a": { "b": { "c": vec!["x"; 51] } } })).contains("153 combinations"),
        "by depth"
    );
}

proptest! {
    #[test]
    fn any_text_is_a_policy_or_a_clear_error(text in ".*") {
        if let Err(error) = FilterPolicy::parse(&text) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn a_policy_that_names_a_kind_accepts_exactly_that_kind(position in 0..16_usize) {
        let events = one_of_each();
        let Some(wanted) = events.get(position) else { return Ok(()) };
        let policy = policy(&json!({ "type": [wanted.kind.name()] }));
        for event in &events {
            prop_assert_eq!(policy.accepts(event), event.kind.name() == wanted.kind.name());
        }
    }
}
