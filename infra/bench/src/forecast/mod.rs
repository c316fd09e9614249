//! How cost and time grow, and which quota binds first: `cargo xtask bench --growth`. Computed from the bounds, which hold what the
//! benchmark counts, from the template and from the prices; nothing is measured.

mod growth;
mod quotas;

use crate::bounds::{self, BUSY, QUIET, Way};
use crate::rechecks;
use crate::template::{self, Settings};
use anyhow::Result;

/// Actions of an event in the model.
const ACTIONS: f64 = 2.0;

/// What one webhook takes, re-checks included, in a quiet or in a busy system.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// DynamoDB's write units.
    write_units: f64,
    /// Those of the indexes.
    index_units: f64,
    /// Requests to Salestrekker.
    requests: f64,
    /// Seconds of invocations, without re-checks.
    seconds: f64,
}

impl Load {
    fn quiet(settings: &Settings) -> Self {
        Self::of(&QUIET, (bounds::CHECK_WRITES.at_most, 1.0), settings)
    }

    fn busy(settings: &Settings) -> Self {
        let [writes, requests] =
            [&bounds::CHECKS_WRITES, &bounds::CHECKS_REQUESTS].map(|limit| limit.at_most / 100.0);
        Self::of(&BUSY, (writes, requests), settings)
    }

    /// With the write units and requests of a re-check.
    fn of(way: &Way, (writes, requests): (f64, f64), settings: &Settings) -> Self {
        let checks = rechecks::count();
        Self {
            write_units: way.writes.at_most + checks * writes,
            index_units: bounds::INDEX_ONE.at_most,
            requests: way.requests.at_most + checks * requests,
            seconds: way.gb_seconds.at_most / (settings.memory_mb / 1_024.0),
        }
    }
}

/// All of it as Markdown.
///
/// # Errors
/// If a template cannot be read.
pub(crate) fn markdown() -> Result<String> {
    let settings = template::read()?;
    let (quiet, busy) = (Load::quiet(&settings), Load::busy(&settings));
    Ok([
        growth::webhooks(&quiet, &busy, &settings)?,
        growth::organisations(&settings)?,
        quotas::markdown(&busy, &settings),
    ]
    .join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_forecast_that_is_computed() {
        let page = include_str!("../../../../docs/performance.md");
        let forecast = markdown().unwrap();
        assert!(
            page.contains(&forecast),
            "docs/performance.md must have these tables (cargo xtask bench --growth):\n{forecast}"
        );
    }

    #[test]
    fn a_load_has_the_re_checks_that_a_change_causes() {
        let settings = template::read().unwrap();
        let (quiet, busy) = (Load::quiet(&settings), Load::busy(&settings));
        let checks = rechecks::count();
        assert!(
            (quiet.write_units - QUIET.writes.at_most - checks * bounds::CHECK_WRITES.at_most).abs() < 1e-9
        );
        assert!(
            (quiet.requests - QUIET.requests.at_most - checks).abs() < 1e-9,
            "a check alone is a request"
        );
        assert!(busy.requests < quiet.requests, "25 checks share one");
        assert!((busy.index_units - bounds::INDEX_ONE.at_most).abs() < 1e-9, "re-checks write nothing");
    }
}
