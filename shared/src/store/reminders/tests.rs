use super::*;
use crate::aws;
use crate::model::reminder::{OnlyWhile, When};
use crate::model::speed::Speed;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

fn reminder() -> Reminder {
    Reminder {
        key: "review".parse().unwrap(),
        when: When::after_days(1),
        only_while: OnlyWhile::default(),
        event_at: Timestamp::from_millis(1),
        set_at: Timestamp::from_millis(2),
        set_by: "h".to_owned(),
        action: "e.h.0".parse().unwrap(),
        speed: Speed::default(),
    }
}

fn names() -> (OrganisationId, TicketId) {
    ("north".parse().unwrap(), "t-1".parse().unwrap())
}

fn claimant() -> Claimant<'static> {
    let (now, until) = (Timestamp::from_millis(3), Timestamp::from_millis(9));
    Claimant { owner: "i", now, until }
}

/// A table that responds with this, and the requests that it gets.
fn store(status: u16, response: Value) -> (Store, Arc<Mutex<Vec<Value>>>) {
    let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&requests);
    let config = aws::stub::config_with_responses(move |request| {
        seen.lock().unwrap().push(request.clone());
        (status, response.clone())
    });
    (Store::new(aws::dynamodb(&config), "t".to_owned()), requests)
}

fn item(more: &Value) -> Value {
    let mut item = json!({
        "pk": { "S": "TICKET#north#t-1" }, "sk": { "S": "REMINDER#review" }, "set_by_action": { "S": "e.h.0" },
        "reminder": { "S": json::to_json(&reminder()) },
    });
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    item
}

/// A crash between the two would set it twice, or never.
#[tokio::test]
async fn a_reminder_is_set_in_one_transaction_with_its_actions_step_and_on_condition_of_the_version() {
    let (organisation, ticket) = names();
    let (store, requests) = store(200, json!({}));
    let (reminder, due_at) = (reminder(), Some(Timestamp::from_millis(7)));
    let new = NewReminder { ticket: &ticket, reminder: &reminder, due_at, of_version: Some(4) };
    let outcome = store.set_reminder(&organisation, new, claimant()).await.unwrap();
    assert_eq!(outcome, Outcome::ReminderSet { due_at });
    let requests = requests.lock().unwrap();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    let writes = &request["TransactItems"];
    assert_eq!(writes[0]["Update"]["ConditionExpression"], STILL_CLAIMED);
    assert_eq!(writes[0]["Update"]["UpdateExpression"], "SET step_reminder = :outcome");
    let item = &writes[1]["Put"]["Item"];
    assert_eq!((&item["sk"]["S"], &item["next_check"]["N"]), (&json!("REMINDER#review"), &json!("7")));
    assert_eq!(item["due_shard"]["S"], shard(&ticket));
    assert_eq!(item["of_version"]["N"], "4");
    assert_eq!(writes[2]["Update"]["Key"]["sk"]["S"], "SNAPSHOT");
    assert_eq!(writes[2]["Update"]["ConditionExpression"], "version = :version");
}

#[tokio::test]
async fn a_reminder_without_a_date_is_in_no_index_and_one_without_a_field_needs_no_version() {
    let (organisation, ticket) = names();
    let (store, requests) = store(200, json!({}));
    let new = NewReminder { ticket: &ticket, reminder: &reminder(), due_at: None, of_version: None };
    store.set_reminder(&organisation, new, claimant()).await.unwrap();
    let requests = requests.lock().unwrap();
    let writes = requests[0]["TransactItems"].as_array().unwrap();
    assert_eq!(writes.len(), 2);
    assert!(writes[1]["Put"]["Item"].get("due_shard").is_none());
}

#[tokio::test]
async fn a_reminder_ends_only_if_it_waits_and_is_the_one_that_was_read() {
    let (organisation, ticket) = names();
    let stored = StoredReminder { ticket, reminder: reminder(), state: ReminderState::Waits(None) };
    let end = (ReminderEnd::Lapsed(Lapse::OtherStage), Timestamp::from_millis(8));
    let (table, requests) = store(200, json!({}));
    assert_eq!(table.end_reminder(&organisation, &stored, end).await, Ok(true));
    assert_eq!(
        table.move_reminder(&organisation, &stored, (Some(Timestamp::from_millis(6)), 4)).await,
        Ok(true)
    );
    assert_eq!(table.move_reminder(&organisation, &stored, (None, 4)).await, Ok(true));
    for request in requests.lock().unwrap().iter() {
        let condition = request["ConditionExpression"].as_str().unwrap();
        assert!(condition.starts_with("set_by_action = :action AND #state = :waits"), "{condition}");
        assert_eq!(request["ExpressionAttributeValues"][":action"]["S"], "e.h.0");
    }
    let requests = requests.lock().unwrap().clone();
    assert_eq!(requests[0]["ExpressionAttributeValues"][":because"]["S"], "other_stage");
    let of_newer = requests[1]["ConditionExpression"].as_str().unwrap();
    assert!(
        of_newer.contains("of_version <= :version"),
        "a slow check does not undo a newer one: {of_newer}"
    );
    let (table, _) = store(400, json!({ "__type": "ConditionalCheckFailedException" }));
    assert_eq!(table.end_reminder(&organisation, &stored, end).await, Ok(false));
}

