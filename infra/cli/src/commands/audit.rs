//! `automations audit`: what operators changed.

use crate::account::Account;
use crate::exit_code::Exit;
use crate::report::{during, print, print_json, table};
use crate::time;
use anyhow::Result;
use automations::clock;
use automations::store::{Operation, OperationState};
use clap::Args;

/// Print what operators changed: who, when, which command, and how many things
#[derive(Debug, Args)]
#[command(after_help = "Example: automations audit --since 1w --profile prod")]
pub struct Arguments {
    /// From this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h; a year is kept
    #[arg(long, value_name = "TIME", value_parser = time::check, default_value = "30d")]
    since: String,
}

/// Runs `automations audit`.
///
/// # Errors
/// If the table cannot be read.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let since = time::parse(&arguments.since, clock::now())?;
    let store = account.target().await?.store();
    let operations = during("reading the audit", store.operations(since)).await?;
    if account.json {
        print_json(&operations)?;
        return Ok(Exit::Done);
    }
    if operations.is_empty() {
        print(&format!("no change since {since}"))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = operations.iter().map(row).collect();
    print(&table(["at", "operator", "command", "limited to", "state", "changed"], &rows))?;
    Ok(Exit::Done)
}

/// An operation as a row of a table.
pub(crate) fn row(operation: &Operation) -> [String; 6] {
    let Operation { at, operator, command, scope, state, changed, .. } = operation;
    let state = match state {
        OperationState::Started => "runs, or was interrupted",
        OperationState::Done => "done",
        OperationState::Interrupted => "interrupted",
        OperationState::Failed => "failed",
    };
    let changed = changed.map(|changed| changed.to_string()).unwrap_or_default();
    [at.to_string(), operator.clone(), command.clone(), scope.clone(), state.to_owned(), changed]
}
