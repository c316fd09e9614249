//! `automations events`: every kind of event, with a sample of each.

use crate::account::Account;
use crate::checkout;
use crate::commands::schemas;
use crate::exit_code::{Exit, Usage};
use crate::report::print;
use anyhow::Result;
use automations::id::{ClockKind, InboundKind};
use automations::{Event, testing};
use clap::Args;
use serde_json::Value;

/// List every kind of event with its fields and a sample
#[derive(Debug, Args)]
#[command(after_help = "Example: automations events --json")]
pub struct Arguments {
    /// Write the JSON Schemas of events and actions into docs/schemas of the checkout
    #[arg(long)]
    write_schemas: bool,
}

/// Runs `automations events`.
///
/// # Errors
/// If the schemas should be written outside of a checkout.
pub fn run(arguments: &Arguments, account: &Account) -> Result<Exit> {
    if arguments.write_schemas {
        schemas::write(&checkout::required("events --write-schemas")?)?;
        print("docs/schemas/event.json and docs/schemas/action.json are written")?;
    } else {
        print(&if account.json { json()? } else { text()? })?;
    }
    Ok(Exit::Done)
}

/// Every kind of event with a sample, in alphabetical order.
pub fn samples() -> Vec<Event> {
    let mut events = testing::one_of_each();
    events.sort_by(|one, other| one.kind.name().cmp(other.kind.name()));
    events.dedup_by(|one, other| one.kind.name() == other.kind.name());
    events
}

/// The samples as one JSON object, by kind.
///
/// # Errors
/// If a sample is not JSON.
pub fn json() -> Result<String> {
    let by_kind: serde_json::Map<_, _> = samples()
        .iter()
        .map(|event| Ok((event.kind.name().to_owned(), serde_json::to_value(event)?)))
        .collect::<Result<_>>()?;
    Ok(serde_json::to_string_pretty(&by_kind)?)
}

/// The samples for a person: each kind, its fields as a pattern reaches them, and a sample.
///
/// # Errors
/// If a sample is not JSON.
pub fn text() -> Result<String> {
    let mut parts = Vec::new();
    for event in samples() {
        let sample = serde_json::to_value(&event)?;
        let mut fields = Vec::new();
        collect(&sample, "", &mut fields);
        parts.push(format!("{}\n  {}\n  {sample}", event.kind.name(), fields.join(", ")));
    }
    Ok(parts.join("\n\n"))
}

/// The paths to the values of a sample; a list's are its first's.
fn collect(value: &Value, path: &str, fields: &mut Vec<String>) {
    match value {
        Value::Object(inner) => {
            for (key, value) in inner {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, fields);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            items.iter().take(1).for_each(|item| collect(item, path, fields));
        }
        _ => fields.push(path.to_owned()),
    }
}

/// Whether there is such a kind of event. Inbound webhooks have names that their users choose, and schedules those of handlers.
///
/// # Errors
/// [`Usage`], with the nearest kind, if there is none.
pub fn known(kind: &str) -> Result<()> {
    let samples = samples();
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
    fn every_kind_is_listed_with_its_fields_and_a_sample_that_is_one() {
        let (text, json) = (text().unwrap(), json().unwrap());
        let by_kind: std::collections::BTreeMap<String, Event> = serde_json::from_str(&json).unwrap();
        for event in testing::one_of_each() {
            let kind = event.kind.name();
            assert_eq!(by_kind[kind].kind.name(), kind);
            assert!(text.contains(&format!("{kind}\n  ")), "{text}");
        }
        assert!(text.contains("cause.by, ") && text.contains("ticket.labels.name"), "{text}");
    }

    #[test]
    fn an_unknown_kind_is_told_with_the_nearest() {
        assert!(known("ticket.created").is_ok() && known("inbound.newsletter").is_ok());
        assert!(known("clock.digest").is_ok() && known("clock.").is_err());
        let error = known("ticket.stage_change").unwrap_err().to_string();
        assert!(error.contains("the nearest is `ticket.stage_changed`"), "{error}");
    }
}
