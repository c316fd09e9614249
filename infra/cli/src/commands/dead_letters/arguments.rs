//! The arguments of `automations dlq`.

use super::{Consent, Selection};
use crate::bulk::Limits;
use crate::time;
use anyhow::Result;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use clap::{Args, Subcommand};

/// List, show, redrive or delete dead letters
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Count dead letters by queue and reason, with the age of the oldest
    #[command(after_help = "Example: automations dlq list --profile prod")]
    List,
    /// Show what failed: organisation, ticket, handler, action, reason and error
    #[command(after_help = "Example: automations dlq show --reason not_found --profile prod")]
    Show {
        #[command(flatten)]
        which: Which,
        /// Print each message's body too; it may contain personal data
        #[arg(long)]
        body: bool,
    },
    /// Send dead letters back to the queue that they came from; what was performed is not performed again
    #[command(after_help = "\
Example: automations dlq redrive --reason not_found --profile prod
Example: automations dlq redrive --handler follow-up-on-settlement --reason not_found --dry-run --profile prod
Example: automations dlq redrive --organisation north --until 1h --limit 500 --rate 5 --profile prod

Each message is sent back once per run; one that fails again is dead-lettered again and is counted in the summary.
A run that was interrupted, or has reached its limit, says how many are left and the command that goes on; nothing is sent twice.
A name that was wrong in the handler's settings stays wrong in the message: fix the settings, deploy, delete the message with
`dlq drop`, and run `automations replay --since TIME --handler NAME`.
An action is superseded if a newer one of the same handler and ticket was performed: sent back, it would undo that one.
Exit code 1: messages came back, or stay because their outcome is unknown, they are superseded or their deletion was too late.
StartMessageMoveTask of SQS is not used, because it moves a whole queue and cannot select by reason.")]
    Redrive {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        limits: Limits,
        /// Count what would be sent back, by handler and reason, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Also send back actions that may have taken effect; check in Salestrekker first that they did not
        #[arg(long)]
        retry_unknown: bool,
        /// Also send back superseded actions, which are then performed after the newer ones
        #[arg(long)]
        out_of_order: bool,
        /// Do not wait (up to 20 s) to see which messages are dead-lettered again
        #[arg(long)]
        no_wait: bool,
    },
    /// Permanently delete dead letters
    #[command(after_help = "\
Example: automations dlq drop --id 98e6f2c1-7d1a-4c57-9b0e-5f6f3a0d2b11 --profile prod
Example: automations dlq drop --handler follow-up-on-settlement --reason superseded --dry-run --profile prod")]
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        limits: Limits,
        /// Count what would be deleted, by handler and reason, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Which dead letters; all if nothing is named. What is named must all hold.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Only those in queues whose name contains this text
    #[arg(long, value_name = "TEXT")]
    queue: Option<String>,
    /// Only those of this organisation
    #[arg(long, value_name = "NAME")]
    organisation: Option<OrganisationId>,
    /// Only events that this handler should handle, and actions that it decided
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    /// Only those with this reason, such as `not_found`
    #[arg(long, value_name = "CODE")]
    reason: Option<String>,
    /// Only this kind of event, action or webhook, such as `ticket.stage_changed`, `add_label` or `ticket-updated`
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only events of tickets that have this label or lost it, and actions that add or remove it
    #[arg(long, value_name = "NAME")]
    label: Option<String>,
    /// Only those dead-lettered from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    since: Option<String>,
    /// Only those dead-lettered before this time, in the same form
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    until: Option<String>,
    /// Only the message with this id; may be repeated
    #[arg(long, value_name = "MESSAGE_ID")]
    id: Vec<String>,
}

impl Which {
    pub(super) fn selection(self, now: Timestamp) -> Result<Selection> {
        let Self { queue, organisation, handler, reason, kind, label, since, until, id } = self;
        let at = |text: Option<String>| text.map(|text| time::parse(&text, now)).transpose();
        let (since, until, ids) = (at(since)?, at(until)?, id.into_iter().collect());
        Ok(Selection { queue, organisation, handler, reason, kind, label, since, until, id: None, ids })
    }
}

/// One run of a redrive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) consent: Consent,
    pub(super) limits: Limits,
    pub(super) no_wait: bool,
}
