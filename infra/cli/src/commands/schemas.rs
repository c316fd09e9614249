//! The JSON Schemas of events and actions, made from the Rust types.

use anyhow::{Context as _, Result};
use automations::Event;
use automations::model::action::PlannedAction;
use schemars::{Schema, schema_for};
use std::fs;
use std::path::Path;

/// The files in `docs/schemas`, with their texts.
///
/// # Errors
/// If a schema is not JSON.
pub(super) fn files() -> Result<[(&'static str, String); 2]> {
    Ok([("event.json", text(&schema_for!(Event))?), ("action.json", text(&schema_for!(PlannedAction))?)])
}

/// Writes them into the checkout.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn write(root: &Path) -> Result<()> {
    let folder = root.join("docs/schemas");
    fs::create_dir_all(&folder)?;
    for (name, text) in files()? {
        fs::write(folder.join(name), text)
            .with_context(|| format!("docs/schemas/{name} cannot be written"))?;
    }
    Ok(())
}

fn text(schema: &Schema) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(schema)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing;

    #[test]
    fn the_schemas_in_docs_are_those_of_the_types() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for (name, text) in files().unwrap() {
            let there = fs::read_to_string(root.join("docs/schemas").join(name)).unwrap_or_default();
            assert!(
                there == text,
                "docs/schemas/{name} has drifted: run `cargo automations events --write-schemas`"
            );
        }
    }

    #[test]
    fn every_kind_of_event_is_in_its_schema() {
        let [(_, event), _] = files().unwrap();
        for sample in testing::one_of_each() {
            let sample = serde_json::to_value(sample).unwrap();
            let kind = sample["type"].as_str().unwrap();
            // The kind of an inbound webhook's event has the webhook's name, and that of a schedule the handler's.
            let wanted = match kind.split_once('.') {
                Some(("inbound", _)) => "#/$defs/InboundKind",
                Some(("clock", _)) => "#/$defs/ClockKind",
                _ => kind,
            };
            assert!(event.contains(&format!("\"{wanted}\"")), "{kind}");
        }
    }
}
