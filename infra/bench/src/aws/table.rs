//! The fake of DynamoDB: it stores items, counts units, and ignores conditions, as there is no other writer. What it cannot
//! perform it rejects, so that no write goes uncounted.

use crate::counts::Counts;
use crate::units::{index_units, read_halves, size, write_units};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A key: its partition, and the sort key.
type Key = (String, String);

/// One table.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    items: Arc<Mutex<HashMap<Key, Value>>>,
    /// Units by kind: `write`, of which those of the `index`es, and `read` in halves.
    pub(super) units: Counts,
}

impl Table {
    /// Deletes all items; counts nothing.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// The response; none if it cannot be performed.
    pub(super) fn perform(&self, operation: &str, request: &Value) -> Option<Value> {
        let is_consistent = |of: &Value| of.get("ConsistentRead").and_then(Value::as_bool) == Some(true);
        Some(match operation {
            "BatchGetItem" => {
                let mut found = Map::new();
                for (table, wanted) in request.get("RequestItems")?.as_object()? {
                    let keys = wanted.get("Keys")?.as_array()?;
                    let read = keys.iter().filter_map(|key| self.read(key, is_consistent(wanted)));
                    found.insert(table.clone(), read.collect());
                }
                json!({ "Responses": found, "UnprocessedKeys": {} })
            }
            "GetItem" => match self.read(request.get("Key")?, is_consistent(request)) {
                Some(item) => json!({ "Item": item }),
                None => json!({}),
            },
            // No measured function finds anything by a query, but each pays for it.
            "Query" => {
                self.units.add("read", read_halves(0, is_consistent(request)));
                json!({ "Items": [], "Count": 0 })
            }
            "PutItem" | "UpdateItem" | "DeleteItem" => {
                let (before, after) = self.write(operation, request, false)?;
                match request.get("ReturnValues").and_then(Value::as_str) {
                    Some("ALL_OLD") => json!({ "Attributes": before }),
                    Some("ALL_NEW") => json!({ "Attributes": after }),
                    _ => json!({}),
                }
            }
            "TransactWriteItems" => {
                for item in request.get("TransactItems")?.as_array()? {
                    for (operation, write) in item.as_object()? {
                        self.write(&format!("{operation}Item"), write, true)?;
                    }
                }
                json!({})
            }
            "BatchExecuteStatement" => {
                let statements = request.get("Statements")?.as_array()?.iter();
                let responses: Option<Vec<Value>> =
                    statements.map(|statement| self.execute(statement).map(|_written| json!({}))).collect();
                json!({ "Responses": responses? })
            }
            _ => return None,
        })
    }

    /// Executes a `PartiQL` statement that inserts an item, or sets and removes attributes of one.
    fn execute(&self, statement: &Value) -> Option<(Option<Value>, Option<Value>)> {
        let text = statement.get("Statement")?.as_str()?;
        let mut parameters = statement.get("Parameters")?.as_array()?.iter().cloned();
        if text.starts_with("INSERT INTO ") {
            let (_, names) = text.split_once(" VALUE {")?;
            let names = names.strip_suffix('}')?.split(", ");
            let names = names.map(|name| Some(name.strip_prefix('\'')?.strip_suffix("': ?")?.to_owned()));
            let names: Option<Vec<String>> = names.collect();
            let item: Map<String, Value> = names?.into_iter().zip(parameters).collect();
            return self.write("PutItem", &json!({ "Item": item }), false);
        }
        let (changes, condition) = text.strip_prefix("UPDATE ")?.split_once(" WHERE ")?;
        let mut item_changes = Map::new();
        let mut removed = Vec::new();
        let mut words = changes.split(' ').skip(1);
        while let Some(word) = words.next() {
            let name = words.next()?.trim_matches('"').to_owned();
            match word {
                "SET" => {
                    (words.next()? == "=" && words.next()? == "?").then_some(())?;
                    item_changes.insert(name, parameters.next()?);
                }
                "REMOVE" => removed.push(name),
                _ => return None,
            }
        }
        let of =
            condition.split(" AND ").map(|part| part.strip_suffix(" = ?").map(|name| name.trim_matches('"')));
        let of: Option<Vec<&str>> = of.collect();
        let key: Map<String, Value> = of?
            .into_iter()
            .map(str::to_owned)
            .zip(parameters)
            .filter(|(name, _)| name == "pk" || name == "sk")
            .collect();
        let names = item_changes.keys().enumerate().map(|(at, name)| (format!("#{at}"), name.clone()));
        let set: Vec<String> = (0..item_changes.len()).map(|at| format!("#{at} = :{at}")).collect();
        let values: Map<String, Value> =
            item_changes.values().enumerate().map(|(at, value)| (format!(":{at}"), value.clone())).collect();
        let removal =
            if removed.is_empty() { String::new() } else { format!(" REMOVE {}", removed.join(", ")) };
        let update = json!({
            "Key": key,
            "UpdateExpression": format!("SET {}{removal}", set.join(", ")),
            "ExpressionAttributeNames": names.collect::<HashMap<_, _>>(),
            "ExpressionAttributeValues": values,
        });
        self.write("UpdateItem", &update, false)
    }

