//! `automations settings`: what an organisation has in place of a handler's entry.

mod for_all;
mod prepared;
mod stored;

pub use for_all::PreparedForAll;
pub use prepared::Kind;
pub(crate) use prepared::PreparedChange;
pub use stored::{Found, HandlerSettings, SettingsChange};

use crate::account::Account;
use crate::audit::Audit;
use crate::exit_code::{Exit, Usage};
use crate::report::{during, print, print_json, table};
use anyhow::{Context as _, Result};
use automations::id::OrganisationId;
use automations::store::OwnSettings;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// When a change takes effect.
pub(crate) const IN_FORCE: &str = "it takes effect within a minute";

/// Show and change an organisation's settings of a handler: values in place of those of its entry, whether it is enabled, whether it is
/// in its dry run
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what organisations have in place of the handlers' entries
    #[command(after_help = "Example: automations settings list --organisation north --profile prod")]
    List {
        /// Only this organisation [default: all]
        #[arg(long, value_name = "NAME")]
        organisation: Option<OrganisationId>,
    },
    /// Print the settings that are in force, and which of them are the organisation's own
    #[command(
        after_help = "Example: automations settings get --organisation north --handler follow-up-on-settlement --profile prod"
    )]
    Get {
        #[command(flatten)]
        which: Which,
    },
    /// Set values in place of those of the entry, by top-level key; the deployed handler checks them first
    #[command(
        after_help = "Example: automations settings set --organisation north --handler follow-up-on-settlement '{\"stage\":\"Done\"}' --profile prod\n\n\
                      Keys that are not named stay as they are. It takes effect within a minute, without a deployment.\n\
                      A wrong name in the entry, until it is deployed: --all-organisations in place of --organisation"
    )]
    Set {
        #[command(flatten)]
        which: OneOrAll,
        /// The values, as a JSON object
        #[arg(value_name = "JSON", conflicts_with = "file")]
        values: Option<String>,
        /// The values are in this file, or in standard input (-)
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Whether the handler decides on the organisation's events
        #[arg(long, value_name = "BOOL")]
        enabled: Option<Switch>,
        /// Whether its actions are only logged
        #[arg(long, value_name = "BOOL")]
        dry_run: Option<Switch>,
    },
    /// Remove the organisation's own values, so that those of the entry are in force again; all of them, unless keys are named
    #[command(
        after_help = "Example: automations settings unset --organisation north --handler follow-up-on-settlement --key stage --profile prod"
    )]
    Unset {
        #[command(flatten)]
        which: OneOrAll,
        /// Only the value of this key; may be repeated
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
}

/// Of which handler and organisation.
#[derive(Debug, Args)]
struct Which {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    organisation: OrganisationId,
    /// The handler, by its `Name` in template.yaml
    #[arg(long, value_name = "NAME")]
    handler: String,
}

/// Of which handler, for one organisation or all.
#[derive(Debug, Args)]
struct OneOrAll {
    /// The organisation
    #[arg(long, value_name = "NAME", required_unless_present = "all_organisations")]
    organisation: Option<OrganisationId>,
    /// Every organisation that there is; one that is added later has the entry's. All are checked before anything is stored
    #[arg(long, conflicts_with = "organisation")]
    all_organisations: bool,
    /// The handler, by its `Name` in template.yaml
    #[arg(long, value_name = "NAME")]
    handler: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    /// Yes
    True,
    /// No
    False,
}

impl From<Switch> for bool {
    fn from(switch: Switch) -> Self {
        switch == Switch::True
    }
}

/// Runs `automations settings`.
///
/// # Errors
/// If there is no such organisation or handler, the values do not fit, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    match arguments.command {
        Command::List { organisation } => {
            let settings = HandlerSettings::of(&account.target().await?)?;
            list(&during("reading the settings", settings.list(organisation.as_ref())).await?, account.json)?;
        }
        Command::Get { which } => {
            let settings = HandlerSettings::of(&account.target().await?)?;
            let found = settings.find(&which.organisation, &which.handler);
            show(&which, &during("reading the settings", found).await?, account.json)?;
        }
        Command::Set { which, values, file, enabled, dry_run } => {
            let (enabled, dry_run) = (enabled.map(bool::from), dry_run.map(bool::from));
            let values = values_of(values, file.as_deref())?;
            if values.is_empty() && enabled.is_none() && dry_run.is_none() {
                return Err(Usage("say what to set: JSON, --file, --enabled or --dry-run".to_owned()).into());
            }
            let change = SettingsChange { values, enabled, dry_run, ..SettingsChange::default() };
            apply(Kind::Set, which, change, account).await?;
        }
        Command::Unset { which, key } => {
            let unset_all = key.is_empty();
            let change = SettingsChange { unset: key, unset_all, ..SettingsChange::default() };
            apply(Kind::Unset, which, change, account).await?;
        }
    }
    Ok(Exit::Done)
}

