//! The arguments of `automations organisation rehearse`, and what is printed.

use super::{Patience, Rehearsed};
use crate::commands::organisation::Organisations;
use crate::commands::organisation::prompt::Terminal;
use crate::exit_code::{Exit, Usage};
use crate::report::{print, print_json, say, table};
use anyhow::Result;
use automations::aws::secret::Rehearsal;
use automations::id::{OrganisationId, TicketId};
use clap::Args;
use std::path::PathBuf;

/// The arguments.
#[derive(Debug, Args)]
pub(in crate::commands::organisation) struct Arguments {
    /// The organisation
    pub(in crate::commands::organisation) name: OrganisationId,
    /// The id of the test deal
    #[arg(long, value_name = "TICKET_ID", required_unless_present = "accept_unrehearsed")]
    pub(in crate::commands::organisation) ticket: Option<TicketId>,
    /// The id of a ticket that the credential must not see
    #[arg(long, value_name = "TICKET_ID")]
    foreign_ticket: Option<TicketId>,
    /// The file to write the findings to, as JSON without any value of the deal
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Do not rehearse, and perform actions all the same
    #[arg(long, conflicts_with = "ticket")]
    pub(in crate::commands::organisation) accept_unrehearsed: bool,
}

/// Rehearses and prints the findings, or stores that the operator does without.
///
/// # Errors
/// If the ticket cannot be read, the report cannot be written, or a request to AWS fails.
pub(in crate::commands::organisation) async fn run(
    organisations: &Organisations,
    arguments: Arguments,
    json: bool,
) -> Result<Exit> {
    let Arguments { name, ticket, foreign_ticket, report, .. } = arguments;
    let Some(ticket) = ticket else {
        organisations.set_rehearsal(&name, Rehearsal::Accepted).await?;
        say(
            "actions are performed although no rehearsal has passed; the functions use it within five minutes",
        );
        return Ok(Exit::Done);
    };
    let found = organisations
        .rehearse(&name, &ticket, foreign_ticket.as_ref(), &mut Terminal, Patience::default())
        .await?;
    if let Some(path) = report {
        let text = serde_json::to_string_pretty(&found)?;
        std::fs::write(&path, text)
            .map_err(|error| Usage(format!("{} cannot be written: {error}", path.display())))?;
    }
    if json {
        print_json(&found)?;
    } else {
        print(&shown(&found))?;
    }
    let text = if found.passed() {
        format!(
            "{name} has passed; do what was only recorded: `automations replay --since 7d --not-performed`"
        )
    } else {
        format!("{name} has not passed: actions are recorded as `unrehearsed`, and nothing is written")
    };
    say(&text);
    Ok(Exit::problem_if(!found.passed()))
}

fn shown(found: &Rehearsed) -> String {
    let row =
        |one: &super::Finding| [one.question.to_owned(), one.verdict.word().to_owned(), one.answer.clone()];
    let rows: Vec<[String; 3]> = found.findings.iter().map(row).collect();
    table(["question", "", "answer"], &rows)
}
