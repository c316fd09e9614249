//! Several writes in one request: statements that are independent of each other, each with its own condition, at the price of single
//! writes (Amazon DynamoDB Developer Guide, "Running batch operations with `PartiQL` for DynamoDB"). What a statement cannot do, for
//! whatever reason, is done by a write of its own.

use super::{Error, Item, Store, unavailable};
use crate::aws::ErrorCode;
use crate::failure::{Failure as _, chain};
use crate::telemetry::EventName;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum, BatchStatementRequest, BatchStatementResponse,
};
use futures::{StreamExt as _, stream};
use std::collections::BTreeMap;

/// `BatchExecuteStatement` takes this many statements (Amazon DynamoDB API Reference).
const STATEMENTS_PER_REQUEST: usize = 25;
/// Writes of their own that are sent at the same time.
pub(super) const SINGLES_AT_ONCE: usize = 10;
/// Requests that are sent at the same time.
const REQUESTS_AT_ONCE: usize = 4;
/// The codes of statements whose conditions do not hold (Amazon DynamoDB API Reference, `BatchStatementError`).
const OF_A_CONDITION: [&str; 2] = ["DuplicateItem", "ConditionalCheckFailed"];
const SERVER_ERROR: &str = "InternalServerError";

/// A statement with its parameters, in their order.
pub(super) type Statement = (String, Vec<AttributeValue>);

impl Store {
    /// Executes statements, and says of each whether it is known to have had its effect. One alone is not sent: a write of its own
    /// costs the same, and says why it failed.
    pub(super) async fn execute_each(&self, statements: Vec<Statement>) -> Vec<bool> {
        if statements.len() < 2 {
            return vec![false; statements.len()];
        }
        let requests = statements.chunks(STATEMENTS_PER_REQUEST).map(|statements| self.execute(statements));
        let requests: Vec<_> = requests.collect();
        stream::iter(requests).buffered(REQUESTS_AT_ONCE).collect::<Vec<_>>().await.concat()
    }

    async fn execute(&self, statements: &[Statement]) -> Vec<bool> {
        let requests = statements.iter().map(|(statement, parameters)| {
            let request = BatchStatementRequest::builder().statement(statement);
            request.set_parameters(Some(parameters.clone())).build()
        });
        let Ok(requests) = requests.collect::<Result<Vec<_>, _>>() else {
            return vec![false; statements.len()];
        };
        let response = self.client.batch_execute_statement().set_statements(Some(requests)).send().await;
        let responses = response.map(|response| response.responses.unwrap_or_default());
        let responses = responses.unwrap_or_else(|error| {
            report_refused(&unavailable(&error), 0);
            Vec::new()
        });
        if let Some((error, count)) = refused(&responses) {
            report_refused(&error, count);
        }
        let has_effect =
            |position: usize| responses.get(position).is_some_and(|response| response.error.is_none());
        (0..statements.len()).map(has_effect).collect()
    }

    /// The statement that stores an item of which none has the key.
    pub(super) fn insert(&self, item: Item) -> Statement {
        let item: BTreeMap<String, AttributeValue> = item.into_iter().collect();
        let (names, parameters): (Vec<String>, Vec<AttributeValue>) =
            item.into_iter().map(|(name, value)| (format!("'{name}': ?"), value)).unzip();
        (format!("INSERT INTO {} VALUE {{{}}}", self.quoted(), names.join(", ")), parameters)
    }

    /// The table's name in a statement; it may hold hyphens.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.table)
    }
}

/// The statements of a request that failed for another reason than their conditions, such as a missing permission: their number, and
/// an error with the code of one of them.
fn refused(responses: &[BatchStatementResponse]) -> Option<(Error, usize)> {
    let failed = responses.iter().filter_map(|response| response.error.as_ref()?.code.as_ref());
    let codes = failed.map(BatchStatementErrorCodeEnum::as_str);
    let codes: Vec<&str> = codes.filter(|code| !OF_A_CONDITION.contains(code)).collect();
    let code = ErrorCode::parse(codes.first()?);
    let may_succeed_later =
        code.as_ref().is_some_and(|code| code.asks_to_wait() || code.as_str() == SERVER_ERROR);
    let error = if may_succeed_later { Error::Unavailable { code } } else { Error::Refused { code } };
    Some((error, codes.len()))
}

fn report_refused(error: &Error, statements: usize) {
    tracing::warn!(
        event_name = EventName::TableBatchRefused.as_str(),
        reason = error.reason().as_str(),
        error = chain(error),
        statements,
        "the table does not take several writes in one request; they are sent one by one"
    );
}
