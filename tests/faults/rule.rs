//! A rule: which calls a fault applies to, and how often.

use crate::call::{Call, Service};
use crate::{dynamodb, entries};
use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// A row of rules.yaml, which explains the fields.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    service: Service,
    #[serde(default)]
    operations: Vec<String>,
    pub(crate) fault: Fault,
    pub(crate) in_1000: f64,
    pub(crate) burst: u32,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// It has no effect, and the response is this error.
    Error {
        status: u16,
        code: String,
        /// The code in SQS's header for clients of its earlier protocol, if it is another one.
        query_code: Option<String>,
    },
    /// It has its effect, and the connection breaks before the response.
    ResponseLost,
    /// It takes longer, by a number of milliseconds in this range.
    Slow { ms: (u64, u64) },
    /// One entry of a batch has no effect, and the response says so.
    EntryFails { code: String },
    /// One message to a standard queue is delivered twice.
    SentTwice,
    /// One message to a standard queue is delivered later, by a number of seconds in this range.
    Delayed { seconds: (u64, u64) },
    /// Some keys of a batch are not read, and the response says so.
    KeysUnprocessed,
    /// One statement of a batch has no effect, and the response says so.
    StatementFails { code: String },
    /// A transaction has no effect, for one of these reasons or none for each of its items.
    TransactionCancelled { reasons: Vec<String> },
    /// An index does not have some of its newest items yet.
    ItemsMissing,
}

/// The rules of rules.yaml.
pub(crate) fn table() -> Result<Vec<Rule>> {
    Ok(serde_json::from_value(rows()?)?)
}

/// As JSON, in which a fault looks as it does in `PUT /_faults`.
fn rows() -> Result<Value> {
    serde_norway::from_str(include_str!("rules.yaml")).context("tests/faults/rules.yaml cannot be read")
}

impl Rule {
    /// Whether its fault can happen to this call.
    pub(crate) fn applies_to(&self, call: &Call) -> bool {
        let is_named = self.operations.is_empty() || self.operations.contains(&call.operation);
        self.service == call.service
            && is_named
            && match &self.fault {
                Fault::Error { .. } | Fault::ResponseLost | Fault::Slow { .. } => true,
                Fault::EntryFails { .. } => entries::count(call) > 0,
                Fault::SentTwice | Fault::Delayed { .. } => call.is_to_standard_queue(),
                // DynamoDB processes at least one key, or responds with an error.
                Fault::KeysUnprocessed => dynamodb::count_keys(call) > 1,
                Fault::StatementFails { .. } => dynamodb::count_statements(call) > 1,
                Fault::TransactionCancelled { .. } => dynamodb::count_writes(call) > 0,
                Fault::ItemsMissing => call.parameter("IndexName").is_some(),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_names_the_page_of_aws_that_it_stands_for() {
        let table = table().unwrap();
        assert!(table.len() > 20);
        for (rule, row) in table.iter().zip(rows().unwrap().as_array().unwrap()) {
            assert!(row["stands_for"].as_str().is_some_and(|page| page.starts_with('A')), "{}", rule.name);
            assert!(rule.in_1000 > 0.0 && rule.burst > 0, "{}", rule.name);
        }
    }
}
