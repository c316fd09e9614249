//! What alarms are sounding, and what people were sent about it: an item for each problem, so that alarm-notifier repeats nothing. Each
//! write is conditional on the revision that was read, so that of two invocations one goes on.

use super::keys::{PROBLEMS, problem_key};
use super::{
    Error, Item, Store, decode, number, report_unreadable, text, unavailable, unless_condition_failed,
};
use crate::clock::Timestamp;
use crate::json;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A problem that one alarm or several report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The name of the alarm that was reported last.
    pub alarm: String,
    /// When it began.
    pub since: Timestamp,
    /// The ids of its alarms that sound. If none does, it is over.
    pub sounding: BTreeSet<String>,
    /// The time of the last change of each of its alarms.
    pub changes: BTreeMap<String, Timestamp>,
    /// How often it came back within an hour of its end, plus one.
    pub episodes: u32,
    /// The value of the metric at the last change, with its unit.
    pub value: Option<String>,
    /// When a notice was last sent, or is to be sent.
    pub notified_at: Timestamp,
    /// Whether its end was reported, or need not be.
    pub is_resolved: bool,
    /// A notice that is not known to be sent.
    pub unsent: Option<UnsentNotice>,
}

/// A notice that an invocation is sending, or failed to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnsentNotice {
    /// What it reports.
    pub kind: NoticeKind,
    /// When the invocation began to send it.
    pub claimed_at: Timestamp,
}

/// What a notice reports of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// It began.
    Started,
    /// It came back soon after its end, for the first time. Later returns are not reported.
    Returned,
    /// It lasts for another day.
    Reminder,
    /// It is over.
    Resolved,
}

/// A problem as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredProblem {
    /// Its key, which the caller chose.
    pub key: String,
    /// The number of its writes; 0 if it is not stored.
    pub revision: u64,
    /// The problem; none if it is not stored, or cannot be read.
    pub problem: Option<Problem>,
}

impl Store {
    /// The problem with this key, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn problem(&self, key: &str) -> Result<StoredProblem, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let response = request.set_key(Some(problem_key(key))).send().await;
        let item = response.map_err(|error| unavailable(&error))?.item;
        Ok(item
            .map_or_else(|| StoredProblem { key: key.to_owned(), revision: 0, problem: None }, |i| read(&i)))
    }

    /// All problems.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn problems(&self) -> Result<Vec<StoredProblem>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request =
            request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(PROBLEMS));
        let mut pages = request.into_paginator().items().send();
        let mut problems = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            problems.push(read(&item));
        }
        Ok(problems)
    }

    /// Stores a problem in place of the one that was read. `None` if another invocation was faster; else its new revision.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_problem(&self, read: &StoredProblem, problem: &Problem) -> Result<Option<u64>, Error> {
        let revision = read.revision.saturating_add(1);
        let mut item = problem_key(&read.key);
        item.insert("problem".to_owned(), text(json::to_json(problem)));
        item.insert("revision".to_owned(), number(revision));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = if read.revision == 0 {
            request.condition_expression("attribute_not_exists(revision)")
        } else {
            let request = request.condition_expression("revision = :read");
            request.expression_attribute_values(":read", number(read.revision))
        };
        unless_condition_failed(request.send().await).map(|stored| stored.map(|_| revision))
    }

    /// Deletes a problem that is over, unless another invocation changed it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_problem(&self, read: &StoredProblem) -> Result<(), Error> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(problem_key(&read.key)));
        let request = request
            .condition_expression("revision = :read")
            .expression_attribute_values(":read", number(read.revision));
        unless_condition_failed(request.send().await).map(drop)
    }
}

/// A problem that cannot be read is reported anew at the alarm's next change.
fn read(item: &Item) -> StoredProblem {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let revision = item.get("revision").and_then(|value| AttributeValue::as_n(value).ok()?.parse().ok());
    let problem = decode(item, "problem").inspect_err(|error| report_unreadable(item, error)).ok();
    StoredProblem { key: part("sk"), revision: revision.unwrap_or_default(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn problem() -> Problem {
        let at = Timestamp::from_seconds(1_790_000_000);
        Problem {
            alarm: "automations-outbox-backlog".to_owned(),
            since: at,
            sounding: BTreeSet::from(["outbox-backlog".to_owned()]),
            changes: BTreeMap::from([("outbox-backlog".to_owned(), at)]),
            episodes: 1,
            value: Some("3 events".to_owned()),
            notified_at: at,
            is_resolved: false,
            unsent: Some(UnsentNotice { kind: NoticeKind::Started, claimed_at: at }),
        }
    }

    /// A table that responds with this; what it was sent.
    fn table(status: u16, response: Value) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let sent: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&sent);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            (status, response.clone())
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), sent)
    }

    #[tokio::test]
    async fn a_problem_is_read_back_as_it_was_written_under_a_key_of_its_own() {
        let (store, sent) = table(200, json!({}));
        let read = StoredProblem { key: "outbox-backlog".to_owned(), revision: 0, problem: None };
        assert_eq!(store.put_problem(&read, &problem()).await, Ok(Some(1)));
        let item = sent.lock().unwrap()[0]["Item"].clone();
        assert_eq!((&item["pk"]["S"], &item["sk"]["S"]), (&json!("ALARMS"), &json!("outbox-backlog")));
        let (store, _) = table(200, json!({ "Item": item }));
        let stored = store.problem("outbox-backlog").await.unwrap();
        assert_eq!(stored, StoredProblem { revision: 1, problem: Some(problem()), ..read });
    }

    #[tokio::test]
    async fn of_two_invocations_one_goes_on() {
        let (store, sent) = table(400, json!({ "__type": "ConditionalCheckFailedException" }));
        let read = StoredProblem { key: "k".to_owned(), revision: 7, problem: None };
        assert_eq!(store.put_problem(&read, &problem()).await, Ok(None));
        assert_eq!(sent.lock().unwrap()[0]["ConditionExpression"], "revision = :read");
        assert_eq!(store.delete_problem(&read).await, Ok(()));
    }

    #[tokio::test]
    async fn a_problem_that_cannot_be_read_can_be_replaced() {
        let item = json!({ "pk": { "S": "ALARMS" }, "sk": { "S": "k" }, "revision": { "N": "4" }, "problem": { "S": "{" } });
        let (store, _) = table(200, json!({ "Item": item }));
        let stored = store.problem("k").await.unwrap();
        assert_eq!(stored, StoredProblem { key: "k".to_owned(), revision: 4, problem: None });
    }
}
