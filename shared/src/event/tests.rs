use super::*;
use crate::example;

#[test]
fn an_event_survives_the_wire_and_its_type_is_its_kind() {
    for event in example::one_of_each() {
        let text = crate::wire::to_json(&event);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let kind = if event.inbound("website-lead").is_some() { "inbound" } else { event.what.kind() };
        assert_eq!(json["type"], kind);
        assert_eq!(crate::wire::from_json::<Event>(text.as_bytes()).unwrap(), event);
    }
}

#[test]
fn patterns_can_reach_stage_and_workflow_by_name() {
    let text = crate::wire::to_json(&example::stage_changed("Approved", "Settled"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["from"]["stage"]["name"], "Approved");
    assert_eq!(json["to"]["stage"]["name"], "Settled");
    assert_eq!(json["ticket"]["workflow"]["name"], "Home loans");
    assert_eq!(json["cause"]["by"], "webhook");
}
