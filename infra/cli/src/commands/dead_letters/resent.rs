//! The body with which a dead letter is sent back: the message says that an operator sent it again.

use automations::model::resent::Resent;
use serde_json::{Value, json};

/// The body with the field `resent`, of an action or an event. A hint, and what is not a JSON object, is sent as it is.
/// `owner` is as for [`super::Content`].
pub(super) fn marked(body: &str, owner: &str, resent: Resent) -> String {
    if owner == "hints" {
        return of_scheduler(body).unwrap_or_else(|| body.to_owned());
    }
    let Ok(mut message) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    let Some(fields) = message.as_object_mut() else { return body.to_owned() };
    let before = fields.get("resent").and_then(|before| serde_json::from_value(before.clone()).ok());
    let resent = match before {
        // The ids of its actions are made of that time.
        Some(before @ Resent { reprocess: true, .. }) => {
            Resent { out_of_order: resent.out_of_order || before.out_of_order, ..before }
        }
        // What a replay was to perform although it is recorded as done.
        Some(Resent { not_performed, .. }) => {
            Resent { not_performed: not_performed || resent.not_performed, ..resent }
        }
        None => resent,
    };
    fields.insert("resent".to_owned(), json!(resent));
    message.to_string()
}

/// The message in what EventBridge Scheduler could not send: its dead letter is the whole request to SQS. No hint has such fields.
fn of_scheduler(body: &str) -> Option<String> {
    let request: Value = serde_json::from_str(body).ok()?;
    request.get("QueueUrl")?;
    request.get("MessageBody")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firing_that_scheduler_could_not_send_is_taken_out_of_its_request() {
        let firing = r#"{"clock":"clock.h","scheduled_at":"2026-11-29T21:00:00Z"}"#;
        let request = json!({ "MessageBody": firing, "QueueUrl": "https://sqs/hints" }).to_string();
        let resent = Resent::at(Timestamp::from_millis(1));
        assert_eq!(marked(&request, "hints", resent), firing);
        assert_eq!(marked(firing, "hints", resent), firing);
    }
    use automations::clock::Timestamp;
    use automations::json::{from_json, to_json};
    use automations::model::action::PlannedAction;
    use automations::testing::stage_changed;

    const ACTION: &str = r#"{"id":"e.h.0","organisation":"north","event":"e","handler":"h","decided_at":"2026-09-21T14:13:20.000Z",
        "attempt":1,"action":{"do":"add_label","ticket":"t-1","label":"x"}}"#;

    fn at(seconds: u64) -> Resent {
        Resent::at(Timestamp::from_seconds(seconds))
    }

    #[test]
    fn an_action_says_when_it_was_sent_again_and_with_which_consent() {
        let original: PlannedAction = from_json(ACTION.as_bytes()).unwrap();
        let consent = Resent { out_of_order: true, ..at(9) };
        for resent in [at(5), consent] {
            let sent: PlannedAction = from_json(marked(ACTION, "actions", resent).as_bytes()).unwrap();
            assert_eq!(sent, PlannedAction { resent: Some(resent), ..original.clone() });
            let again = marked(&to_json(&sent), "actions", at(7));
            assert_eq!(from_json::<PlannedAction>(again.as_bytes()).unwrap().resent, Some(at(7)));
        }
    }

    #[test]
    fn a_reprocessed_message_keeps_its_time_as_the_ids_of_its_actions_are_made_of_it() {
        let reprocessed = Resent { reprocess: true, ..at(5) };
        let body = marked(ACTION, "actions", reprocessed);
        for consent in [false, true] {
            let sent = marked(&body, "actions", Resent { out_of_order: consent, ..at(9) });
            let sent: PlannedAction = from_json(sent.as_bytes()).unwrap();
            assert_eq!(sent.resent, Some(Resent { out_of_order: consent, ..reprocessed }));
        }
    }

    #[test]
    fn an_event_says_it_and_is_otherwise_the_same() {
        let event = serde_json::to_value(stage_changed("Approved", "Settled")).unwrap();
        let mut sent: Value = serde_json::from_str(&marked(&event.to_string(), "my-handler", at(5))).unwrap();
        assert_eq!(sent.as_object_mut().unwrap().remove("resent"), Some(json!(at(5))));
        assert_eq!(sent, event);
    }

    #[test]
    fn a_hint_and_what_is_not_an_object_is_sent_as_it_is() {
        for (body, owner) in [(r#"{"id": "r.0"}"#, "hints"), ("Jane {", "actions"), ("[1,  2]", "actions")] {
            assert_eq!(marked(body, owner, at(5)), body);
        }
    }
}
