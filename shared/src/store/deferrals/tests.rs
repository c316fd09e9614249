use super::*;
use crate::aws;
use crate::json::to_json;
use crate::store::due_index::due;
use crate::testing::stage_changed;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

fn claimant() -> Claimant<'static> {
    Claimant { owner: "i", now: Timestamp::from_seconds(1_000), until: Timestamp::from_seconds(1_060) }
}

fn five_minutes() -> (Until, Speed) {
    (Until::QuietPeriod("5m".parse().unwrap()), Speed::default())
}

/// An item with one event that waits.
fn stored(revision: u64) -> Value {
    let mut deferral = Deferral::default();
    deferral.add("h", &stage_changed("Lead", "Approved"), five_minutes(), Timestamp::from_seconds(900));
    json!({
        "pk": { "S": "TICKET#north#ticket-1" }, "sk": { "S": "DEFERRED#h" }, "revision": { "N": revision.to_string() },
        "deferral": { "S": to_json(&deferral) }, "due_shard": { "S": "1" }, "next_check": { "N": "1200000" },
    })
}

/// A table with this item and this step, in which another one writes the item this often while a transaction is on its way; and what is
/// written.
struct Table {
    item: Option<Value>,
    step: Option<(&'static str, Outcome)>,
    conflicts: usize,
}

impl Table {
    fn store(self) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let writes: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&writes);
        let config = aws::stub::config_with_responses(move |request: &Value| {
            let mut writes = seen.lock().unwrap();
            if let Some(items) = request.get("TransactItems") {
                writes.push(items.clone());
                if writes.len() > self.conflicts {
                    return (200, json!({}));
                }
                let codes = ["None", "ConditionalCheckFailed"].map(|code| json!({ "Code": code }));
                return (
                    400,
                    json!({ "__type": "TransactionCanceledException", "CancellationReasons": codes }),
                );
            }
            if request["Key"]["sk"]["S"] == "RESULT" {
                let step =
                    self.step.as_ref().map(|(name, outcome)| json!({ *name: { "S": to_json(outcome) } }));
                return (200, json!({ "Item": step }));
            }
            (200, json!({ "Item": self.item }))
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), writes)
    }

    async fn defer(self, resent: Option<Resent>) -> (Result<Outcome, Error>, Vec<Value>) {
        self.defer_until(resent, five_minutes()).await
    }

    async fn defer_until(
        self,
        resent: Option<Resent>,
        until: (Until, Speed),
    ) -> (Result<Outcome, Error>, Vec<Value>) {
        let (store, writes) = self.store();
        let event = Event { resent, ..stage_changed("Approved", "Settled") };
        let action = "e.h.0".parse().unwrap();
        let (north, ticket) = ("north".parse().unwrap(), "ticket-1".parse().unwrap());
        let new = NewDeferral { ticket: &ticket, handler: "h", event: &event, until, action: &action };
        let outcome = store.defer(&north, new, claimant()).await;
        let writes = writes.lock().unwrap().clone();
        (outcome, writes)
    }
}

fn empty() -> Table {
    Table { item: None, step: None, conflicts: 0 }
}

fn until() -> Outcome {
    Outcome::Deferred { until: Timestamp::from_seconds(1_300) }
}

#[tokio::test]
async fn a_decision_is_put_off_in_one_transaction_with_the_step_of_its_action_and_is_in_the_index() {
    let (outcome, writes) = empty().defer(None).await;
    assert_eq!((outcome, writes.len()), (Ok(until()), 1));
    let (step, put) = (&writes[0][0]["Update"], &writes[0][1]["Put"]);
    assert_eq!(
        (&step["Key"]["pk"]["S"], &step["UpdateExpression"]),
        (&json!("ACTION#north#e.h.0"), &json!("SET step_deferred = :outcome"))
    );
    assert_eq!((&put["Item"]["sk"]["S"], &put["ConditionExpression"]), (&json!("DEFERRED#h"), &json!(NEW)));
    assert_eq!(
        (&put["Item"]["next_check"]["N"], &put["Item"]["revision"]["N"]),
        (&json!("1300000"), &json!("1"))
    );
}

#[tokio::test]
async fn it_waits_with_those_that_wait_unless_another_write_comes_before_and_then_again() {
    let (outcome, writes) = Table { item: Some(stored(4)), ..empty() }.defer(None).await;
    assert_eq!(outcome, Ok(until()));
    let put = &writes[0][1]["Put"];
    assert_eq!(
        (&put["ConditionExpression"], &put["ExpressionAttributeValues"][":revision"]["N"]),
        (&json!(UNCHANGED), &json!("4"))
    );
    assert_eq!(put["Item"]["revision"]["N"], "5");
    let (outcome, writes) = Table { item: Some(stored(4)), conflicts: 1, ..empty() }.defer(None).await;
    assert_eq!((outcome, writes.len()), (Ok(until()), 2));
    let (outcome, writes) = Table { conflicts: 9, ..empty() }.defer(None).await;
    assert_eq!((outcome, writes.len()), (Err(Error::VersionConflict), 3));
}

/// An attempt that crashed after it had written, whatever became of the quiet period meanwhile.
#[tokio::test]
async fn a_decision_that_an_earlier_attempt_put_off_is_not_put_off_again() {
    let table = Table { step: Some(("step_deferred", until())), item: Some(stored(4)), ..empty() };
    assert_eq!(table.defer(None).await, (Ok(until()), vec![]));
}

