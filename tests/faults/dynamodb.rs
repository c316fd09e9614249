//! What is peculiar to DynamoDB: keys that are not processed, statements that fail, transactions that are cancelled, indexes that are
//! behind.

use crate::call::{Body, Call};
use fastrand::Rng;
use serde_json::{Value, json};

/// The number of keys of a `BatchGetItem`.
pub(crate) fn count_keys(call: &Call) -> usize {
    let tables = call.parameter("RequestItems").and_then(Value::as_object);
    let keys = tables.into_iter().flat_map(|tables| tables.values()).filter_map(keys_of);
    keys.map(Vec::len).sum()
}

/// The number of writes of a `TransactWriteItems`.
pub(crate) fn count_writes(call: &Call) -> usize {
    call.parameter("TransactItems").and_then(Value::as_array).map_or(0, Vec::len)
}

/// The number of statements of a `BatchExecuteStatement`.
pub(crate) fn count_statements(call: &Call) -> usize {
    call.parameter("Statements").and_then(Value::as_array).map_or(0, Vec::len)
}

/// Takes one statement out of a `BatchExecuteStatement` of several, and returns its position.
pub(crate) fn take_statement(call: &mut Call, random: &mut Rng) -> Option<usize> {
    let Body::Json(json) = &mut call.body else { return None };
    let statements = json.get_mut("Statements")?.as_array_mut().filter(|all| all.len() > 1)?;
    let position = random.usize(..statements.len());
    statements.remove(position);
    Some(position)
}

/// The response with an error of this code for the statement that was taken out.
pub(crate) fn with_failed_statement(response: &str, position: usize, code: &str) -> Option<String> {
    let mut json: Value = serde_json::from_str(response).ok()?;
    let responses = json.get_mut("Responses")?.as_array_mut()?;
    let error = json!({ "Error": { "Code": code, "Message": "injected by the fault proxy" } });
    responses.insert(position.min(responses.len()), error);
    Some(json.to_string())
}

/// Takes some keys out of a `BatchGetItem`, and returns them as the response's `UnprocessedKeys`. At least one key stays.
pub(crate) fn take_keys(call: &mut Call, random: &mut Rng) -> Option<Value> {
    let Body::Json(json) = &mut call.body else { return None };
    let tables = json.get_mut("RequestItems")?.as_object_mut()?;
    let (name, table) =
        tables.iter_mut().find(|(_, table)| keys_of(table).is_some_and(|keys| keys.len() > 1))?;
    let mut unprocessed = table.clone();
    let keys = table.get_mut("Keys")?.as_array_mut()?;
    let count = random.usize(1..keys.len());
    let taken = keys.split_off(count);
    *unprocessed.get_mut("Keys")? = Value::Array(taken);
    Some(json!({ name: unprocessed }))
}

/// The response with these unprocessed keys.
pub(crate) fn with_unprocessed(response: &str, keys: Value) -> Option<String> {
    let mut json: Value = serde_json::from_str(response).ok()?;
    json.get("Responses")?;
    json.as_object_mut()?.insert("UnprocessedKeys".to_owned(), keys);
    Some(json.to_string())
}

/// The reasons of a cancelled transaction of `count` items: at least one is not `None`.
pub(crate) fn reasons(reasons: &[String], count: usize, random: &mut Rng) -> Value {
    let culprit = random.usize(..count.max(1));
    let of = |index: usize, random: &mut Rng| {
        let causes: Vec<&String> =
            reasons.iter().filter(|reason| index != culprit || *reason != "None").collect();
        let code = random.choice(causes).map_or("TransactionConflict", String::as_str);
        if code == "None" {
            json!({ "Code": code })
        } else {
            json!({ "Code": code, "Message": "injected by the fault proxy" })
        }
    };
    (0..count).map(|index| of(index, random)).collect()
}

