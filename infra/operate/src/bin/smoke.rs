//! `cargo xtask smoke`: see the library beside it.

use anyhow::{Result, bail};
use automations::clock;
use automations::id::OrganisationId;
use clap::Parser;
use operate::organisation::Organisations;
use operate::{Account, AliasCheck, DeadLetterQueues, Smoke, ending};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Try whether a stack is whole, serves what was deployed, and its door answers; changes nothing but with --webhook
#[derive(Parser)]
#[command(name = "cargo xtask smoke", bin_name = "cargo xtask smoke")]
struct Arguments {
    /// Also try this organisation's webhook URL, by a look as in a browser
    #[arg(long)]
    organisation: Option<OrganisationId>,
    /// Send the organisation a webhook for a ticket that does not exist: one request to its API, one `webhook.unrecognised`
    #[arg(long, requires = "organisation")]
    webhook: bool,
    #[command(flatten)]
    account: Account,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ending(run(Arguments::parse()).await)
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let Account { stack, json, .. } = arguments.account.clone();
    let config = arguments.account.config().await?;
    let smoke = Smoke {
        organisations: Organisations::new(&config, stack.clone(), arguments.account.local_endpoint())?,
        serving: AliasCheck::new(aws_sdk_lambda::Client::new(&config), stack.clone()),
        letters: DeadLetterQueues::new(&config, stack, clock::now().as_seconds()),
        organisation: arguments.organisation,
        webhook: arguments.webhook,
    };
    let checks = smoke.run().await?;
    let bad = checks.iter().filter(|check| !check.good).count();
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", json!({ "good": bad == 0, "checks": checks }))?;
    } else {
        for check in &checks {
            writeln!(out, "{} {}: {}", if check.good { "✓" } else { "✗" }, check.name, check.seen)?;
        }
    }
    if bad > 0 && !json {
        bail!("{bad} of {} checks failed; docs/runbook.md has what to do", checks.len());
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
