//! `automations events`: every kind of event, what it has, and who consumes it.

use crate::account::Account;
use crate::catalogue::Catalogue;
use crate::checkout;
use crate::commands::schemas;
use crate::exit_code::{Exit, Usage};
use crate::report::{count, print, print_json};
use anyhow::{Context as _, Result};
use automations::id::{ClockKind, InboundKind};
use automations::testing;
use clap::Args;
use std::fs;
use std::path::{Path, PathBuf};

/// List every kind of event with its fields, an example, and the handlers of template.yaml that consume it
#[derive(Debug, Args)]
#[command(after_help = "\
Example: automations events --json
Example: automations events --html target/events --asyncapi target/asyncapi.json

It needs no AWS account. Inside of a checkout it reads template.yaml, and so knows the handlers.")]
pub struct Arguments {
    /// Write static pages into this folder: an index and a page for each kind, without scripts
    #[arg(long, value_name = "FOLDER", conflicts_with = "write_schemas")]
    html: Option<PathBuf>,
    /// Write an AsyncAPI 3.0 document into this file, or to standard output (-)
    #[arg(long, value_name = "FILE", conflicts_with = "write_schemas")]
    asyncapi: Option<PathBuf>,
    /// Write the JSON Schemas of events and actions into docs/schemas of the checkout
    #[arg(long)]
    write_schemas: bool,
}

/// Runs `automations events`.
///
/// # Errors
/// If a file cannot be written, template.yaml cannot be read, or the schemas should be written outside of a checkout.
pub fn run(arguments: &Arguments, account: &Account) -> Result<Exit> {
    if arguments.write_schemas {
        schemas::write(&checkout::required("events --write-schemas")?)?;
        print("docs/schemas/event.json and docs/schemas/action.json are written")?;
        return Ok(Exit::Done);
    }
    let catalogue = of_checkout()?;
    if let Some(folder) = &arguments.html {
        let files = u64::try_from(catalogue.write_pages(folder)?.len()).unwrap_or(u64::MAX);
        let index = folder.join("index.html");
        print(&format!("{} written; open {}", count(files, "file is", "files are"), index.display()))?;
    }
    match &arguments.asyncapi {
        Some(file) => write(file, &format!("{:#}", catalogue.asyncapi()))?,
        None if arguments.html.is_some() => {}
        None if account.json => print_json(&catalogue)?,
        None => print(&catalogue.text()?)?,
    }
    Ok(Exit::Done)
}

/// With the handlers of template.yaml, if this is a checkout.
fn of_checkout() -> Result<Catalogue> {
    let template = checkout::find().map(|root| fs::read_to_string(root.join("template.yaml")));
    let template = template.transpose().context("template.yaml cannot be read")?;
    Catalogue::of(template.as_deref())
}

fn write(file: &Path, text: &str) -> Result<()> {
    if file == Path::new("-") {
        return print(text);
    }
    fs::write(file, format!("{text}\n")).with_context(|| format!("{} cannot be written", file.display()))?;
    print(&format!("{} is written", file.display()))
}

/// Whether there is such a kind of event. Inbound webhooks have names that their users choose, and schedules those of handlers.
///
/// # Errors
/// [`Usage`], with the nearest kind, if there is none.
pub fn known(kind: &str) -> Result<()> {
    let samples = testing::one_of_each();
    let kinds: Vec<_> = samples.iter().map(|event| event.kind.name()).collect();
    if kinds.contains(&kind) || InboundKind::parse(kind).is_ok() || ClockKind::parse(kind).is_ok() {
        return Ok(());
    }
    let nearest = kinds
        .into_iter()
        .max_by(|left, right| strsim::jaro_winkler(kind, left).total_cmp(&strsim::jaro_winkler(kind, right)));
    let nearest = nearest.unwrap_or_default();
    let text = format!(
        "there is no event `{kind}`; the nearest is `{nearest}` (`automations events` lists them all)"
    );
    Err(Usage(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_told_with_the_nearest() {
        assert!(known("ticket.created").is_ok() && known("inbound.newsletter").is_ok());
        assert!(known("clock.digest").is_ok() && known("clock.").is_err());
        let error = known("ticket.stage_change").unwrap_err().to_string();
        assert!(error.contains("the nearest is `ticket.stage_changed`"), "{error}");
    }
}
