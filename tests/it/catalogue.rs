//! The catalogue of events, as `automations events` writes it; no stack is needed.

use crate::tidy::{read, root};
use anyhow::{Context as _, Result, ensure};
use automations::testing;
use automations_cli::catalogue::Catalogue;
use automations_cli::template_table;
use serde_json::Value;
use std::fs;

/// Kinds that have a name of their user's behind them.
const NAMED: [&str; 2] = ["inbound", "clock"];

/// Row 23 of the anchors.
#[test]
fn the_catalogue_of_this_checkout_has_every_kind_and_every_handler() -> Result<()> {
    let template = read("template.yaml")?;
    let catalogue = Catalogue::of(Some(&template))?;
    let folder = root().join(format!("target/catalogue-{}", std::process::id()));
    let files = catalogue.write_pages(&folder)?;
    let document: Value = serde_json::from_str(&fs::read_to_string(folder.join("asyncapi.json"))?)?;
    fs::remove_dir_all(&folder)?;
    for event in testing::one_of_each() {
        let name = event.kind.name();
        let kind = name.split_once('.').map_or(name, |(of, _)| if NAMED.contains(&of) { of } else { name });
        ensure!(files.contains(&format!("{kind}.html")), "{kind} has no page");
        ensure!(!document["channels"]["events"]["messages"][kind].is_null(), "{kind} is not a message");
    }
    let operations = document["operations"].as_object().context("no operations")?;
    let rows = template_table::rows(&template)?;
    for row in &rows {
        let name = row.text("Name").context("an entry without a Name")?;
        ensure!(operations.contains_key(&format!("receive-{name}")), "{name} is not an operation");
    }
    assert_eq!(operations.len(), rows.len() + 1, "each handler, and who publishes");
    Ok(())
}

/// The page for authors is written by hand.
#[test]
fn the_page_of_handlers_names_every_kind_of_the_catalogue() -> Result<()> {
    let page = read("docs/handlers.md")?;
    for event in Catalogue::of(None)?.events {
        let name = match event.kind.as_str() {
            "inbound" => "inbound.{name}",
            "clock" => "clock.{handler}",
            kind => kind,
        };
        ensure!(page.contains(&format!("`{name}`")), "docs/handlers.md lacks {name}");
    }
    Ok(())
}