#[tokio::test]
async fn what_an_operator_reprocesses_waits_apart_from_what_is_new_and_each_time_once() {
    let at = Timestamp::from_millis(7);
    let again = [
        Resent { reprocess: true, ..Resent::at(at) },
        Resent { not_performed: true, ..Resent::at(at) },
        Resent { out_of_order: true, ..Resent::at(at) },
    ];
    for resent in again {
        let table = Table { step: Some(("step_deferred", until())), ..empty() };
        let (_, writes) = table.defer(Some(resent)).await;
        assert_eq!(writes[0][1]["Put"]["Item"]["sk"]["S"], "DEFERRED#h#7");
        let table = Table { step: Some(("step_deferred_7", until())), ..empty() };
        assert_eq!(table.defer(Some(resent)).await, (Ok(until()), vec![]));
    }
    let (_, writes) = empty().defer(Some(Resent::at(at))).await;
    assert_eq!(writes[0][1]["Put"]["Item"]["sk"]["S"], "DEFERRED#h", "what was lost waits with what is new");
}

#[tokio::test]
async fn what_waits_is_read_by_its_ticket_and_an_unreadable_item_hides_no_other() {
    let mut damaged = stored(1);
    damaged["deferral"] = json!({ "S": "{" });
    let mut of_replay = stored(2);
    of_replay["sk"] = json!({ "S": "DEFERRED#h#7" });
    let config =
        aws::stub::config_with_responses(move |_| (200, json!({ "Items": [damaged, stored(1), of_replay] })));
    let store = Store::new(aws::dynamodb(&config), "t".to_owned());
    let found = store.deferrals(&"north".parse().unwrap(), &"ticket-1".parse().unwrap()).await.unwrap();
    let found: Vec<_> =
        found.iter().map(|stored| (stored.handler(), stored.revision, stored.due_at())).collect();
    let due_at = Some(Timestamp::from_seconds(1_200));
    assert_eq!(found, [("h", 1, due_at), ("h", 2, due_at)]);
}

#[tokio::test]
async fn a_write_after_another_one_is_refused_and_one_of_which_nothing_waits_leaves_the_index() {
    let writes: Arc<Mutex<Vec<Value>>> = Arc::default();
    let seen = Arc::clone(&writes);
    let config = aws::stub::config_with_responses(move |request: &Value| {
        let mut writes = seen.lock().unwrap();
        writes.push(request.clone());
        if writes.len() > 1 {
            return (400, json!({ "__type": "ConditionalCheckFailedException" }));
        }
        (200, json!({}))
    });
    let store = Store::new(aws::dynamodb(&config), "t".to_owned());
    let north: OrganisationId = "north".parse().unwrap();
    let item: Item = stored(3)
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
            let value = value.as_str().unwrap().to_owned();
            let value = if kind == "N" {
                crate::store::AttributeValue::N(value)
            } else {
                crate::store::AttributeValue::S(value)
            };
            (name.clone(), value)
        })
        .collect();
    assert!(due(&item).unwrap().has_reminder, "the reconciler asks for it");
    let mut stored = StoredDeferral::of(&item).unwrap();
    assert!(stored.deferral.end(Timestamp::from_seconds(1_200)));
    let event = stored.deferral.unpublished(Timestamp::from_seconds(1_200)).unwrap();
    stored.deferral.published(&event.id);
    assert_eq!(store.replace_deferral(&north, &mut stored).await, Ok(()));
    assert_eq!(stored.revision, 4);
    assert_eq!(store.replace_deferral(&north, &mut stored).await, Err(Error::VersionConflict));
    let writes = writes.lock().unwrap();
    assert!(writes[0]["Item"].get("next_check").is_none() && writes[0]["Item"].get("due_shard").is_none());
}

#[tokio::test]
async fn what_is_collected_is_the_owners_or_the_organisations_and_is_due_at_a_time_of_day() {
    for (text, sort_key) in [
        ("owner 17:00 Australia/Sydney", "COLLECTED#h#owner-1"),
        ("organisation 17:00 Australia/Sydney", "COLLECTED#h#"),
    ] {
        let until = (Until::Collect(text.parse().unwrap()), Speed::default());
        let (outcome, writes) = empty().defer_until(None, until).await;
        let due_at = Timestamp::from_seconds(7 * 3_600);
        assert_eq!(outcome, Ok(Outcome::Deferred { until: due_at }), "17:00 at +10:00 in January 1970");
        let item = &writes[0][1]["Put"]["Item"];
        assert_eq!((&item["pk"]["S"], &item["sk"]["S"]), (&json!("ORGANISATION#north"), &json!(sort_key)));
        assert_eq!(item["next_check"]["N"], due_at.as_millis().to_string());
        let parsed: Item = [("pk", "ORGANISATION#north"), ("sk", sort_key)]
            .map(|(name, value)| (name.to_owned(), text_of(value)))
            .into();
        let due = due(&parsed).unwrap();
        assert_eq!((due.ticket, due.has_reminder), (None, true));
    }
}

fn text_of(value: &str) -> crate::store::AttributeValue {
    crate::store::AttributeValue::S(value.to_owned())
}
