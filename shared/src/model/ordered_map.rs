//! A map from names to JSON values that keeps the order in which they came: people read the answers of a form in its order, and
//! `serde_json`'s own map sorts them.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The map. Its order is part of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct OrderedMap {
    entries: Vec<(String, Value)>,
    /// The position of each name, as a sender decides how many names there are.
    positions: BTreeMap<String, usize>,
}

impl OrderedMap {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.positions.get(name).and_then(|position| self.entries.get(*position)).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        let position = self.positions.get(name)?;
        self.entries.get_mut(*position).map(|(_, value)| value)
    }

    /// Adds a value, or replaces the one of the same name in its place.
    pub(super) fn insert(&mut self, name: String, value: Value) {
        if let Some(known) = self.get_mut(&name) {
            *known = value;
            return;
        }
        self.positions.insert(name.clone(), self.entries.len());
        self.entries.push((name, value));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl FromIterator<(String, Value)> for OrderedMap {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        let mut map = Self::default();
        entries.into_iter().for_each(|(name, value)| map.insert(name, value));
        map
    }
}

impl Serialize for OrderedMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for OrderedMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = OrderedMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<OrderedMap, A::Error> {
                let mut map = OrderedMap::default();
                while let Some((name, value)) = access.next_entry()? {
                    map.insert(name, value);
                }
                Ok(map)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl JsonSchema for OrderedMap {
    fn inline_schema() -> bool {
        Map::<String, Value>::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Map::<String, Value>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Map::<String, Value>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_survives_json_and_a_name_that_comes_again_stays_in_its_place() {
        let map: OrderedMap =
            serde_json::from_str(r#"{"z": 1, "a": {"y": 1, "b": 2}, "m": 3, "z": 4}"#).unwrap();
        assert_eq!(map.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["z", "a", "m"]);
        assert_eq!(serde_json::to_string(&map).unwrap(), r#"{"z":4,"a":{"b":2,"y":1},"m":3}"#);
        assert!(serde_json::from_str::<OrderedMap>("[1]").is_err());
    }

    /// As many names as fit a body.
    #[test]
    fn a_form_of_many_names_takes_no_long_time() {
        let start = std::time::Instant::now();
        let map: OrderedMap = (0..30_000).map(|number| (number.to_string(), Value::Null)).collect();
        assert_eq!(map.len(), 30_000);
        assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
