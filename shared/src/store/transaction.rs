//! Writes of many tickets in as few transactions as DynamoDB allows. Each has its own result: one whose condition fails does
//! not make the others in its transaction fail.

use super::{Error, Item, Store};
use crate::aws::batching::batches;
use crate::aws::{self, ErrorCode};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use futures::{StreamExt as _, stream};

/// The limits of a transaction in items and bytes, and of an item in bytes (Amazon DynamoDB Developer Guide, "Constraints").
/// Transactions stay a little below, as our own count of bytes is not exact.
const MAX_ITEMS: usize = 100;
const MAX_TRANSACTION: usize = 4_000_000;
const MAX_ITEM: usize = 400_000;
/// This many transactions are sent at once.
const AT_ONCE: usize = 4;
/// After a cancelled transaction, the units without an error are sent again at most this often.
const MAX_ROUNDS: usize = 5;

/// The items of one ticket, which are written completely or not at all.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteUnit {
    writes: Vec<TransactWriteItem>,
    bytes: usize,
    is_incomplete: bool,
}

/// Why a unit was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// Its condition does not hold: another writer was faster.
    Condition,
    /// Another write of the same item is in progress.
    Conflict,
    /// The request is invalid, or not permitted.
    Refused(Option<ErrorCode>),
    /// No response, or throttled.
    Unavailable(Option<ErrorCode>),
}

/// The result of one response for one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Final(Result<(), Unwritten>),
    /// It has no error; others made the transaction fail.
    Again,
    /// A unit of the transaction is invalid, and the response does not say which one.
    Alone,
}

impl From<Unwritten> for Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Condition | Unwritten::Conflict => Self::VersionConflict,
            Unwritten::Refused(code) => Self::Refused { code },
            Unwritten::Unavailable(code) => Self::Unavailable { code },
        }
    }
}

impl WriteUnit {
    /// Adds a put.
    pub(super) fn put(mut self, put: PutBuilder) -> Self {
        let bytes = put.get_item().as_ref().map_or(0, size);
        match put.build() {
            Ok(put) => self.add(TransactWriteItem::builder().put(put).build(), bytes),
            Err(_) => self.is_incomplete = true,
        }
        self
    }

    /// Adds an update.
    pub(super) fn update(mut self, update: UpdateBuilder) -> Self {
        let bytes = update.get_expression_attribute_values().as_ref().map_or(0, size);
        match update.build() {
            Ok(update) => self.add(TransactWriteItem::builder().update(update).build(), bytes),
            Err(_) => self.is_incomplete = true,
        }
        self
    }

    /// An item that is too large for DynamoDB takes a whole transaction, so that no other unit fails with it.
    fn add(&mut self, write: TransactWriteItem, bytes: usize) {
        let bytes = if bytes > MAX_ITEM { MAX_TRANSACTION } else { bytes };
        self.bytes = self.bytes.saturating_add(bytes);
        self.writes.push(write);
    }
}

impl Store {
    /// A put into the table.
    pub(super) fn put(&self, item: Item) -> PutBuilder {
        Put::builder().table_name(&self.table).set_item(Some(item))
    }

    /// Writes each unit; one result for each, in their order. All should have about the same number of items.
    pub(super) async fn transact_each(&self, units: Vec<WriteUnit>) -> Vec<Result<(), Unwritten>> {
        let longest = units.iter().map(|unit| unit.writes.len()).max().unwrap_or_default().max(1);
        let most = MAX_ITEMS.checked_div(longest).unwrap_or(1);
        let groups = batches(units, most, MAX_TRANSACTION, |unit| unit.bytes);
        let written = groups.into_iter().map(|group| self.write_group(group));
        stream::iter(written).buffered(AT_ONCE).collect::<Vec<_>>().await.concat()
    }

