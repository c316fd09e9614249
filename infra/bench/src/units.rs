//! DynamoDB's read and write units, from the sizes of items with their indexes.

use serde_json::{Map, Value};

/// An index of infra/stacks/store.yaml: its keys, and the attributes that it has beside the table's keys.
struct Index {
    keys: &'static [&'static str],
    projected: &'static [&'static str],
}

const INDEXES: [Index; 3] = [
    Index {
        keys: &["due_shard", "next_check"],
        projected: &["last_checked", "unpublished", "unpublished_since"],
    },
    Index { keys: &["journal_day", "at"], projected: &[] },
    Index { keys: &["check_slot"], projected: &[] },
];
/// The keys of the table, which every entry of an index has.
const TABLE_KEYS: [&str; 2] = ["pk", "sk"];
/// A list or map is this many bytes, and one more for each element.
const COLLECTION: usize = 3;

/// The units of a write, or of a deletion (`after` is none): one for each KiB of the larger of the item before and after, two
/// in a transaction; and those of the indexes (Amazon DynamoDB Developer Guide, "Read and write operations").
pub(crate) fn write_units(before: Option<&Value>, after: Option<&Value>, is_in_transaction: bool) -> u64 {
    let bytes = before.map_or(0, size).max(after.map_or(0, size));
    let item = kibs(bytes).saturating_mul(if is_in_transaction { 2 } else { 1 });
    item.saturating_add(index_units(before, after))
}

/// Those of [`write_units`] that are of the indexes. Those of a day's journal are in few partitions.
pub(crate) fn index_units(before: Option<&Value>, after: Option<&Value>) -> u64 {
    INDEXES.iter().fold(0, |sum, index| sum.saturating_add(index.units(before, after)))
}

/// The halves of a unit of a read of items of these bytes: two for each 4 KiB, one if the read is eventually consistent. What
/// is not there costs as much as a small item (the same page).
pub(crate) fn read_halves(bytes: u64, is_consistent: bool) -> u64 {
    bytes.div_ceil(4_096).max(1).saturating_mul(if is_consistent { 2 } else { 1 })
}

