//! Whether the profile may make a change, found out by requests that change nothing: only AWS knows what all policies, boundaries and
//! service control policies together allow, and to simulate them is a permission of its own.

use super::app::App;
use anyhow::Result;
use automations::clock::Timestamp;
use futures::future;

/// The IAM actions without which no dead letter can be redriven or dropped, and which the profile lacks. What cannot be found out counts as
/// allowed: then the change itself says what it lacks.
pub(super) async fn denied(app: &App, now: Timestamp) -> Result<Vec<&'static str>> {
    let (store, queues) = (app.target.store(), app.dead_letter_queues(now));
    let (may_record, may_delete) = future::join(store.may_record_operations(), queues.may_delete()).await;
    let tried =
        [("dynamodb:PutItem", may_record.unwrap_or(true)), ("sqs:DeleteMessage", may_delete.unwrap_or(true))];
    Ok(tried.into_iter().filter(|(_, may)| !may).map(|(action, _)| action).collect())
}
