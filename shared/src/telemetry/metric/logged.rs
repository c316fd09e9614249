//! Metrics of what happens with every webhook. `CloudWatch` takes them from the log lines, by the metric filters of
//! infra/stacks/store.yaml, so that they cost no line of their own; tests/it/metrics.rs compares the filters with this table.

use super::{FoundBy, Outcome, TokenStage, Unit};
use crate::telemetry::EventName;
use strum::IntoEnumIterator;

/// A metric of a function's log lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMetric {
    /// Its name in `CloudWatch`.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The function whose lines it is of.
    pub function: &'static str,
    /// The lines with this `event_name`.
    pub event: EventName,
    /// The field that has the value; without one, each line counts as 1. A line without the field has no value.
    pub value: Option<&'static str>,
    /// Its dimension.
    pub dimension: Option<LoggedDimension>,
}

/// A dimension whose value is a field of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedDimension {
    /// Its name in `CloudWatch`.
    pub name: &'static str,
    /// The field.
    pub field: &'static str,
    /// Every value that the field can have: a closed set, never a text from outside.
    pub values: Vec<&'static str>,
}

impl LoggedMetric {
    /// All of them.
    pub fn all() -> [Self; 6] {
        [
            Self {
                dimension: Some(dimension::<TokenStage>("Stage", "token_stage")),
                ..counted("Webhooks", "webhook-ingest", EventName::WebhookAccepted)
            },
            counted("InboundEvents", "event-enricher", EventName::InboundReceived),
            Self {
                dimension: Some(dimension::<FoundBy>("FoundBy", "found_by")),
                ..counted("ChangesFound", "event-enricher", EventName::ChangeStored)
            },
            latency("WebhookToChangeLatency", "event-enricher", EventName::ChangeStored),
            Self {
                dimension: Some(dimension::<Outcome>("Outcome", "outcome")),
                ..counted("ActionsPerformed", "action-worker", EventName::ActionPerformed)
            },
            latency("DecisionToActionLatency", "action-worker", EventName::ActionPerformed),
        ]
    }

    /// Its dimension with each of its values; without a dimension, that alone.
    pub fn series(&self) -> Vec<Option<(&'static str, &'static str)>> {
        let Some(LoggedDimension { name, values, .. }) = &self.dimension else { return vec![None] };
        values.iter().map(|value| Some((*name, *value))).collect()
    }

    /// The pattern of its metric filter (Amazon `CloudWatch` Logs User Guide, "Filter pattern syntax for metric filters": a field
    /// that is the value has to be in the pattern).
    pub fn pattern(&self) -> String {
        let has_value = self.value.map(|field| format!(" && $.{field} = *")).unwrap_or_default();
        format!("{{ $.event_name = \"{}\"{has_value} }}", self.event.as_str())
    }
}

fn counted(name: &'static str, function: &'static str, event: EventName) -> LoggedMetric {
    LoggedMetric { name, unit: Unit::Count, function, event, value: None, dimension: None }
}

fn latency(name: &'static str, function: &'static str, event: EventName) -> LoggedMetric {
    LoggedMetric { unit: Unit::Milliseconds, value: Some("latency_ms"), ..counted(name, function, event) }
}

fn dimension<V: IntoEnumIterator + Into<&'static str>>(
    name: &'static str,
    field: &'static str,
) -> LoggedDimension {
    LoggedDimension { name, field, values: V::iter().map(Into::into).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_the_line_and_asks_for_the_value() {
        let [webhooks, .., latency] = LoggedMetric::all();
        assert_eq!(webhooks.pattern(), r#"{ $.event_name = "webhook.accepted" }"#);
        assert_eq!(webhooks.dimension.unwrap().values, ["current", "pending", "previous"]);
        assert_eq!(latency.pattern(), r#"{ $.event_name = "action.performed" && $.latency_ms = * }"#);
    }
}