/// The response to a `Query` without its last item, or some of its last.
pub(crate) fn without_last_items(response: &str, random: &mut Rng) -> Option<String> {
    let mut json: Value = serde_json::from_str(response).ok()?;
    let items = json.get_mut("Items")?.as_array_mut()?;
    let length = items.len().checked_sub(1)?;
    items.truncate(random.usize(..=length));
    let count = items.len();
    json.as_object_mut()?.insert("Count".to_owned(), json!(count));
    Some(json.to_string())
}

fn keys_of(table: &Value) -> Option<&Vec<Value>> {
    table.get("Keys")?.as_array()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Service;

    fn call(body: Value) -> Call {
        Call { service: Service::DynamoDb, operation: "x".to_owned(), body: Body::Json(body) }
    }

    #[test]
    fn a_key_is_either_read_or_unprocessed() {
        for seed in 0..20 {
            let mut call =
                call(json!({ "RequestItems": { "t": { "Keys": [1, 2, 3], "ConsistentRead": true } } }));
            assert_eq!(count_keys(&call), 3);
            let unprocessed = take_keys(&mut call, &mut Rng::with_seed(seed)).unwrap();
            let mut all = call.parameter("RequestItems").unwrap()["t"]["Keys"].as_array().unwrap().clone();
            assert!(!all.is_empty() && all.len() < 3);
            all.extend(unprocessed["t"]["Keys"].as_array().unwrap().clone());
            assert_eq!(all, [1, 2, 3]);
            assert_eq!(unprocessed["t"]["ConsistentRead"], true, "it can be sent again as it is");
            let merged =
                with_unprocessed(r#"{"Responses": {}, "UnprocessedKeys": {}}"#, unprocessed).unwrap();
            assert!(merged.contains("ConsistentRead"), "{merged}");
        }
    }

    #[test]
    fn a_statement_that_fails_is_not_executed_and_has_an_error_in_its_place() {
        for seed in 0..20 {
            let mut call = call(json!({ "Statements": ["a", "b", "c"] }));
            let position = take_statement(&mut call, &mut Rng::with_seed(seed)).unwrap();
            assert_eq!(count_statements(&call), 2);
            let response =
                with_failed_statement(r#"{"Responses": [{}, {}]}"#, position, "ThrottlingError").unwrap();
            let response: Value = serde_json::from_str(&response).unwrap();
            let failed = |index: usize| response["Responses"][index].get("Error").is_some();
            assert_eq!([0, 1, 2].map(failed), [0, 1, 2].map(|index| index == position));
        }
        assert_eq!(take_statement(&mut call(json!({ "Statements": ["a"] })), &mut Rng::with_seed(1)), None);
    }

    #[test]
    fn a_cancelled_transaction_has_a_reason_for_each_item_and_a_cause() {
        let all = ["TransactionConflict", "None"].map(str::to_owned);
        for seed in 0..20 {
            let reasons = reasons(&all, 3, &mut Rng::with_seed(seed));
            let codes: Vec<&str> =
                reasons.as_array().unwrap().iter().filter_map(|one| one["Code"].as_str()).collect();
            assert_eq!(codes.len(), 3);
            assert!(codes.contains(&"TransactionConflict"), "{codes:?}");
        }
        assert_eq!(count_writes(&call(json!({ "TransactItems": [1, 2] }))), 2);
    }

    #[test]
    fn a_stale_index_misses_at_least_one_item() {
        for seed in 0..20 {
            let stale = without_last_items(r#"{"Items": [1, 2, 3], "Count": 3}"#, &mut Rng::with_seed(seed));
            let stale: Value = serde_json::from_str(&stale.unwrap()).unwrap();
            let items = stale["Items"].as_array().unwrap();
            assert!(items.len() < 3);
            assert_eq!(stale["Count"], items.len());
        }
        assert_eq!(without_last_items(r#"{"Items": [], "Count": 0}"#, &mut Rng::with_seed(1)), None);
    }
}
