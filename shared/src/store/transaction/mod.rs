//! Writes of many tickets in as few transactions as DynamoDB allows. Each has its own result: one whose condition fails does
//! not make the others in its transaction fail.

use super::{Error, Item, Store, back_off};
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
/// One unit alone is sent at most this often.
pub(super) const MAX_TRIES: u32 = 5;

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

impl Unwritten {
    fn asks_to_wait(&self) -> bool {
        match self {
            Self::Conflict => true,
            Self::Unavailable(code) => code.as_ref().is_some_and(ErrorCode::asks_to_wait),
            Self::Condition | Self::Refused(_) => false,
        }
    }
}

impl From<Unwritten> for Error {
    fn from(unwritten: Unwritten) -> Self {
        match unwritten {
            Unwritten::Condition => Self::VersionConflict,
            Unwritten::Conflict => Self::Unavailable { code: ErrorCode::parse(CONFLICT) },
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

    /// Writes one unit. What the SDK does not retry, a conflict or throttling inside a transaction, is retried here: afterwards
    /// it would not be known of an action whether it was recorded.
    pub(super) async fn transact(&self, unit: WriteUnit) -> Result<(), Unwritten> {
        let mut round = 0_u32;
        loop {
            let written = self.transact_each(vec![unit.clone()]).await.pop();
            let written = written.unwrap_or(Err(Unwritten::Unavailable(None)));
            round = round.saturating_add(1);
            if round == MAX_TRIES || !written.as_ref().is_err_and(Unwritten::asks_to_wait) {
                return written;
            }
            back_off(round).await;
        }
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
/// The code of an item that another transaction or another write is changing.
const CONFLICT: &str = "TransactionConflict";

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
    } else if first(&[CONFLICT]).is_some() {
        Some(Unwritten::Conflict)
    } else if let Some(code) = first(&["AccessDenied", "ItemCollectionSizeLimitExceeded", "ValidationError"])
    {
        Some(Unwritten::Refused(ErrorCode::parse(code)))
    } else {
        let code = codes.iter().find(|code| **code != NONE)?;
        Some(Unwritten::Unavailable(ErrorCode::parse(code)))
    }
}

/// An item's bytes, as DynamoDB counts those of names, strings, numbers and bytes, which is almost all that we store.
fn size(item: &Item) -> usize {
    let value = |value: &AttributeValue| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 0,
    };
    item.iter().fold(0, |sum, (name, held)| sum.saturating_add(name.len()).saturating_add(value(held)))
}

#[cfg(test)]
mod tests;