    /// Writes units in one transaction. After an error, it is sent again without the units that have one, until none remains.
    async fn write_group(&self, group: Vec<WriteUnit>) -> Vec<Result<(), Unwritten>> {
        // Units that other units made fail in every round: a retry may succeed, as after a conflict.
        let mut results = vec![Err(Unwritten::Conflict); group.len()];
        let mut pending: Vec<(WriteUnit, &mut Result<(), Unwritten>)> =
            group.into_iter().zip(&mut results).collect();
        let mut alone = Vec::new();
        for _ in 0..MAX_ROUNDS {
            if pending.is_empty() {
                break;
            }
            let units: Vec<&WriteUnit> = pending.iter().map(|(unit, _)| unit).collect();
            let verdicts = self.send(&units).await;
            let mut again = Vec::new();
            for ((unit, result), verdict) in pending.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Final(known) => *result = known,
                    Verdict::Again => again.push((unit, result)),
                    Verdict::Alone => alone.push((unit, result)),
                }
            }
            pending = again;
        }
        for (unit, result) in alone {
            let verdict = self.send(&[&unit]).await.pop();
            *result = match verdict {
                Some(Verdict::Final(known)) => known,
                Some(Verdict::Again | Verdict::Alone) | None => Err(Unwritten::Refused(None)),
            };
        }
        results
    }

    /// Writes one unit.
    pub(super) async fn transact(&self, unit: WriteUnit) -> Result<(), Unwritten> {
        self.transact_each(vec![unit]).await.pop().unwrap_or(Err(Unwritten::Unavailable(None)))
    }

    async fn send(&self, units: &[&WriteUnit]) -> Vec<Verdict> {
        let all = |verdict| vec![verdict; units.len()];
        let invalid = |code| match units {
            [_] => Verdict::Final(Err(Unwritten::Refused(code))),
            _ => Verdict::Alone,
        };
        if units.iter().any(|unit| unit.is_incomplete) {
            return all(invalid(None));
        }
        let writes = units.iter().flat_map(|unit| unit.writes.iter().cloned()).collect();
        let response = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
        let Err(error) = response else { return all(Verdict::Final(Ok(()))) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let codes: Vec<&str> = canceled
                    .cancellation_reasons()
                    .iter()
                    .map(|reason| reason.code().unwrap_or(NONE))
                    .collect();
                verdicts(units.iter().map(|unit| unit.writes.len()), &codes)
            }
            Some(refusal) if refusal.code() == Some("ValidationException") => {
                all(invalid(ErrorCode::of(&error)))
            }
            _ => {
                let code = ErrorCode::of(&error);
                let is_refused = aws::is_client_error(&error);
                let why = if is_refused { Unwritten::Refused(code) } else { Unwritten::Unavailable(code) };
                all(Verdict::Final(Err(why)))
            }
        }
    }
}

/// The code of an item without an error.
const NONE: &str = "None";

/// The verdicts on units of these lengths, from the reasons of a cancelled transaction: one for each item, in order.
fn verdicts(lengths: impl Iterator<Item = usize>, codes: &[&str]) -> Vec<Verdict> {
    let mut codes = codes.iter();
    let found: Vec<Option<Unwritten>> = lengths
        .map(|length| {
            let own: Vec<&str> = codes.by_ref().take(length).copied().collect();
            if own.len() < length { Some(Unwritten::Unavailable(None)) } else { worst(&own) }
        })
        .collect();
    // If the table throttles, or no unit has an error, the transaction is not sent again at once.
    let busy = found.iter().flatten().find(|why| matches!(why, Unwritten::Unavailable(_))).cloned();
    let busy = busy.or(found.iter().all(Option::is_none).then_some(Unwritten::Unavailable(None)));
    let others = busy.map_or(Verdict::Again, |busy| Verdict::Final(Err(busy)));
    found.into_iter().map(|own| own.map_or_else(|| others.clone(), |why| Verdict::Final(Err(why)))).collect()
}

