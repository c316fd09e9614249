//! `automations console`: pages on this machine.

use crate::account::Account;
use crate::console::Console;
use crate::exit_code::Exit;
use crate::report::{print, print_json, say};
use anyhow::Result;
use clap::Args;
use serde_json::json;

/// Serve web pages on 127.0.0.1 until it is stopped: the stack, timelines, events, dead letters, handlers, organisations, the audit
#[derive(Debug, Args)]
#[command(after_help = "\
Example: automations console --profile prod

Every page reads with the profile's own permissions. Dead letters can be redriven and dropped: a page asks for confirmation first, runs
the code of `dlq`, and leaves the same row in `automations audit`.")]
pub struct Arguments {
    /// The port on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// Runs `automations console`.
///
/// # Errors
/// If the port is in use.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let console = Console::bind(account.target().await?, arguments.port).await?;
    if account.json {
        print_json(&json!({ "url": console.url }))?;
    } else {
        print(&console.url)?;
    }
    say("open this URL in one browser: it works once. Ctrl-C ends the console");
    console.serve().await?;
    Ok(Exit::Done)
}