    /// An item, if it is there.
    fn read(&self, key: &Value, is_consistent: bool) -> Option<Value> {
        let item = primary_key(key).and_then(|key| self.lock().get(&key).cloned());
        self.units.add("read", read_halves(item.as_ref().map_or(0, size), is_consistent));
        item
    }

    /// Performs a put, an update or a deletion, and counts its units; the item before and after it.
    fn write(
        &self,
        operation: &str,
        request: &Value,
        is_in_transaction: bool,
    ) -> Option<(Option<Value>, Option<Value>)> {
        let mut items = self.lock();
        let key = request.get("Item").or_else(|| request.get("Key"))?;
        let position = primary_key(key)?;
        let before = items.get(&position).cloned();
        let after = match operation {
            "PutItem" => Some(request.get("Item")?.clone()),
            "UpdateItem" => Some(updated(before.as_ref().unwrap_or(key), request)?),
            "DeleteItem" => None,
            _ => return None,
        };
        self.units.add("write", write_units(before.as_ref(), after.as_ref(), is_in_transaction));
        self.units.add("index", index_units(before.as_ref(), after.as_ref()));
        match &after {
            Some(after) => items.insert(position, after.clone()),
            None => items.remove(&position),
        };
        Some((before, after))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Value>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// After an update of the form `SET a = :x, #b = :y REMOVE c`, either of which may be missing; none if it has another form.
fn updated(before: &Value, request: &Value) -> Option<Value> {
    let mut item = before.clone();
    let name_of = |text: &str| {
        if text.starts_with('#') {
            return Some(request.get("ExpressionAttributeNames")?.get(text)?.as_str()?.to_owned());
        }
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (is_plain && !text.is_empty()).then(|| text.to_owned())
    };
    let expression = request.get("UpdateExpression")?.as_str()?;
    let (set, removed) = match expression.split_once("REMOVE ") {
        Some((set, removed)) => (set.trim_end(), Some(removed)),
        None => (expression, None),
    };
    for name in removed.into_iter().flat_map(|names| names.split(", ")) {
        item.as_object_mut()?.remove(&name_of(name)?);
    }
    for change in
        set.strip_prefix("SET ").or(set.is_empty().then_some(""))?.split(", ").filter(|it| !it.is_empty())
    {
        let (name, value) = change.split_once(" = ")?;
        let value = request.get("ExpressionAttributeValues")?.get(value)?;
        item.as_object_mut()?.insert(name_of(name)?, value.clone());
    }
    Some(item)
}

fn primary_key(key: &Value) -> Option<Key> {
    let part = |name: &str| Some(key.get(name)?.get("S")?.as_str()?.to_owned());
    Some((part("pk")?, part("sk")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_insert_and_update_items_at_the_price_of_single_writes() {
        let table = Table::default();
        let statement =
            |text: &str, parameters: Value| json!({ "Statement": text, "Parameters": parameters });
        let insert = |sk: &str| {
            let parameters = json!([{ "S": "p" }, { "S": sk }, { "S": "claimed" }, { "S": "i" }]);
            statement("INSERT INTO \"a-store\" VALUE {'pk': ?, 'sk': ?, 'state': ?, 'owner': ?}", parameters)
        };
        let batch =
            |statements: Value| table.perform("BatchExecuteStatement", &json!({ "Statements": statements }));
        assert_eq!(batch(json!([insert("1"), insert("2")])), Some(json!({ "Responses": [{}, {}] })));
        assert_eq!(table.units.take().get("write"), Some(&2));
        let text = r#"UPDATE "a-store" SET "state" = ? SET "result" = ? REMOVE "owner" WHERE "pk" = ? AND "sk" = ? AND "state" = ?"#;
        let parameters =
            json!([{ "S": "done" }, { "S": "r" }, { "S": "p" }, { "S": "2" }, { "S": "claimed" }]);
        assert_eq!(batch(json!([statement(text, parameters)])), Some(json!({ "Responses": [{}] })));
        assert_eq!(table.units.take().get("write"), Some(&1));
        let item = table.read(&json!({ "pk": { "S": "p" }, "sk": { "S": "2" } }), false).unwrap();
        let expected = json!({ "pk": { "S": "p" }, "sk": { "S": "2" }, "state": { "S": "done" }, "result": { "S": "r" } });
        assert_eq!(item, expected);
        assert_eq!(batch(json!([statement("DELETE FROM \"a-store\"", json!([]))])), None);
    }

    fn key() -> Value {
        json!({ "pk": { "S": "p" }, "sk": { "S": "s" } })
    }

    fn read(table: &Table) -> Value {
        let wanted = json!({ "RequestItems": { "t": { "Keys": [key()], "ConsistentRead": true } } });
        table.perform("BatchGetItem", &wanted).unwrap().pointer("/Responses/t/0").unwrap().clone()
    }

    #[test]
    fn what_a_transaction_put_and_an_update_set_is_read_back() {
        let table = Table::default();
        let item = json!({ "pk": { "S": "p" }, "sk": { "S": "s" }, "outbox": { "S": "full" }, "unpublished": { "N": "1" } });
        table
            .perform("TransactWriteItems", &json!({ "TransactItems": [{ "Put": { "Item": item } }] }))
            .unwrap();
        let update = json!({
            "Key": key(),
            "UpdateExpression": "SET #o = :empty, next_check = :next REMOVE unpublished, unpublished_since",
            "ExpressionAttributeNames": { "#o": "outbox" },
            "ExpressionAttributeValues": { ":empty": { "S": "[]" }, ":next": { "N": "7" } },
        });
        table.perform("TransactWriteItems", &json!({ "TransactItems": [{ "Update": update }] })).unwrap();
        let item = read(&table);
        assert_eq!((&item["outbox"]["S"], &item["next_check"]["N"]), (&json!("[]"), &json!("7")));
        assert!(item.get("unpublished").is_none(), "{item}");
        assert_eq!(
            table.units.take(),
            [("index", 0), ("read", 2), ("write", 4)].map(|(kind, units)| (kind.to_owned(), units)).into()
        );
    }

    #[test]
    fn what_it_cannot_perform_it_rejects() {
        let table = Table::default();
        for expression in [
            "ADD n :one",
            "SET a = if_not_exists(a, :one)",
            "DELETE s :one",
            "SET a = :missing",
            "SET a.b = :one",
            "SET #x = :one",
        ] {
            let update = json!({
                "Key": key(), "UpdateExpression": expression, "ExpressionAttributeValues": { ":one": { "N": "1" } },
            });
            assert_eq!(table.perform("UpdateItem", &update), None, "{expression}");
        }
        let check = json!({ "TransactItems": [{ "ConditionCheck": { "Key": key() } }] });
        assert_eq!(table.perform("TransactWriteItems", &check), None);
        assert!(table.units.take().is_empty());
    }

    #[test]
    fn an_update_returns_the_item_before_it() {
        let table = Table::default();
        let update = |value: &str| {
            json!({
                "Key": key(), "UpdateExpression": "SET a = :a", "ReturnValues": "ALL_OLD",
                "ExpressionAttributeValues": { ":a": { "S": value } },
            })
        };
        assert_eq!(table.perform("UpdateItem", &update("1")).unwrap(), json!({ "Attributes": null }));
        let before = table.perform("UpdateItem", &update("2")).unwrap();
        assert_eq!(before["Attributes"]["a"]["S"], "1");
        table.perform("UpdateItem", &json!({ "Key": key(), "UpdateExpression": "REMOVE a" })).unwrap();
        assert_eq!(read(&table), key());
    }
}
