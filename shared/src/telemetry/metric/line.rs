//! `CloudWatch`'s embedded metric format: one JSON object a line. Its root holds the values; `_aws` says
//! which of them are metrics and which are dimensions (Amazon `CloudWatch` User Guide, "Specification:
//! Embedded metric format").

use super::Metric;
use crate::clock::Timestamp;
use crate::json;
use serde::Serialize;
use std::collections::BTreeMap;

/// Values of a metric in one line.
const MAX_VALUES: usize = 100;

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct EmfLine<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    root: BTreeMap<&'static str, Member<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

/// Metrics with the same dimensions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    /// A set of one dimension name or none.
    dimensions: [Vec<&'static str>; 1],
    metrics: Vec<Definition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Word(&'static str),
    Value(u64),
    Values(&'a [u64]),
}

impl<'a> EmfLine<'a> {
    /// These metrics in as few lines as possible: a root can hold a metric once, and one value of a
    /// dimension.
    pub(super) fn all(
        metrics: &'a BTreeMap<Metric, Vec<u64>>,
        namespace: &'a str,
        at: Timestamp,
    ) -> Vec<Self> {
        let mut lines: Vec<Self> = Vec::new();
        for (metric, values) in metrics {
            for values in values.chunks(MAX_VALUES) {
                if let Some(line) = lines.iter_mut().find(|line| line.has_room_for(*metric)) {
                    line.put(*metric, values, namespace);
                } else {
                    let metadata = Metadata { timestamp: at.as_millis(), cloud_watch_metrics: Vec::new() };
                    let mut line = Self { metadata, root: BTreeMap::new() };
                    line.put(*metric, values, namespace);
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// The line as it is written, with its line feed.
    pub(super) fn text(&self) -> String {
        let mut text = json::to_json(self);
        text.push('\n');
        text
    }

    fn has_room_for(&self, metric: Metric) -> bool {
        let is_free = |(name, word)| self.root.get(name).is_none_or(|has| *has == Member::Word(word));
        !self.root.contains_key(metric.name()) && metric.dimension().is_none_or(is_free)
    }

    fn put(&mut self, metric: Metric, values: &'a [u64], namespace: &'a str) {
        let name = metric.name();
        let definition = Definition { name, unit: metric.unit().into() };
        let dimensions = [metric.dimension().map(|(name, _)| name).into_iter().collect()];
        let directives = &mut self.metadata.cloud_watch_metrics;
        match directives.iter_mut().find(|directive| directive.dimensions == dimensions) {
            Some(directive) => directive.metrics.push(definition),
            None => directives.push(Directive { namespace, dimensions, metrics: vec![definition] }),
        }
        let value = if let [value] = values { Member::Value(*value) } else { Member::Values(values) };
        self.root.insert(name, value);
        self.root.extend(metric.dimension().map(|(name, word)| (name, Member::Word(word))));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{RepeatedBy, SourceKind, Unit};
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn written(metrics: &[(Metric, Vec<u64>)]) -> Vec<Value> {
        let metrics = metrics.iter().cloned().collect();
        let lines = EmfLine::all(&metrics, "north", Timestamp::from_millis(1_565_375_354_953));
        lines.iter().map(|line| serde_json::from_str(&line.text()).unwrap()).collect()
    }

    #[test]
    fn a_line_is_as_the_specification_shows_it() {
        let metrics =
            [(Metric::InboundDuplicates(RepeatedBy::Body), vec![2]), (Metric::ReconcileLag, vec![5, 7])];
        let expected = json!({
            "_aws": {
                "Timestamp": 1_565_375_354_953_u64,
                "CloudWatchMetrics": [
                    {
                        "Namespace": "north",
                        "Dimensions": [["By"]],
                        "Metrics": [{ "Name": "InboundDuplicates", "Unit": "Count" }],
                    },
                    {
                        "Namespace": "north",
                        "Dimensions": [[]],
                        "Metrics": [{ "Name": "ReconcileLag", "Unit": "Seconds" }],
                    },
                ],
            },
            "By": "body",
            "InboundDuplicates": 2,
            "ReconcileLag": [5, 7],
        });
        assert_eq!(written(&metrics), [expected]);
        let text = EmfLine::all(&metrics.into_iter().collect(), "north", Timestamp::from_millis(1))[0].text();
        assert!(text.ends_with("}\n") && text.lines().count() == 1, "{text:?}");
    }

    #[test]
    fn what_one_root_cannot_hold_goes_into_another() {
        let failed = Metric::MessagesFailed;
        let lines = written(&[
            (failed(SourceKind::Hints), vec![3]),
            (failed(SourceKind::Events), vec![1]),
            (Metric::OutboxAge, (0..250).collect()),
        ]);
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!((&lines[0]["Source"], &lines[0]["MessagesFailed"]), (&json!("hints"), &json!(3)));
        assert_eq!((&lines[1]["Source"], &lines[1]["MessagesFailed"]), (&json!("events"), &json!(1)));
        let lengths = lines.iter().map(|line| line["OutboxAge"].as_array().unwrap().len());
        assert_eq!(lengths.collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(written(&[]), Vec::<Value>::new());
    }

    /// The rules of the specification's JSON schema, and that the root holds what is referred to and nothing else.
    fn check(line: &Value) {
        let units = [Unit::Count, Unit::Milliseconds, Unit::Seconds, Unit::None].map(<&str>::from);
        let root = line.as_object().unwrap();
        let metadata = root["_aws"].as_object().unwrap();
        assert!(metadata["Timestamp"].is_u64() && metadata.len() == 2, "{line}");
        let mut referred = BTreeSet::from(["_aws"]);
        let mut is_new = |name: &'static str, own: &str| name == own && referred.insert(name);
        for directive in metadata["CloudWatchMetrics"].as_array().unwrap() {
            assert_eq!(directive.as_object().unwrap().len(), 3, "{directive}");
            let namespace = directive["Namespace"].as_str().unwrap();
            assert!((1..=1_024).contains(&namespace.len()) && !namespace.starts_with("AWS/"), "{namespace}");
            let [dimensions] = directive["Dimensions"].as_array().unwrap().as_slice() else {
                panic!("{line}")
            };
            let dimensions = dimensions.as_array().unwrap();
            assert!(dimensions.len() <= 30);
            for dimension in dimensions {
                let known = Metric::all().into_iter().filter_map(Metric::dimension);
                let known: Vec<_> = known.filter(|(name, _)| dimension == name).collect();
                let (name, _) = *known.iter().find(|(name, value)| root[*name] == *value).unwrap();
                assert!(is_new(name, dimension.as_str().unwrap()), "{line}");
            }
            let metrics = directive["Metrics"].as_array().unwrap();
            assert!((1..=100).contains(&metrics.len()), "{line}");
            for metric in metrics {
                assert!(
                    units.contains(&metric["Unit"].as_str().unwrap())
                        && metric.as_object().unwrap().len() == 2
                );
                let own = metric["Name"].as_str().unwrap();
                let known = Metric::all().into_iter().map(Metric::name).find(|name| *name == own);
                assert!(is_new(known.unwrap(), own), "{line}");
                match &root[own] {
                    Value::Array(values) => {
                        assert!((1..=100).contains(&values.len()) && values.iter().all(Value::is_u64));
                    }
                    value => assert!(value.is_u64(), "{line}"),
                }
            }
        }
        assert_eq!(root.keys().map(String::as_str).collect::<BTreeSet<_>>(), referred);
    }

    proptest! {
        #[test]
        fn every_line_of_any_figures_is_in_the_format_and_no_value_is_lost(
            metrics in proptest::collection::btree_map(
                proptest::sample::select(Metric::all()),
                proptest::collection::vec(any::<u64>(), 1..230),
                0..20,
            )
        ) {
            let lines = written(&metrics.clone().into_iter().collect::<Vec<_>>());
            lines.iter().for_each(check);
            let count = |value: &Value| value.as_array().map_or(1, Vec::len);
            let names: BTreeSet<_> = metrics.keys().map(|metric| metric.name()).collect();
            let count_of_all: usize =
                lines.iter().flat_map(|line| names.iter().filter_map(|name| line.get(*name))).map(count).sum();
            prop_assert_eq!(count_of_all, metrics.values().map(Vec::len).sum::<usize>());
        }
    }
}
