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
    /// The names of the reminders that it sets, by the position of the action.
    pub(crate) reminders: BTreeMap<usize, String>,
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
    let acts = settings["actions"].as_array();
    let actions = acts.map_or(FOLLOW_UP_ACTIONS, Vec::len);
    let name_of = |act: &Value| Some(act["key"].as_str().filter(|_| act["do"] == "remind")?.to_owned());
    let reminders = acts.into_iter().flatten().enumerate();
    let reminders = reminders.filter_map(|(position, act)| Some((position, name_of(act)?))).collect();
    Ok(Handler { name, stage, actions, reminders })
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
        let reminds = handlers.iter().find(|handler| handler.name == "remind-on-approved").unwrap();
        let names = [(0, "at-once".to_owned()), (1, "in-a-minute".to_owned())];
        assert_eq!(reminds.reminders, names.into());
    }
}
