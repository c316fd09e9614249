//! What template.yaml sets that a forecast depends on.

use anyhow::{Context as _, Result};
use serde_norway::Value;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Settings of the template, with its parameters' defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    /// Memory of a function.
    pub(crate) memory_mb: f64,
    /// Messages in a batch of event-enricher, and seconds for which it collects one.
    pub(crate) hints: (f64, f64),
    /// Actions in a batch of action-worker.
    pub(crate) actions: f64,
    /// Concurrent invocations of each function that reads a queue.
    pub(crate) maximum_concurrency: f64,
    /// Due tickets that the reconciler queues in a minute.
    pub(crate) tickets_per_run: f64,
}

/// Reads the template.
///
/// # Errors
/// If it is not of the form that this reads.
pub(crate) fn read() -> Result<Settings> {
    let template: Value = serde_norway::from_str(TEMPLATE)?;
    let at = |path: &[&str]| {
        let mut value = &template;
        for name in path {
            value = value.get(*name).with_context(|| format!("template.yaml has no {}", path.join(".")))?;
        }
        let text = value.as_str().and_then(|text| text.parse().ok());
        value
            .as_f64()
            .or(text)
            .with_context(|| format!("{} in template.yaml is not a number", path.join(".")))
    };
    let queue = |function: &str, event: &str, setting: &str| {
        at(&["Resources", function, "Properties", "Events", event, "Properties", setting])
    };
    Ok(Settings {
        memory_mb: at(&["Globals", "Function", "MemorySize"])?,
        hints: (
            queue("EventEnricher", "Hints", "BatchSize")?,
            queue("EventEnricher", "Hints", "MaximumBatchingWindowInSeconds")?,
        ),
        actions: queue("ActionWorker", "Actions", "BatchSize")?,
        maximum_concurrency: at(&["Parameters", "MaximumConcurrency", "Default"])?,
        tickets_per_run: at(&["Parameters", "TicketsPerRun", "Default"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_what_a_forecast_depends_on() {
        let Settings { memory_mb, hints, actions, maximum_concurrency, tickets_per_run } = read().unwrap();
        assert!((128.0..=10_240.0).contains(&memory_mb));
        assert!(hints.0 >= actions && hints.1 < 300.0);
        assert!(maximum_concurrency >= 2.0 && tickets_per_run >= 1.0);
    }
}
