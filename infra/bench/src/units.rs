//! DynamoDB's write units, from the sizes of items with their indexes.

use serde_json::{Map, Value};

/// An index of infra/stacks/store.yaml: its two keys, and the attributes that it has beside the table's keys.
struct Index {
    keys: [&'static str; 2],
    projected: &'static [&'static str],
}

const INDEXES: [Index; 2] = [
    Index {
        keys: ["due_shard", "next_check"],
        projected: &["last_checked", "unpublished", "unpublished_since"],
    },
    Index { keys: ["journal_day", "at"], projected: &[] },
];

/// The units of a write: one for each KiB of the larger of the item before and after, two in a transaction; and those of the indexes:
/// one for an entry that is new or whose content changes, two for one that moves (Amazon DynamoDB Developer Guide, "Read and write
/// operations" and "Using Global Secondary Indexes", "Provisioned throughput considerations").
pub(crate) fn write_units(before: Option<&Value>, after: &Value, is_in_transaction: bool) -> u64 {
    let bytes = before.map_or(0, size).max(size(after));
    let item = bytes.div_ceil(1_024).saturating_mul(if is_in_transaction { 2 } else { 1 });
    INDEXES.iter().fold(item, |sum, index| sum.saturating_add(index.units(before, after)))
}

impl Index {
    fn units(&self, before: Option<&Value>, after: &Value) -> u64 {
        let has = |item: &Value| self.keys.iter().all(|key| item.get(key).is_some());
        let is_other = |names: &[&str]| {
            names.iter().any(|name| before.and_then(|before| before.get(name)) != after.get(name))
        };
        match (before.is_some_and(has), has(after)) {
            (false, false) => 0,
            (false, true) | (true, false) => 1,
            (true, true) if is_other(&self.keys) => 2,
            (true, true) => is_other(self.projected).into(),
        }
    }
}

/// An item's bytes (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats"): names, texts, and a byte for two digits of
/// a number and one more.
fn size(item: &Value) -> u64 {
    let value = |value: &Value| match value.as_object().and_then(|value| value.iter().next()) {
        Some((kind, Value::String(text))) if kind == "N" => text.len().div_ceil(2).saturating_add(1),
        // Bytes are in base64 here: four characters for three.
        Some((kind, Value::String(text))) if kind == "B" => text.len().saturating_mul(3).div_ceil(4),
        Some((_, Value::String(text))) => text.len(),
        _ => 1,
    };
    let attributes = item.as_object().into_iter().flat_map(Map::iter);
    let bytes: usize = attributes.map(|(name, held)| name.len().saturating_add(value(held))).sum();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_write_costs_by_the_larger_size_and_twice_in_a_transaction() {
        let item = |bytes: usize| json!({ "pk": { "S": "x".repeat(bytes - 2) } });
        assert_eq!(write_units(None, &item(1_024), false), 1);
        assert_eq!(write_units(None, &item(1_025), false), 2);
        assert_eq!(write_units(Some(&item(3_000)), &item(10), false), 3);
        assert_eq!(write_units(None, &item(1_025), true), 4);
        assert_eq!(size(&json!({ "n": { "N": "12345" }, "b": { "BOOL": true } })), 1 + 4 + 1 + 1);
    }

    #[test]
    fn an_index_costs_what_its_entry_costs() {
        let ticket = |next: &str, unpublished: &str| json!({ "due_shard": { "S": "1" }, "next_check": { "N": next }, "unpublished": { "N": unpublished } });
        let of = |before: Option<Value>, after: &Value| write_units(before.as_ref(), after, false) - 1;
        assert_eq!(of(None, &ticket("1", "1")), 1, "a new entry");
        assert_eq!(of(Some(ticket("1", "1")), &ticket("2", "1")), 2, "it moves");
        assert_eq!(of(Some(ticket("1", "1")), &ticket("1", "2")), 1, "its content changes");
        assert_eq!(of(Some(ticket("1", "1")), &ticket("1", "1")), 0);
        assert_eq!(of(None, &json!({ "journal_day": { "S": "1" }, "at": { "N": "1" } })), 1);
        assert_eq!(of(None, &json!({ "at": { "N": "1" } })), 0, "an action's record is in no index");
    }
}
