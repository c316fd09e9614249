//! A table in memory for tests of writers that compete or crash: it judges the conditions that the writes of versions, entries and
//! outboxes have.

use super::Store;
use crate::aws;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Key = (String, String);

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not performed.
    Refused,
    /// It is performed, and its response is lost.
    ResponseLost,
}

#[derive(Debug, Clone, Default)]
pub(super) struct FakeTable {
    items: Arc<Mutex<BTreeMap<Key, Map<String, Value>>>>,
    /// The kinds of the requests, in their order.
    requests: Arc<Mutex<Vec<&'static str>>>,
    /// What becomes of the next request of a kind.
    fault: Arc<Mutex<Option<(&'static str, Fault)>>>,
}

impl FakeTable {
    pub(super) fn store(&self) -> Store {
        let table = self.clone();
        let config = aws::stub::config_with_responses(move |request| table.respond(request));
        Store::new(aws::dynamodb(&config), "t".to_owned())
    }

    /// The next request of this kind has this fault.
    pub(super) fn fail_next(&self, kind: &'static str, fault: Fault) {
        *self.fault.lock().unwrap() = Some((kind, fault));
    }

    /// The kinds of the requests since the last call.
    pub(super) fn requests(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    pub(super) fn item(&self, pk: &str, sk: &str) -> Option<Value> {
        self.items.lock().unwrap().get(&(pk.to_owned(), sk.to_owned())).cloned().map(Value::Object)
    }

    /// Stores an item as it is.
    pub(super) fn insert(&self, item: Value) {
        let Value::Object(item) = item else { panic!("{item}") };
        self.items.lock().unwrap().insert(key_of(&item), item);
    }

    fn respond(&self, request: &Value) -> (u16, Value) {
        let kinds = [
            ("RequestItems", "BatchGetItem"),
            ("Statements", "BatchExecuteStatement"),
            ("TransactItems", "TransactWriteItems"),
            ("KeyConditionExpression", "Query"),
            ("Item", "PutItem"),
            ("UpdateExpression", "UpdateItem"),
        ];
        let kind = kinds.iter().find(|(field, _)| request.get(field).is_some()).unwrap().1;
        self.requests.lock().unwrap().push(kind);
        let fault = self.fault.lock().unwrap().take_if(|(of, _)| *of == kind).map(|(_, fault)| fault);
        let response = if fault == Some(Fault::Refused) { None } else { Some(self.perform(kind, request)) };
        match (fault, response) {
            (None, Some(response)) => response,
            (Some(_), _) | (None, None) => (500, json!({ "__type": "InternalServerError" })),
        }
    }

    fn perform(&self, kind: &str, request: &Value) -> (u16, Value) {
        let failed = (400, json!({ "__type": "ConditionalCheckFailedException" }));
        match kind {
            "BatchGetItem" => {
                let keys = request["RequestItems"]["t"]["Keys"].as_array().unwrap();
                let found = keys.iter().filter_map(|key| {
                    let (pk, sk) = key_of(key.as_object().unwrap());
                    self.item(&pk, &sk)
                });
                (200, json!({ "Responses": { "t": found.collect::<Vec<_>>() } }))
            }
            "Query" => {
                let value =
                    |name: &str| request["ExpressionAttributeValues"][name]["S"].as_str().unwrap().to_owned();
                let (pk, first, last) = (value(":pk"), value(":first"), value(":last"));
                let items = self.items.lock().unwrap();
                let found = items.range((pk.clone(), first)..=(pk, last)).map(|(_, item)| item.clone());
                let mut found: Vec<Map<String, Value>> = found.collect();
                if request.get("ScanIndexForward") == Some(&json!(false)) {
                    found.reverse();
                }
                (200, json!({ "Items": found }))
            }
            "PutItem" | "UpdateItem" => {
                if self.write(request) {
                    (200, json!({}))
                } else {
                    failed
                }
            }
            "TransactWriteItems" => {
                let writes = request["TransactItems"].as_array().unwrap();
                let writes: Vec<&Value> =
                    writes.iter().map(|write| write.as_object().unwrap().values().next().unwrap()).collect();
                let codes = writes.iter().map(|write| {
                    json!({ "Code": if self.holds(write) { "None" } else { "ConditionalCheckFailed" } })
                });
                let codes: Vec<Value> = codes.collect();
                if codes.iter().any(|code| code["Code"] != "None") {
                    let canceled =
                        json!({ "__type": "TransactionCanceledException", "CancellationReasons": codes });
                    return (400, canceled);
                }
                for write in writes {
                    assert!(self.write(write));
                }
                (200, json!({}))
            }
            "BatchExecuteStatement" => {
                let statements = request["Statements"].as_array().unwrap().iter();
                let responses = statements.map(|statement| self.execute(statement));
                (200, json!({ "Responses": responses.collect::<Vec<_>>() }))
            }
            _ => panic!("{kind}"),
        }
    }

    fn execute(&self, statement: &Value) -> Value {
        let text = statement["Statement"].as_str().unwrap();
        let mut parameters = statement["Parameters"].as_array().unwrap().iter().cloned();
        if let Some((_, names)) = text.split_once(" VALUE {") {
            let names = names
                .trim_end_matches('}')
                .split(", ")
                .map(|name| name.split('\'').nth(1).unwrap().to_owned());
            let item: Map<String, Value> = names.zip(parameters).collect();
            let request = json!({ "Item": item, "ConditionExpression": "attribute_not_exists(pk)" });
            let is_done = self.write(&request);
            return if is_done { json!({}) } else { json!({ "Error": { "Code": "DuplicateItem" } }) };
        }
        let (changes, of) = text.split_once(" WHERE ").unwrap();
        let (mut set, mut values, mut removed) = (Vec::new(), Map::new(), Vec::new());
        let words: Vec<&str> = changes.split(' ').skip(2).collect();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let name = words.next().unwrap().trim_matches('"');
            if word == "REMOVE" {
                removed.push(name);
                continue;
            }
            assert_eq!((word, words.next(), words.next()), ("SET", Some("="), Some("?")));
            set.push(format!("{name} = :{name}"));
            values.insert(format!(":{name}"), parameters.next().unwrap());
        }
        assert_eq!(of, "\"pk\" = ? AND \"sk\" = ? AND \"version\" = ?");
        let key = json!({ "pk": parameters.next().unwrap(), "sk": parameters.next().unwrap() });
        values.insert(":before".to_owned(), parameters.next().unwrap());
        values.insert(":zero".to_owned(), json!({ "N": "0" }));
        let removal =
            if removed.is_empty() { String::new() } else { format!(" REMOVE {}", removed.join(", ")) };
        let request = json!({
            "Key": key, "UpdateExpression": format!("SET {}{removal}", set.join(", ")),
            "ConditionExpression": "version = :before", "ExpressionAttributeValues": values,
        });
        let is_done = self.write(&request);
        if is_done { json!({}) } else { json!({ "Error": { "Code": "ConditionalCheckFailed" } }) }
    }

