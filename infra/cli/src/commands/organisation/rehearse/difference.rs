//! The fields in which two views of one ticket differ, by their paths.

use serde_json::Value;
use std::collections::BTreeSet;

/// Fields that change with every write, whatever it changes.
const TIMES: [&str; 4] = ["timestamp", "updatedat", "modifiedat", "lastmodified"];

/// The paths of the fields whose values differ, such as `values.onceOff`; of the items of a list, as one.
pub(super) fn difference(before: &Value, after: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    compare("", before, after, &mut found);
    found
}

/// The top-level fields that have a value and are not changed by every write.
pub(super) fn fields_with_values(view: &Value) -> BTreeSet<String> {
    let fields = view.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| !is_nothing(value) && !is_time(name))
        .map(|(name, _)| name.clone())
        .collect()
}

fn is_time(path: &str) -> bool {
    TIMES.iter().any(|time| path.to_lowercase().ends_with(time))
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut BTreeSet<String>) {
    if is_time(path) {
        return;
    }
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let [one, other] = [one, other].map(|fields| fields.get(name).unwrap_or(&Value::Null));
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&path, one, other, found);
            }
        }
        // An id's place in a list means nothing.
        (Value::Array(one), Value::Array(other)) if sorted(one) == sorted(other) => {}
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        (one, other) if is_nothing(one) && is_nothing(other) => {}
        (one, other) if one == other => {}
        _ => drop(found.insert(path.to_owned())),
    }
}

fn sorted(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().map(ToString::to_string).collect();
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_named_and_no_value_is() {
        let before = json!({ "name": "Jane", "values": { "onceOff": 450_000.0, "due": "2026" }, "labels": ["a", "b"], "color": null, "timeStamp": 1 });
        let same = json!({ "name": "Jane", "values": { "onceOff": 450_000, "due": "2026" }, "labels": ["b", "a"], "color": "", "timeStamp": 2 });
        assert!(difference(&before, &same).is_empty());
        let after = json!({ "name": "Jane", "values": { "onceOff": 450_000 }, "labels": ["a"], "more": 1 });
        assert_eq!(difference(&before, &after), ["labels", "more", "values.due"].map(str::to_owned).into());
        assert_eq!(fields_with_values(&before), ["labels", "name", "values"].map(str::to_owned).into());
    }
}
