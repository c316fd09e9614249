//! The check of a version, without the permission to invoke its function.

use super::case::Case;
use crate::version_check::{checked, live_version};
use anyhow::{Result, ensure};

pub(super) async fn version_check(case: &Case<'_>, function: &str) -> Result<String> {
    let version = live_version(case.stack, function).await?;
    case.take_away(None).await?;
    let report = checked(case.stack, function, &version).await?;
    let seen = report["seen"].as_str().unwrap_or_default();
    ensure!(report["good"] == false && seen.contains("AccessDenied"), "{report}");
    case.give_back().await?;
    let report = checked(case.stack, function, &version).await?;
    ensure!(report["good"] == true, "{report}");
    Ok("the check fails, AccessDenied".to_owned())
}