/// An item's bytes (Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats").
pub(crate) fn size(item: &Value) -> u64 {
    let bytes: usize =
        attributes(item).map(|(name, value)| name.len().saturating_add(value_size(value))).sum();
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Index {
    /// One unit for each KiB of an entry that is new, deleted, or whose content changes; of one that moves, as its key changes,
    /// the old one and the new one. Transactions do not double it (Amazon DynamoDB Developer Guide, "Using Global Secondary
    /// Indexes", "Write capacity units").
    fn units(&self, before: Option<&Value>, after: Option<&Value>) -> u64 {
        let entry = |item: Option<&Value>| item.and_then(|item| self.entry(item));
        match (entry(before), entry(after)) {
            (None, None) => 0,
            (None, Some(entry)) | (Some(entry), None) => kibs(size(&entry)),
            (Some(before), Some(after)) if before == after => 0,
            (Some(before), Some(after)) => {
                let is_moved = self.keys.iter().any(|key| before.get(key) != after.get(key));
                let [old, new] = [&before, &after].map(|entry| kibs(size(entry)));
                if is_moved { old.saturating_add(new) } else { old.max(new) }
            }
        }
    }

    /// The entry of an item; none if the item lacks one of the keys.
    fn entry(&self, item: &Value) -> Option<Value> {
        let keys = TABLE_KEYS.iter().chain(self.keys);
        let mut entry: Map<String, Value> =
            keys.map(|key| Some(((*key).to_owned(), item.get(key)?.clone()))).collect::<Option<_>>()?;
        entry.extend(
            self.projected.iter().filter_map(|name| Some(((*name).to_owned(), item.get(name)?.clone()))),
        );
        Some(Value::Object(entry))
    }
}

fn kibs(bytes: u64) -> u64 {
    bytes.div_ceil(1_024).max(1)
}

fn attributes(item: &Value) -> impl Iterator<Item = (&String, &Value)> {
    item.as_object().into_iter().flat_map(Map::iter)
}

/// Of an attribute's value in DynamoDB's JSON: `{"S": "text"}`.
fn value_size(value: &Value) -> usize {
    let Some((kind, held)) = attributes(value).next() else { return 0 };
    let elements = || held.as_array().into_iter().flatten();
    match (kind.as_str(), held) {
        ("N", Value::String(digits)) => number_size(digits),
        ("NS", Value::Array(_)) => elements().filter_map(Value::as_str).map(number_size).sum(),
        // Four characters of base 64 are three bytes.
        ("B", Value::String(text)) => text.len().div_ceil(4).saturating_mul(3),
        (_, Value::String(text)) => text.len(),
        ("SS", Value::Array(_)) => elements().filter_map(Value::as_str).map(str::len).sum(),
        ("L", Value::Array(_)) => elements()
            .map(|element| value_size(element).saturating_add(1))
            .sum::<usize>()
            .saturating_add(COLLECTION),
        ("M", Value::Object(_)) => {
            let entries = attributes(held)
                .map(|(name, value)| name.len().saturating_add(value_size(value)).saturating_add(1));
            entries.sum::<usize>().saturating_add(COLLECTION)
        }
        _ => 1,
    }
}

/// A byte for two significant digits, one more, and one for a sign.
fn number_size(digits: &str) -> usize {
    let significant = digits.trim_start_matches(['-', '0']).trim_end_matches('0').len();
    significant.div_ceil(2).saturating_add(1).saturating_add(usize::from(digits.starts_with('-')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_write_costs_by_the_larger_size_and_twice_in_a_transaction() {
        let item = |bytes: usize| json!({ "pk": { "S": "x".repeat(bytes - 2) } });
        assert_eq!(write_units(None, Some(&item(1_024)), false), 1);
        assert_eq!(write_units(None, Some(&item(1_025)), false), 2);
        assert_eq!(write_units(Some(&item(3_000)), Some(&item(10)), false), 3);
        assert_eq!(write_units(None, Some(&item(1_025)), true), 4);
        assert_eq!(write_units(Some(&item(1_025)), None, false), 2, "a deletion");
        assert_eq!(write_units(None, None, true), 2, "the deletion of nothing");
    }

    #[test]
    fn a_read_costs_a_unit_for_four_kib_and_half_of_it_if_it_may_be_stale() {
        let halves = [(0, true), (4_096, true), (4_097, true), (0, false), (9_000, false)]
            .map(|(bytes, is_consistent)| read_halves(bytes, is_consistent));
        assert_eq!(halves, [2, 2, 4, 1, 3]);
    }

    #[test]
    fn the_size_of_each_type_is_the_documented_one() {
        let of = |value: Value| size(&json!({ "name": value })) - 4;
        assert_eq!(of(json!({ "S": "é" })), 2, "bytes of UTF-8");
        assert_eq!(
            [of(json!({ "N": "12345" })), of(json!({ "N": "1000" })), of(json!({ "N": "-12" }))],
            [4, 2, 3]
        );
        assert_eq!([of(json!({ "BOOL": true })), of(json!({ "NULL": true }))], [1, 1]);
        assert_eq!([of(json!({ "SS": ["ab", "c"] })), of(json!({ "NS": ["12", "3"] }))], [3, 4]);
        assert_eq!(of(json!({ "L": [{ "S": "ab" }, { "BOOL": true }] })), 3 + 3 + 2);
        assert_eq!(of(json!({ "M": { "k": { "S": "ab" } } })), 3 + 1 + 2 + 1);
        assert_eq!(of(json!({ "B": "QUJD" })), 3);
    }

    #[test]
    fn an_index_costs_what_its_entry_costs() {
        let ticket = |next: &str, unpublished: &str| {
            json!({
                "pk": { "S": "t" }, "sk": { "S": "s" }, "due_shard": { "S": "1" },
                "next_check": { "N": next }, "unpublished": { "N": unpublished },
            })
        };
        let of =
            |before: Option<Value>, after: Option<&Value>| write_units(before.as_ref(), after, false) - 1;
        assert_eq!(of(None, Some(&ticket("1", "1"))), 1, "a new entry");
        assert_eq!(of(Some(ticket("1", "1")), None), 1, "a deleted one");
        assert_eq!(of(Some(ticket("1", "1")), Some(&ticket("2", "1"))), 2, "it moves");
        assert_eq!(index_units(Some(&ticket("1", "1")), Some(&ticket("2", "1"))), 2);
        assert_eq!(of(Some(ticket("1", "1")), Some(&ticket("1", "2"))), 1, "its content changes");
        let mut other = ticket("1", "1");
        other["snapshot"] = json!({ "S": "other" });
        assert_eq!(of(Some(ticket("1", "1")), Some(&other)), 0, "what it does not have changes");
        let entry = json!({ "pk": { "S": "t" }, "sk": { "S": "j" }, "journal_day": { "S": "1" }, "at": { "N": "1" } });
        assert_eq!((of(None, Some(&entry)), index_units(None, Some(&entry))), (1, 1));
        let slot = |slot: &str, version: &str| json!({ "pk": { "S": "t" }, "sk": { "S": "s" }, "check_slot": { "S": slot }, "version": { "N": version } });
        assert_eq!(of(Some(slot("day#1", "1")), Some(&slot("day#1", "2"))), 0, "a new version in its slot");
        assert_eq!(of(Some(slot("day#1", "1")), Some(&slot("month#9", "2"))), 2, "another rhythm");
        let record = json!({ "pk": { "S": "a" }, "sk": { "S": "r" }, "at": { "N": "1" } });
        assert_eq!(of(None, Some(&record)), 0, "an action's record is in no index");
        let transaction = write_units(Some(&ticket("1", "1")), Some(&ticket("2", "1")), true);
        assert_eq!(transaction, 2 + 2, "a transaction doubles the item's units and not the index's");
    }

    /// A new index of the template costs units that this file has to count.
    #[test]
    fn the_indexes_are_those_of_the_template() {
        let template: serde_norway::Value =
            serde_norway::from_str(include_str!("../../stacks/store.yaml")).unwrap();
        let table = &template["Resources"]["Table"]["Properties"];
        let names = |list: &serde_norway::Value, field: Option<&str>| -> Vec<String> {
            let list = list.as_sequence().cloned().unwrap_or_default();
            let name =
                |it: &serde_norway::Value| field.map_or(it, |field| &it[field]).as_str().unwrap().to_owned();
            list.iter().map(name).collect()
        };
        assert_eq!(names(&table["KeySchema"], Some("AttributeName")), TABLE_KEYS);
        let found: Vec<_> = table["GlobalSecondaryIndexes"].as_sequence().unwrap().iter().collect();
        assert_eq!(found.len(), INDEXES.len());
        for (found, index) in found.into_iter().zip(&INDEXES) {
            assert_eq!(names(&found["KeySchema"], Some("AttributeName")), index.keys);
            assert_eq!(names(&found["Projection"]["NonKeyAttributes"], None), index.projected);
        }
        assert!(table.get("LocalSecondaryIndexes").is_none(), "not counted");
    }
}
