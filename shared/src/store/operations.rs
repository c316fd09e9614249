//! What operators changed: an item for each command, kept for a year. Who ran it, when, which command, and how many things it
//! changed; never a person's data of a brokerage, and no value that was typed in.

use super::keys::{OPERATIONS, operation_key, operation_sort_key};
use super::{Error, Item, Store, number, text, unavailable, unusable};
use crate::clock::Timestamp;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use strum::{EnumString, IntoStaticStr};

/// Operations are kept for this long.
const KEPT_FOR: Duration = Duration::from_hours(365 * 24);

/// A command that changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// When it began.
    pub at: Timestamp,
    /// Distinguishes it from another one of the same millisecond.
    pub id: String,
    /// Who ran it: an ARN of AWS STS, or the access key's id.
    pub operator: String,
    /// The command, such as `dlq redrive`.
    pub command: String,
    /// What it was limited to, such as `--reason not_found`.
    pub scope: String,
    /// How it went.
    pub state: OperationState,
    /// The number of things that it changed, so far if it runs; none if that is not known.
    pub changed: Option<u64>,
    /// Where the same command goes on, as the command wrote it: ids and times. None if it need not, or did all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

/// How an operation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OperationState {
    /// It runs, or was interrupted.
    Started,
    /// It ended.
    Done,
    /// Its operator interrupted it after it had changed a part.
    Interrupted,
    /// It ended with an error, and may have changed a part.
    Failed,
}

impl Store {
    /// Stores an operation, or how it went.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn record_operation(&self, operation: &Operation) -> Result<(), Error> {
        let Operation { at, id, operator, command, scope, state, changed, resume } = operation;
        let mut item = operation_key(*at, id);
        for (name, value) in [("operator", operator), ("command", command), ("scope", scope)] {
            item.insert(name.to_owned(), text(value));
        }
        item.insert("id".to_owned(), text(id));
        item.insert("at".to_owned(), number(at.as_millis()));
        item.insert("state".to_owned(), text(<&str>::from(*state)));
        item.insert("expires".to_owned(), number(at.later(KEPT_FOR).as_seconds()));
        if let Some(changed) = changed {
            item.insert("changed".to_owned(), number(*changed));
        }
        if let Some(resume) = resume {
            item.insert("resume".to_owned(), text(resume));
        }
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// The operations from this time on, newest first, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn operations(&self, since: Timestamp) -> Result<Vec<Operation>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = request
            .key_condition_expression("pk = :pk AND sk >= :since")
            .expression_attribute_values(":pk", text(OPERATIONS))
            .expression_attribute_values(":since", text(operation_sort_key(since, "")))
            .scan_index_forward(false);
        let mut pages = request.into_paginator().items().send();
        let mut operations = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            operations.push(operation(&item)?);
        }
        Ok(operations)
    }
}

fn operation(item: &Item) -> Result<Operation, Error> {
    let field = |name: &'static str| {
        let value = item.get(name).and_then(|value| value.as_s().ok());
        value.cloned().ok_or_else(|| unusable(item, name, None))
    };
    let count = |name: &str| item.get(name).and_then(|value| AttributeValue::as_n(value).ok()?.parse().ok());
    Ok(Operation {
        at: count("at").map(Timestamp::from_millis).ok_or_else(|| unusable(item, "at", None))?,
        id: field("id")?,
        operator: field("operator")?,
        command: field("command")?,
        scope: field("scope")?,
        state: field("state")?.parse().ok().ok_or_else(|| unusable(item, "state", None))?,
        changed: count("changed"),
        resume: item.get("resume").and_then(|resume| resume.as_s().ok()).cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    /// A table that has what was put into it.
    fn store() -> (Store, Arc<Mutex<Vec<Value>>>) {
        let items: Arc<Mutex<Vec<Value>>> = Arc::default();
        let table = Arc::clone(&items);
        let config = aws::stub::config_with_responses(move |request| {
            let mut items = table.lock().unwrap();
            if let Some(item) = request.get("Item") {
                items.retain(|other| other["sk"] != item["sk"]);
                items.push(item.clone());
                return (200, json!({}));
            }
            let since = request["ExpressionAttributeValues"][":since"]["S"].as_str().unwrap();
            let mut found: Vec<&Value> =
                items.iter().filter(|item| item["sk"]["S"].as_str().unwrap() >= since).collect();
            found.reverse();
            (200, json!({ "Items": found }))
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), items)
    }

    fn operation(seconds: u64, id: &str) -> Operation {
        Operation {
            at: Timestamp::from_seconds(seconds),
            id: id.to_owned(),
            operator: "arn:aws:iam::111122223333:user/operator".to_owned(),
            command: "dlq redrive".to_owned(),
            scope: "--reason not_found".to_owned(),
            state: OperationState::Started,
            changed: None,
            resume: None,
        }
    }

    #[tokio::test]
    async fn an_operation_is_kept_for_a_year_and_its_end_replaces_its_start() {
        let (store, items) = store();
        let [old, start] = [operation(999_999_999, "a"), operation(1_000_000_000, "b")];
        let resume = Some("{\"after\":\"e\"}".to_owned());
        let end = Operation { state: OperationState::Interrupted, changed: Some(3), resume, ..start.clone() };
        for operation in [&old, &start, &end] {
            store.record_operation(operation).await.unwrap();
        }
        assert_eq!(store.operations(Timestamp::from_seconds(0)).await.unwrap(), [end.clone(), old]);
        assert_eq!(store.operations(start.at).await.unwrap(), [end]);
        assert_eq!(items.lock().unwrap()[1]["expires"]["N"], "1031536000");
        assert_eq!(items.lock().unwrap()[1]["pk"]["S"], "OPERATIONS");
    }
}
