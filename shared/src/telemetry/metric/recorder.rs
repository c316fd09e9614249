//! Records metrics, and writes them to the log.

use super::line::EmfLine;
use super::{Metric, Unit};
use crate::clock;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The metrics of one invocation or one request: counts are summed, other values are kept one by one.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<BTreeMap<Metric, Vec<u64>>>);

/// The namespace: the stack's name, as an account may hold several stacks.
static NAMESPACE: OnceLock<String> = OnceLock::new();

/// Enables the writing of metrics. Tests and the operator's program never call this, so they write none.
pub(crate) fn start(namespace: String) {
    // A second call (two tests in one process) keeps the first namespace, as the logs keep the first subscriber.
    let _ = NAMESPACE.set(namespace);
}

/// Records one value and writes it at once.
pub fn record(metric: Metric, value: u64) {
    let metrics = Metrics::default();
    metrics.record(metric, value);
    metrics.flush();
}

impl Metrics {
    /// Records a value in the metric's unit.
    pub fn record(&self, metric: Metric, value: u64) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let values = all.entry(metric).or_default();
        match values.last_mut() {
            Some(sum) if metric.unit() == Unit::Count => *sum = sum.saturating_add(value),
            _ => values.push(value),
        }
    }

    /// Records a duration, converted to the metric's unit.
    pub fn record_duration(&self, metric: Metric, duration: Duration) {
        let value = match metric.unit() {
            Unit::Milliseconds => clock::millis(duration),
            Unit::Seconds | Unit::Count | Unit::None => duration.as_secs(),
        };
        self.record(metric, value);
    }

    /// The values of a metric.
    #[cfg(test)]
    pub(crate) fn of(&self, metric: Metric) -> Vec<u64> {
        self.0.lock().unwrap().get(&metric).cloned().unwrap_or_default()
    }

    /// Writes all of them to the log, in as few lines as the embedded metric format permits.
    pub fn flush(self) {
        let Some(namespace) = NAMESPACE.get() else { return };
        let all = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let text: String = EmfLine::all(&all, namespace, clock::now()).iter().map(EmfLine::text).collect();
        // One write, so that no other line comes in between.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_added_up_and_durations_are_not() {
        let metrics = Metrics::default();
        for value in [1, 2] {
            metrics.record(Metric::MessagesDeadLettered, value);
            metrics.record(Metric::OutboxAge, value);
        }
        let all = metrics.0.into_inner().unwrap();
        let expected = [(Metric::OutboxAge, vec![1, 2]), (Metric::MessagesDeadLettered, vec![3])];
        assert_eq!(all, BTreeMap::from(expected));
    }
}
