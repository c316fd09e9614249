//! What the handlers of tests/chaos/handlers.yaml do, so that the verdict knows what to expect.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A handler of the table.
#[derive(Debug)]
pub(crate) struct Handler {
    pub(crate) name: String,
    /// It acts on tickets that enter this stage.
    pub(crate) stage: String,
    /// The number of actions for one event.
    pub(crate) actions: usize,
}

/// Those of follow-up-on-settlement, whose settings have no list of actions: a label, and a ticket.
const FOLLOW_UP_ACTIONS: usize = 2;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    name: String,
    settings: String,
}

/// The table's handlers.
pub(crate) fn handlers() -> Result<Vec<Handler>> {
    let table: BTreeMap<String, BTreeMap<String, Entry>> =
        serde_norway::from_str(include_str!("handlers.yaml")).context("tests/chaos/handlers.yaml")?;
    let entries = table.into_values().flat_map(BTreeMap::into_values);
    entries.map(handler).collect()
}

fn handler(Entry { name, settings }: Entry) -> Result<Handler> {
    let settings: Value = serde_json::from_str(&settings).with_context(|| format!("settings of {name}"))?;
    let stage = settings["stage"].as_str().with_context(|| format!("{name} has no stage"))?.to_owned();
    let actions = settings["actions"].as_array().map_or(FOLLOW_UP_ACTIONS, Vec::len);
    Ok(Handler { name, stage, actions })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_several_handlers_for_a_stage() {
        let handlers = handlers().unwrap();
        for stage in ["Approved", "Settled"] {
            assert!(handlers.iter().filter(|handler| handler.stage == stage).count() > 1, "{stage}");
        }
        assert!(handlers.iter().any(|handler| handler.actions > 1));
    }
}