const ASKING: &str = "asking the handler whether the settings fit";

async fn apply(kind: Kind, which: OneOrAll, change: SettingsChange, account: &Account) -> Result<()> {
    let target = account.target().await?;
    let (settings, audit) = (HandlerSettings::of(&target)?, Audit::of(&target));
    let OneOrAll { organisation, all_organisations: _, handler } = which;
    let Some(organisation) = organisation else {
        let prepared = settings.prepared_for_all(kind, &handler, change);
        let prepared = during(ASKING, Box::pin(prepared)).await?;
        let stored = during("storing the settings", settings.store_all_audited(&prepared, &audit)).await?;
        return for_all::show(&prepared, stored, account.json);
    };
    let which = Which { organisation, handler };
    let prepared = settings.prepared(kind, (&which.organisation, &which.handler), change);
    let prepared = during(ASKING, Box::pin(prepared)).await?;
    show(&which, &settings.store_audited(&prepared, &audit).await?, account.json)?;
    if !account.json {
        print(IN_FORCE)?;
    }
    Ok(())
}

fn values_of(argument: Option<String>, file: Option<&Path>) -> Result<Map<String, Value>> {
    let text = match (argument, file) {
        (Some(text), _) => text,
        (None, None) => return Ok(Map::new()),
        (None, Some(file)) if file == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input is not text")?;
            text
        }
        (None, Some(file)) => std::fs::read_to_string(file)
            .with_context(|| format!("{} cannot be read as text", file.display()))?,
    };
    values_of_json(&text)
}

/// The values of a text.
///
/// # Errors
/// [`Usage`] if it is not a JSON object.
pub(crate) fn values_of_json(text: &str) -> Result<Map<String, Value>> {
    let values = serde_json::from_str(text);
    values.map_err(|error| Usage(format!("the settings are not a JSON object: {error}")).into())
}

/// Whether a handler is enabled for an organisation, and in its dry run.
pub(crate) fn state(organisation: &str, handler: &str, found: &Found) -> String {
    let state = match found.flags() {
        (false, _) => "disabled: it decides nothing",
        (true, true) => "enabled, in its dry run: its actions are only logged",
        (true, false) => "enabled",
    };
    format!("{handler} for {organisation}: {state}")
}

fn list(all: &[(OrganisationId, String, OwnSettings)], as_json: bool) -> Result<()> {
    if as_json {
        let all = all.iter().map(|(organisation, handler, own)| {
            json!({ "organisation": organisation, "handler": handler, "own": own })
        });
        return print_json(&all.collect::<Vec<_>>());
    }
    if all.is_empty() {
        return print("every organisation has the settings of the handlers' entries");
    }
    let rows = all.iter().map(|(organisation, handler, own)| {
        [organisation.to_string(), handler.clone(), flag(own.enabled), flag(own.dry_run), keys(own)]
    });
    print(&table(
        ["organisation", "handler", "enabled", "dry run", "own settings"],
        &rows.collect::<Vec<_>>(),
    ))
}

fn flag(value: Option<bool>) -> String {
    value.map_or_else(|| "as the entry".to_owned(), |value| value.to_string())
}

fn keys(own: &OwnSettings) -> String {
    own.values.keys().cloned().collect::<Vec<_>>().join(", ")
}

fn show(which: &Which, found: &Found, as_json: bool) -> Result<()> {
    let Which { organisation, handler } = which;
    let ((enabled, dry_run), effective) = (found.flags(), found.effective());
    if as_json {
        let settings: Map<String, Value> =
            effective.into_iter().map(|(key, value, _)| (key, value)).collect();
        return print_json(&json!({
            "organisation": organisation, "handler": handler, "enabled": enabled, "dry_run": dry_run,
            "settings": settings, "own": found.own,
        }));
    }
    print(&state(which.organisation.as_str(), handler, found))?;
    let rows = effective.iter().map(|(key, value, is_own)| {
        let of = if *is_own { "the organisation" } else { "the entry" };
        [key.clone(), value.to_string(), of.to_owned()]
    });
    print(&table(["setting", "value", "of"], &rows.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_an_object_are_refused() {
        for text in ["[]", "\"stage\"", "{", "null"] {
            assert!(values_of(Some(text.to_owned()), None).unwrap_err().is::<Usage>(), "{text}");
        }
        assert!(values_of(None, None).unwrap().is_empty());
    }
}
