//! `cargo xtask erase`: see the library beside it.

use anyhow::{Context as _, Result};
use automations::id::OrganisationId;
use automations::{aws, clock};
use clap::{ArgGroup, Parser};
use operate::{Account, DeadLetterQueues, Eraser, Subject, ending};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Erase what is kept of a ticket or a contact: snapshots, journal, records of actions, dead letters
#[derive(Parser)]
#[command(name = "cargo xtask erase", bin_name = "cargo xtask erase")]
#[command(group = ArgGroup::new("subject").required(true))]
struct Arguments {
    /// The organisation
    #[arg(long)]
    organisation: String,
    /// This ticket, by its id at Salestrekker
    #[arg(long, group = "subject")]
    ticket: Option<String>,
    /// This contact, by its id at Salestrekker, and all tickets that it is or was a client of
    #[arg(long, group = "subject")]
    contact: Option<String>,
    /// Erase it, FOR GOOD; without this, what would be erased is counted
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    account: Account,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ending(run(Arguments::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(arguments: Arguments) -> Result<()> {
    let organisation =
        OrganisationId::parse(&arguments.organisation).context("--organisation is no organisation's name")?;
    let subject = match (arguments.ticket, arguments.contact) {
        (Some(ticket), _) => Subject::Ticket(ticket),
        (None, contact) => Subject::Contact(contact.unwrap_or_default()),
    };
    let config = arguments.account.config().await?;
    let eraser = Eraser {
        dynamodb: aws::dynamodb(&config),
        table: arguments.account.table(),
        letters: DeadLetterQueues::new(&config, arguments.account.stack, clock::now().as_seconds()),
    };
    let found = eraser.find(&organisation, &subject).await?;
    if arguments.yes {
        eraser.erase(&found).await?;
    }
    let mut out = std::io::stdout().lock();
    if arguments.account.json {
        return Ok(writeln!(out, "{}", json!({ "erased": arguments.yes, "found": found }))?);
    }
    let what = if arguments.yes { "erased" } else { "would be erased; nothing was: say --yes to do it" };
    let (tickets, items, letters) = (found.tickets.len(), found.items, found.letters);
    Ok(writeln!(out, "{items} items of {tickets} tickets and {letters} dead letters {what}")?)
}