#[tokio::test]
async fn each_state_of_a_reminder_is_read_and_one_that_cannot_be_is_left_out() {
    let (organisation, ticket) = names();
    let items = [
        json!({ "state": { "S": "waits" }, "next_check": { "N": "7" }, "due_shard": { "S": "1" } }),
        json!({ "state": { "S": "waits" } }),
        json!({ "state": { "S": "due" }, "ended_at": { "N": "8" }, "because": { "S": "" } }),
        json!({ "state": { "S": "lapsed" }, "ended_at": { "N": "8" }, "because": { "S": "ticket_gone" } }),
        json!({ "state": { "S": "cancelled" }, "ended_at": { "N": "8" } }),
        json!({ "state": { "S": "lapsed" }, "ended_at": { "N": "8" }, "because": { "S": "?" } }),
        json!({ "state": { "S": "?" } }),
        json!({ "state": { "S": "waits" }, "set_by_action": { "S": "e.h.1" } }),
    ];
    let items: Vec<Value> = items.iter().map(item).collect();
    let (store, requests) = store(200, json!({ "Items": items }));
    let states: Vec<_> = store
        .reminders(&organisation, &ticket)
        .await
        .unwrap()
        .into_iter()
        .map(|stored| stored.state)
        .collect();
    let [due, ended] = [7, 8].map(Timestamp::from_millis);
    let expected = [
        ReminderState::Waits(Some(due)),
        ReminderState::Waits(None),
        ReminderState::Ended(ReminderEnd::Due, ended),
        ReminderState::Ended(ReminderEnd::Lapsed(Lapse::TicketGone), ended),
        ReminderState::Ended(ReminderEnd::Cancelled, ended),
    ];
    assert_eq!(states, expected);
    assert_eq!(requests.lock().unwrap()[0]["ConsistentRead"], true);
}

#[tokio::test]
async fn an_action_that_is_performed_again_finds_what_it_did() {
    let (organisation, _) = names();
    let action = "e.h.0".parse().unwrap();
    let done = Outcome::ReminderSet { due_at: Some(Timestamp::from_millis(7)) };
    let (table, _) = store(200, json!({ "Item": { "step_reminder": { "S": json::to_json(&done) } } }));
    assert_eq!(table.reminder_step(&organisation, &action).await, Ok(Some(done)));
    let (table, _) = store(200, json!({}));
    assert_eq!(table.reminder_step(&organisation, &action).await, Ok(None));
}

/// A ticket that cannot be checked, with a reminder that is due, two that are due later, and one that ended.
#[tokio::test]
async fn what_is_due_of_a_ticket_is_postponed_and_what_is_due_later_is_not() {
    let stored = |state: &str, next_check: &str| {
        item(&json!({ "state": { "S": state }, "ended_at": { "N": "1" }, "next_check": { "N": next_check } }))
    };
    let items = json!({ "Items": [stored("waits", "7"), stored("waits", "8"), stored("waits", "9"), stored("due", "7")] });
    let updates = async |has_reminder| {
        let (store, requests) = store(200, items.clone());
        let ((organisation, ticket), time) = (names(), Timestamp::from_millis);
        let due = (&ticket, has_reminder);
        store.postpone_due(&organisation, due, (time(7), time(90))).await.unwrap();
        let requests = requests.lock().unwrap();
        let updates = requests.iter().filter(|request| request.get("UpdateExpression").is_some());
        updates.cloned().collect::<Vec<_>>()
    };
    let all = updates(true).await;
    let keys = all.iter().map(|update| update["Key"]["sk"]["S"].as_str().unwrap());
    assert_eq!(keys.collect::<Vec<_>>(), ["SNAPSHOT", "REMINDER#review"]);
    for update in &all {
        let condition = update["ConditionExpression"].as_str().unwrap();
        assert!(condition.ends_with("next_check <= :now"), "{condition}");
        assert_eq!(update["UpdateExpression"], "SET next_check = :until");
        assert_eq!(update["ExpressionAttributeValues"][":until"]["N"], "90");
    }
    assert_eq!(updates(false).await.len(), 1);
}