/// The first reason of these kinds, as an error of the unit (Amazon DynamoDB API Reference, `TransactWriteItems`, "Errors").
fn worst(codes: &[&str]) -> Option<Unwritten> {
    let first = |wanted: &[&str]| codes.iter().find(|code| wanted.contains(code));
    if first(&["ConditionalCheckFailed"]).is_some() {
        Some(Unwritten::Condition)
    } else if first(&["TransactionConflict"]).is_some() {
        Some(Unwritten::Conflict)
    } else if let Some(code) = first(&["AccessDenied", "ItemCollectionSizeLimitExceeded", "ValidationError"])
    {
        Some(Unwritten::Refused(ErrorCode::parse(code)))
    } else {
        let code = codes.iter().find(|code| **code != NONE)?;
        Some(Unwritten::Unavailable(ErrorCode::parse(code)))
    }
}

/// An item's bytes, as DynamoDB counts those of names, strings and numbers, which is almost all that we store.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        _ => 0,
    };
    item.iter().fold(0, |sum, (name, held)| sum.saturating_add(name.len()).saturating_add(value(held)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    const CONDITION: &str = "ConditionalCheckFailed";

    /// One item of this name and about this many bytes.
    fn unit(name: &str, bytes: usize) -> WriteUnit {
        let [name, rest] = [name.to_owned(), "x".repeat(bytes)].map(AttributeValue::S);
        WriteUnit::default().put(Put::builder().table_name("t").item("pk", name).item("rest", rest))
    }

    /// The results of writing these units to a table that responds so, and the names in each request.
    async fn written(
        units: Vec<WriteUnit>,
        response: impl Fn(&[String]) -> (u16, Value) + Send + Sync + 'static,
    ) -> (Vec<Result<(), Unwritten>>, Vec<Vec<String>>) {
        let requests: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            let items = request["TransactItems"].as_array().unwrap().iter();
            let names: Vec<_> =
                items.map(|item| item["Put"]["Item"]["pk"]["S"].as_str().unwrap().to_owned()).collect();
            seen.lock().unwrap().push(names.clone());
            response(&names)
        });
        let results = Store::new(aws::dynamodb(&config), "t".to_owned()).transact_each(units).await;
        let requests = requests.lock().unwrap().clone();
        (results, requests)
    }

    fn canceled(names: &[String]) -> (u16, Value) {
        let code = |name: &String| if name.starts_with("bad") { CONDITION } else { NONE };
        let reasons: Vec<_> = names.iter().map(|name| json!({ "Code": code(name) })).collect();
        (400, json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons }))
    }

    fn fifty_with_one_bad() -> Vec<WriteUnit> {
        (0..50)
            .map(|number| unit(&if number == 7 { "bad".into() } else { format!("{number}") }, 10))
            .collect()
    }

    #[tokio::test]
    async fn what_nothing_is_wrong_with_is_sent_again_without_what_failed() {
        let response = |names: &[String]| {
            if names.iter().any(|name| name == "bad") { canceled(names) } else { (200, json!({})) }
        };
        let (results, requests) = written(fifty_with_one_bad(), response).await;
        let mut expected = vec![Ok(()); 50];
        expected[7] = Err(Unwritten::Condition);
        assert_eq!(results, expected);
        assert_eq!(requests.iter().map(Vec::len).collect::<Vec<_>>(), [50, 49]);
    }

    #[tokio::test]
    async fn where_a_refusal_names_nobody_each_is_sent_alone() {
        let response = |names: &[String]| {
            let is_bad = names.iter().any(|name| name == "bad");
            if is_bad { (400, json!({ "__type": "ValidationException" })) } else { (200, json!({})) }
        };
        let (results, requests) = written(fifty_with_one_bad(), response).await;
        let mut expected = vec![Ok(()); 50];
        expected[7] = Err(Unwritten::Refused(ErrorCode::parse("ValidationException")));
        assert_eq!((results, requests.len()), (expected, 51));
    }

    #[tokio::test]
    async fn somebody_who_is_always_in_the_way_ends_the_rounds() {
        let (results, requests) = written(vec![unit("a", 1), unit("b", 1)], |names| {
            let codes = ["TransactionConflict", NONE].iter().take(names.len());
            let reasons: Vec<_> = codes.map(|code| json!({ "Code": code })).collect();
            (400, json!({ "__type": "TransactionCanceledException", "CancellationReasons": reasons }))
        })
        .await;
        assert_eq!(results, [Err(Unwritten::Conflict), Err(Unwritten::Conflict)]);
        assert_eq!(requests.len(), 2);
    }

    #[tokio::test]
    async fn a_request_is_within_the_bounds_and_what_is_too_large_stands_alone() {
        let size = |number| if number == 9 { MAX_ITEM + 1 } else { 200_000 };
        let units = (0..30).map(|number| unit(&number.to_string(), size(number))).collect();
        let (results, requests) = written(units, |_| (200, json!({}))).await;
        assert!(results.iter().all(Result::is_ok));
        assert!(requests.contains(&vec!["9".to_owned()]), "{requests:?}");
        assert!(requests.iter().all(|names| names.len() * 200_000 <= MAX_TRANSACTION), "{requests:?}");
        let many = (0..101).map(|number| unit(&number.to_string(), 1)).collect();
        let (_, requests) = written(many, |_| (200, json!({}))).await;
        let mut lengths: Vec<_> = requests.iter().map(Vec::len).collect();
        lengths.sort_unstable();
        assert_eq!(lengths, [1, 100]);
    }

    fn of_pairs(codes: &[&str]) -> Vec<Verdict> {
        verdicts(std::iter::repeat_n(2, codes.len() / 2), codes)
    }

    #[test]
    fn who_is_at_fault_is_told_and_the_others_are_sent_again() {
        let is = |why| Verdict::Final(Err(why));
        let found =
            of_pairs(&[NONE, NONE, CONDITION, NONE, NONE, "TransactionConflict", NONE, "ValidationError"]);
        let refused = Unwritten::Refused(ErrorCode::parse("ValidationError"));
        let expected = [Verdict::Again, is(Unwritten::Condition), is(Unwritten::Conflict), is(refused)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_busy_table_and_an_answer_without_reasons_are_not_asked_again_at_once() {
        let unavailable = |code| Verdict::Final(Err(Unwritten::Unavailable(ErrorCode::parse(code))));
        let throttled = unavailable("ThrottlingError");
        assert_eq!(of_pairs(&[NONE, NONE, "ThrottlingError", NONE]), [throttled.clone(), throttled]);
        assert_eq!(of_pairs(&[NONE; 4]), [unavailable(""), unavailable("")]);
        assert_eq!(verdicts([2, 2].into_iter(), &[]), [unavailable(""), unavailable("")]);
        let code = "ProvisionedThroughputExceeded";
        let busy = of_pairs(&[CONDITION, NONE, code, NONE]);
        assert_eq!(busy, [Verdict::Final(Err(Unwritten::Condition)), unavailable(code)]);
    }

    proptest! {
        #[test]
        fn a_unit_is_written_again_only_where_all_of_its_items_are_sound(
            units in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..4), 1..60)
        ) {
            let code = |sound: &bool| if *sound { NONE } else { CONDITION };
            let codes: Vec<&str> = units.iter().flatten().map(code).collect();
            let found = verdicts(units.iter().map(Vec::len), &codes);
            prop_assert_eq!(found.len(), units.len());
            for (unit, verdict) in units.iter().zip(found) {
                prop_assert_eq!(verdict == Verdict::Final(Err(Unwritten::Condition)), unit.contains(&false));
                prop_assert!(verdict != Verdict::Final(Ok(())), "nothing of a canceled transaction is written");
            }
        }
    }
}
