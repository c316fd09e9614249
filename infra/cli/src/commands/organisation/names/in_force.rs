//! Entries as they are for an organisation: its own settings replace those of the entry.

use crate::handler_entries::Entry;
use automations::store::OwnSettings;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The entries of the handlers that are enabled for the organisation, with its settings of them.
pub(super) fn in_force(entries: &[Entry], own: &BTreeMap<String, OwnSettings>) -> Vec<Entry> {
    let is_enabled = |entry: &&Entry| own.get(&entry.name).is_none_or(|own| own.enabled != Some(false));
    let with_own = |entry: &Entry| match own.get(&entry.name) {
        Some(own) if !own.values.is_empty() => {
            Entry { settings: merged(&entry.settings, &own.values), ..entry.clone() }
        }
        Some(_) | None => entry.clone(),
    };
    entries.iter().filter(is_enabled).map(with_own).collect()
}

/// As functions do it: by top-level key. What is not a JSON object stays, so that the comparison says that it cannot be read.
fn merged(settings: &str, own: &Map<String, Value>) -> String {
    match serde_json::from_str::<Map<String, Value>>(settings) {
        Ok(mut all) => {
            all.extend(own.clone());
            Value::Object(all).to_string()
        }
        Err(_) => settings.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_organisations_values_replace_those_of_the_entry_and_a_disabled_handler_names_nothing() {
        let entry = |name: &str, settings: &str| Entry {
            name: name.to_owned(),
            settings: settings.to_owned(),
            policies: Vec::new(),
            dry_run: false,
        };
        let entries =
            [entry("a", r#"{"label":"Setled","stage":"Settled"}"#), entry("b", "{}"), entry("c", "not JSON")];
        let values = |value: Value| value.as_object().cloned().unwrap();
        let label = values(json!({ "label": "Settled" }));
        let own = BTreeMap::from([
            ("a".to_owned(), OwnSettings { values: label.clone(), ..OwnSettings::default() }),
            ("b".to_owned(), OwnSettings { enabled: Some(false), ..OwnSettings::default() }),
            ("c".to_owned(), OwnSettings { values: label, ..OwnSettings::default() }),
        ]);
        let found = in_force(&entries, &own);
        let found: Vec<(&str, &str)> =
            found.iter().map(|entry| (entry.name.as_str(), entry.settings.as_str())).collect();
        assert_eq!(found, [("a", r#"{"label":"Settled","stage":"Settled"}"#), ("c", "not JSON")]);
        assert_eq!(in_force(&entries, &BTreeMap::new()).len(), 3);
    }
}
