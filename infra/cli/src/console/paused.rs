//! What is paused, and who paused it.

use crate::commands::pause::begun_by;
use anyhow::Result;
use automations::store::{Pause, Store};
use std::time::Duration;

/// A pause is recorded for the audit this long before it begins, at the most.
const BEFORE: Duration = Duration::from_mins(5);

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownPause {
    /// As it is in the table.
    pub(super) pause: Pause,
    /// The operator that began it, as the audit has it; none if it does not.
    pub(super) by: Option<String>,
}

impl KnownPause {
    /// What is paused.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub(super) async fn all(store: &Store) -> Result<Vec<Self>> {
        let pauses = store.pauses().await?;
        let Some(first) = pauses.iter().map(|pause| pause.since).min() else { return Ok(Vec::new()) };
        // What is paused is shown although the audit cannot be read.
        let operations = store.operations(first.earlier(BEFORE)).await.unwrap_or_default();
        let known = pauses.into_iter().map(|pause| {
            let by = begun_by(&pause, &operations).map(str::to_owned);
            Self { pause, by }
        });
        Ok(known.collect())
    }
}