    /// Whether the condition of a write holds.
    fn holds(&self, write: &Value) -> bool {
        let key = write.get("Item").or_else(|| write.get("Key")).unwrap();
        let items = self.items.lock().unwrap();
        let stored = items.get(&key_of(key.as_object().unwrap()));
        let value = |name: &str| &write["ExpressionAttributeValues"][name];
        let is_version = |name: &str| stored.is_some_and(|item| item.get("version") == Some(value(name)));
        match write.get("ConditionExpression").and_then(Value::as_str) {
            None => true,
            Some("attribute_not_exists(pk)") => stored.is_none(),
            Some("version = :version") => is_version(":version"),
            Some("version = :before") => is_version(":before"),
            Some("attribute_not_exists(pk) AND :before = :zero OR version = :before") => {
                stored.is_none() && value(":before") == value(":zero") || is_version(":before")
            }
            Some(condition) => panic!("{condition}"),
        }
    }

    /// Performs a write if its condition holds.
    fn write(&self, write: &Value) -> bool {
        if !self.holds(write) {
            return false;
        }
        if let Some(item) = write.get("Item") {
            self.insert(item.clone());
            return true;
        }
        let key = write["Key"].as_object().unwrap();
        let mut items = self.items.lock().unwrap();
        let item = items.entry(key_of(key)).or_insert_with(|| key.clone());
        let expression = write["UpdateExpression"].as_str().unwrap();
        let (set, removed) = expression.split_once(" REMOVE ").unwrap_or((expression, ""));
        for change in set.strip_prefix("SET ").unwrap().split(", ") {
            let (name, value) = change.split_once(" = ").unwrap();
            item.insert(name.to_owned(), write["ExpressionAttributeValues"][value].clone());
        }
        for name in removed.split(", ") {
            item.remove(name);
        }
        true
    }
}

fn key_of(item: &Map<String, Value>) -> Key {
    let part = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
    (part("pk"), part("sk"))
}
