//! A change of an alarm, and a run of the schedule, without a permission of alarm-notifier.

use super::case::Case;
use crate::alarm_notices::{Destination, notifier, published};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use uuid::Uuid;

/// What Lambda gets of a run that the table rejected.
const REJECTED: &str = "alarms could not be reported: table_rejected";

pub(super) async fn change(case: &Case<'_>) -> Result<String> {
    let destination = Destination::start(case.stack).await?;
    let name = format!("{}-{}.fifo-backlog", case.stack.addresses.stack, Uuid::new_v4());
    let event = published(&name, "ALARM");
    case.take_away(None).await?;
    let failed = notifier(case.stack, &event).await?.context("it succeeds without it")?;
    ensure!(failed.contains(REJECTED), "{failed}");
    case.give_back().await?;
    let failed = notifier(case.stack, &event).await?;
    ensure!(failed.is_none(), "it still fails: {failed:?}");
    destination.has(&name, "started").await?;
    Ok("the change is not reported, table_rejected".to_owned())
}

pub(super) async fn schedule(case: &Case<'_>) -> Result<String> {
    case.take_away(None).await?;
    let failed = notifier(case.stack, &json!({})).await?.context("it succeeds without it")?;
    ensure!(failed.contains(REJECTED), "{failed}");
    case.give_back().await?;
    let failed = notifier(case.stack, &json!({})).await?;
    ensure!(failed.is_none(), "it still fails: {failed:?}");
    Ok("the run fails, table_rejected".to_owned())
}
