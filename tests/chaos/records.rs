//! What the table says of one action.

use crate::dead_letters::UNTRIED;
use anyhow::{Context as _, Result};
use automations::id::{ActionId, OrganisationId};
use automations::store::{ItemKey, ItemKind};
use end_to_end::stack::Stack;
use serde_json::Value;

/// The record of an action.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// It ended, whatever its outcome: also with one that this test does not know.
    Done {
        /// When, in milliseconds.
        at: u64,
        outcome: String,
        /// The ticket that it created.
        ticket: Option<String>,
    },
    /// An invocation claimed it, and did not record that it is done.
    Claimed,
}

/// The record of this action, if an invocation claimed it.
pub(crate) async fn record(stack: &Stack, organisation: &str, action: &str) -> Result<Option<Record>> {
    let key = ItemKey::new(&OrganisationId::parse(organisation)?, ItemKind::Action(ActionId::parse(action)?));
    let request = stack.dynamodb.get_item().table_name(&stack.addresses.table).consistent_read(true);
    let Some(item) = request.set_key(Some(key.attributes())).send().await?.item else { return Ok(None) };
    let Some(result) = item.get("result").and_then(|result| result.as_s().ok()) else {
        return Ok(Some(Record::Claimed));
    };
    let at = item.get("at").and_then(|at| at.as_n().ok()?.parse().ok());
    let at = at.with_context(|| format!("the record of {action} has no time"))?;
    let result: Value = serde_json::from_str(result)?;
    let text = |pointer: &str| result.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let outcome = text("/outcome/outcome").unwrap_or_else(|| "unknown".to_owned());
    Ok(Some(Record::Done { at, outcome, ticket: text("/outcome/ticket") }))
}

/// Whether a worker tried this action and gave it back to the queue, which is logged. One that only waited behind another was not tried.
pub(crate) async fn was_retried(stack: &Stack, action: &str) -> Result<bool> {
    let lines = stack.logged("action-worker", action).await?;
    let is_try = |line: &String| {
        line.contains("message.retried") && !UNTRIED.iter().any(|reason| line.contains(reason))
    };
    Ok(lines.iter().any(is_try))
}
