//! A model of the table's items that pages change: pauses, organisations' settings, reminders.

use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard};

/// The condition of a request that only asks whether it is allowed.
const NEVER: &str = "attribute_exists(pk) AND attribute_not_exists(pk)";

/// The items. Its clones share them.
#[derive(Clone, Default)]
pub(super) struct Table(Arc<Mutex<Vec<Value>>>);

impl Table {
    pub(super) fn items(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap()
    }

    /// The item of these keys.
    pub(super) fn get(&self, pk: &str, sk: &str) -> Option<Value> {
        self.items().iter().find(|item| item["pk"]["S"] == pk && item["sk"]["S"] == sk).cloned()
    }

    /// The response, if it is about these items.
    pub(super) fn respond(&self, operation: &str, request: &Value) -> Option<(u16, Value)> {
        let failed = || Some((400, json!({ "__type": "ConditionalCheckFailedException" })));
        match operation {
            "PutItem" | "UpdateItem" | "DeleteItem" if request["ConditionExpression"] == NEVER => failed(),
            "PutItem" if request["Item"]["pk"]["S"] != "OPERATIONS" => {
                let item = request["Item"].clone();
                let before = self.taken(&item);
                let revision = &request["ExpressionAttributeValues"][":revision"];
                if request["ConditionExpression"].is_string() && before["revision"] != *revision {
                    self.items().extend(Some(before).filter(Value::is_object));
                    return failed();
                }
                self.items().push(item);
                Some((200, json!({})))
            }
            "DeleteItem" => {
                self.taken(&request["Key"]);
                Some((200, json!({})))
            }
            "UpdateItem" => {
                let mut item = self.taken(&request["Key"]);
                item["state"] = request["ExpressionAttributeValues"][":end"].clone();
                item["ended_at"] = request["ExpressionAttributeValues"][":at"].clone();
                self.items().push(item);
                Some((200, json!({})))
            }
            "Query" => self.queried(&request["ExpressionAttributeValues"]),
            "BatchGetItem"
                if ["REMINDER#", "ACTION#"].iter().any(|part| request.to_string().contains(part)) =>
            {
                let (table, wanted) = request["RequestItems"].as_object()?.iter().next()?;
                let wanted = wanted["Keys"].as_array()?.clone();
                let is_wanted = |item: &&Value| {
                    wanted.iter().any(|key| item["pk"] == key["pk"] && item["sk"] == key["sk"])
                };
                let found: Vec<Value> = self.items().iter().filter(is_wanted).cloned().collect();
                Some((200, json!({ "Responses": { table: found } })))
            }
            _ => None,
        }
    }

    fn queried(&self, values: &Value) -> Option<(u16, Value)> {
        let begins = [":sk", ":prefix", ":reminder"].iter().find_map(|name| values[*name]["S"].as_str());
        let items = self.items();
        let found: Vec<Value> = match (values[":pk"]["S"].as_str(), begins, values[":shard"]["S"].as_str()) {
            (Some("PAUSES"), _, _) => {
                items.iter().filter(|item| item["pk"]["S"] == "PAUSES").cloned().collect()
            }
            (Some(pk), Some(begin), _) if ["HANDLER#", "REMINDER#"].contains(&begin) => {
                let is_of = |item: &&Value| {
                    item["pk"]["S"] == pk && item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with(begin))
                };
                items.iter().filter(is_of).cloned().collect()
            }
            (None, Some("REMINDER#"), Some(shard)) => {
                let until: u64 = values[":until"]["N"].as_str()?.parse().ok()?;
                let is_due = |item: &&Value| {
                    let due: Option<u64> = item["next_check"]["N"].as_str().and_then(|due| due.parse().ok());
                    shard == "0" && item["state"]["S"] == "waits" && due.is_some_and(|due| due <= until)
                };
                items.iter().filter(is_due).cloned().collect()
            }
            _ => return None,
        };
        Some((200, json!({ "Count": found.len(), "Items": found })))
    }

    /// The item of these keys, which is there no more; null if there is none.
    fn taken(&self, key: &Value) -> Value {
        let mut items = self.items();
        let place = items.iter().position(|item| item["pk"] == key["pk"] && item["sk"] == key["sk"]);
        place.map_or(Value::Null, |place| items.remove(place))
    }
}
