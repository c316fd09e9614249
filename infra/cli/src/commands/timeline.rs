//! `automations timeline`: what happened to a ticket, or around one event or action, and why nothing happened.

use crate::account::Account;
use crate::exit_code::{Exit, Usage};
use crate::report::{during, print, print_json};
use crate::time;
use crate::timeline::{Reader, Wanted, assemble};
use anyhow::Result;
use automations::clock;
use automations::id::{ActionId, EventId, OrganisationId, TicketId};
use clap::{ArgGroup, Args};

/// Print what happened to a ticket, or around one event, action or lead, in order, and why a handler did nothing
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("which").required(true))]
#[command(after_help = "\
Example: automations timeline --organisation north --ticket t-1 --profile prod
Example: automations timeline --organisation north --event a2c23afc-3be1-55b1-b22e-c007b5d4b185 --profile prod
Example: automations timeline --organisation north --lead 2db0924b-8a42-4224-b6ac-63db8bfb4680.0 --profile prod

It reads the journal, the snapshot, the records of actions, the dead letters and the handlers' subscriptions, and changes nothing. For
--event, --action and --lead it reads the functions' logs too. What is not recorded anywhere is named as such.")]
pub struct Arguments {
    /// The organisation
    #[arg(long, value_name = "NAME")]
    organisation: OrganisationId,
    /// All that happened to this ticket
    #[arg(long, value_name = "TICKET_ID", group = "which")]
    ticket: Option<TicketId>,
    /// What led to this event, and what it led to
    #[arg(long, value_name = "EVENT_ID", group = "which")]
    event: Option<EventId>,
    /// The same of the event on which this action was decided
    #[arg(long, value_name = "ACTION_ID", group = "which")]
    action: Option<ActionId>,
    /// What came of a post to an inbound webhook, such as a lead: the sender's id of it, or `hint` in the response to it
    #[arg(long, value_name = "REFERENCE", group = "which")]
    lead: Option<String>,
    /// Look for the event in the journal from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", value_parser = time::check, default_value = "2w", conflicts_with = "ticket")]
    since: String,
    /// The newest events of the ticket that are shown
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    most: usize,
}

/// Runs `automations timeline`.
///
/// # Errors
/// If the table cannot be read.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let Arguments { organisation, ticket, event, action, lead, since, most } = arguments;
    let wanted = match (ticket, event, action, lead) {
        (Some(ticket), None, None, None) => Wanted::Ticket(ticket),
        (None, Some(event), None, None) => Wanted::Event(event),
        (None, None, Some(action), None) => Wanted::Action(action),
        (None, None, None, Some(reference)) => Wanted::Lead(reference),
        _ => return Err(Usage("name one of --ticket, --event, --action and --lead".to_owned()).into()),
    };
    let now = clock::now();
    let reader = Reader::of(&account.target().await?, now);
    let since = time::parse(&since, now)?;
    let read = Box::pin(reader.read(&organisation, &wanted, since, most));
    let kept = during("reading what is kept", read).await?;
    let timeline = assemble(&kept);
    if account.json {
        print_json(&timeline)?;
    } else {
        print(timeline.to_string().trim_end())?;
    }
    Ok(Exit::problem_if(timeline.entries.is_empty()))
}
