//! The arguments of `automations organisation`.

use super::rehearse;
use super::{Format, Sender, inbound_action};
use crate::audit::Change;
use automations::aws::secret::Access;
use automations::id::{DestinationName, OrganisationId, WebhookAction};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Add, check and remove organisations, and manage their webhook URLs, credentials and destinations
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Deploy its stack, try and store its API key (from a prompt or standard input), and print its webhook URLs; if the stack has
    /// `SeparateWriter`, with a second key for action-worker
    #[command(
        after_help = "Example: automations organisation add north --endpoint https://app.example.com/graphql --profile prod"
    )]
    Add {
        /// Its name in URLs: a-z, 0-9 and -
        name: OrganisationId,
        /// The API's address, for example `https://app.example.com/graphql`; the host differs by aggregator
        #[arg(long, value_name = "URL")]
        endpoint: String,
        /// What is permitted there
        #[arg(long, default_value = "read-write")]
        access: Permission,
        /// Perform actions before a rehearsal has passed: a change could clear what it does not send
        #[arg(long)]
        accept_unrehearsed: bool,
        /// Encrypt its secrets with a KMS key of its own, which AWS charges for
        #[arg(long)]
        dedicated_kms_key: bool,
    },
    /// Print the names of all organisations
    #[command(after_help = "Example: automations organisation list --profile prod")]
    List,
    /// Print the webhook URLs to paste into Salestrekker, one for each action
    #[command(after_help = "Example: automations organisation urls north --rotate-start --profile prod")]
    Urls {
        /// The organisation
        name: OrganisationId,
        /// Make a new token, accepted beside the old one until `--rotate-finish`
        #[arg(long, conflicts_with = "rotate_finish")]
        rotate_start: bool,
        /// Revoke the old token, after the new URLs are pasted everywhere
        #[arg(long)]
        rotate_finish: bool,
        /// Revoke it although it was used in the last 24 hours
        #[arg(long, requires = "rotate_finish")]
        force: bool,
    },
    /// Declare a webhook that is not Salestrekker's, such as a form on a website, and print its URL
    #[command(
        after_help = "Example: automations organisation inbound north website-lead --verify hmac-sha256:x-signature --signing-secret --profile prod"
    )]
    Inbound {
        /// The organisation
        name: OrganisationId,
        /// The webhook's name: website-lead becomes the event inbound.website-lead
        #[arg(value_parser = inbound_action)]
        webhook: WebhookAction,
        /// Make a new token, accepted beside the old one until `--rotate-finish`
        #[arg(long, conflicts_with_all = ["rotate_finish", "remove"])]
        rotate_start: bool,
        /// Revoke the old token, and the old signing secret
        #[arg(long, conflicts_with = "remove")]
        rotate_finish: bool,
        /// Remove the webhook
        #[arg(long)]
        remove: bool,
        #[command(flatten)]
        sender: Sender,
    },
    /// Store a destination of notices: Slack, Teams or any URL
    #[command(
        after_help = "Example: automations organisation destination north team --url https://hooks.slack.com/services/T0/B0/x --format slack --profile prod"
    )]
    Destination {
        /// The organisation
        name: OrganisationId,
        /// The destination's name, as handlers use it
        destination: DestinationName,
        /// The address, which is as secret as a password
        #[arg(long, value_name = "URL", required_unless_present = "remove", conflicts_with = "remove")]
        url: Option<String>,
        /// The format of the message
        #[arg(long, default_value = "standard")]
        format: Format,
        /// Read a signing secret (whsec_…) from a prompt or standard input
        #[arg(long, conflicts_with = "remove")]
        secret: bool,
        /// Delete the destination
        #[arg(long)]
        remove: bool,
    },
    /// Let leads reuse the contact that an earlier lead made: store the key by which the same person is recognised
    #[command(after_help = "Example: automations organisation reuse-contacts north --profile prod")]
    ReuseContacts {
        /// The organisation
        name: OrganisationId,
        /// Delete the key: every lead makes a contact again, and no earlier lead is recognised any more
        #[arg(long)]
        remove: bool,
    },
    /// Check whether it works: host, credential, days left, last webhook and its token; and whether every stage, workflow, label
    /// and owner that the handlers' entries name is at Salestrekker
    #[command(after_help = "Example: automations organisation check --profile prod")]
    Check {
        /// The organisation [default: all]
        name: Option<OrganisationId>,
        /// Compare the names in template.yaml of this checkout, before it is deployed [default: those of the deployed entries]
        #[arg(long)]
        template: bool,
    },
    /// Learn on a test deal how the API behaves when a ticket is changed; until that has passed, nothing is written
    #[command(
        after_help = "Example: automations organisation rehearse north --ticket 0b5e9c1a-5f0e-4c55-9f0a-2b0f1d1e7a11 --report rehearsal.json --profile prod\n\n\
                      Use a deal made for this, with every field filled in: it is changed and written back, and if updates clear \
                      what they do not send, that is lost on this deal."
    )]
    Rehearse(rehearse::Arguments),
    /// Store another API key (from a prompt or standard input) after trying it
    #[command(after_help = "Example: automations organisation key north --profile prod")]
    Key {
        /// The organisation
        name: OrganisationId,
        /// The key that action-worker signs in with, if the stack has `SeparateWriter`
        #[arg(long)]
        writer: bool,
    },
    /// Store a new API token now, without waiting for its rotation
    #[command(after_help = "Example: automations organisation renew north --profile prod")]
    Renew {
        /// The organisation
        name: OrganisationId,
    },
    /// Have every ticket fetched again in the next minutes, such as after a key was refused or webhooks were missing
    #[command(after_help = "Example: automations organisation recheck north --profile prod

Reads the whole table. What changed since the last check becomes events, as at a regular check.")]
    Recheck {
        /// The organisation
        name: OrganisationId,
    },
    /// Change what is permitted in an organisation
    #[command(after_help = "Example: automations organisation access north read-only --profile prod")]
    Access {
        /// The organisation
        name: OrganisationId,
        /// What is permitted there
        access: Permission,
    },
    /// Store a snapshot of each existing ticket without an event, before the webhooks are switched on; run again, it continues
    #[command(
        after_help = "Example: automations organisation backfill north --tickets tickets.csv --profile prod"
    )]
    Backfill {
        /// The organisation
        name: OrganisationId,
        /// Ids, one a line, or a CSV with a column `Id`, `Ticket Id` or `Deal Id`
        #[arg(long, value_name = "FILE")]
        tickets: PathBuf,
        /// What the API grants, as the template's parameter `ApiLimits`
        #[arg(long, value_name = "JSON", default_value = "{}")]
        limits: String,
    },
    /// Permanently delete its stack, its secrets, its settings of handlers and its pause, after its name was typed again; snapshots, journal
    /// and records stay
    #[command(after_help = "Example: automations organisation remove north --profile prod")]
    Remove {
        /// The organisation
        name: OrganisationId,
        /// The name again, for scripts; without this, it is asked for
        #[arg(long, value_name = "NAME")]
        yes: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Permission {
    /// Read tickets and perform actions
    ReadWrite,
    /// Read tickets, and only record the actions that would be performed
    ReadOnly,
    /// Perform actions, and read no ticket to find changes
    WriteOnly,
}

impl From<Permission> for Access {
    fn from(permission: Permission) -> Self {
        match permission {
            Permission::ReadWrite => Self::ReadWrite,
            Permission::ReadOnly => Self::ReadOnly,
            Permission::WriteOnly => Self::WriteOnly,
        }
    }
}

impl Command {
    /// The organisation that must exist.
    pub(super) fn existing(&self) -> Option<&OrganisationId> {
        match self {
            Self::Add { .. } | Self::List => None,
            Self::Check { name, .. } => name.as_ref(),
            Self::Urls { name, .. }
            | Self::Inbound { name, .. }
            | Self::Destination { name, .. }
            | Self::Key { name, .. }
            | Self::Renew { name }
            | Self::Recheck { name }
            | Self::Access { name, .. }
            | Self::Backfill { name, .. }
            | Self::Rehearse(rehearse::Arguments { name, .. })
            | Self::ReuseContacts { name, .. }
            | Self::Remove { name, .. } => Some(name),
        }
    }

    /// Whether it says itself how many things it changed; any other changes one.
    pub(super) fn counts_itself(&self) -> bool {
        match self {
            // Of those that have a snapshot or a key already, or are due, none is changed; with an organisation, its settings and its pause go.
            Self::Backfill { .. }
            | Self::ReuseContacts { .. }
            | Self::Recheck { .. }
            | Self::Remove { .. } => true,
            Self::Add { .. }
            | Self::List
            | Self::Check { .. }
            | Self::Urls { .. }
            | Self::Inbound { .. }
            | Self::Destination { .. }
            | Self::Rehearse(_)
            | Self::Key { .. }
            | Self::Renew { .. }
            | Self::Access { .. } => false,
        }
    }

    /// What is recorded for `automations audit`; none if nothing is changed. No address and no secret is recorded.
    pub(super) fn change(&self) -> Option<Change> {
        let by = |command| Some(Change::by(command).of(self.existing()?));
        match self {
            Self::List
            | Self::Check { .. }
            | Self::Urls { rotate_start: false, rotate_finish: false, .. } => None,
            Self::Add { name, access, accept_unrehearsed, .. } => {
                let change = Change::by("organisation add").of(name).limited("access", Some(access.word()));
                Some(change.with("accept-unrehearsed", *accept_unrehearsed))
            }
            Self::Urls { rotate_start, rotate_finish, force, .. } => {
                let change: Change = by("organisation urls")?;
                let change = change.with("rotate-start", *rotate_start).with("rotate-finish", *rotate_finish);
                Some(change.with("force", *force))
            }
            Self::Inbound { webhook, rotate_start, rotate_finish, remove, .. } => {
                let change: Change = by("organisation inbound")?;
                let change = change.limited("webhook", Some(webhook)).with("rotate-start", *rotate_start);
                Some(change.with("rotate-finish", *rotate_finish).with("remove", *remove))
            }
            Self::Destination { destination, remove, .. } => {
                let change: Change = by("organisation destination")?;
                Some(change.limited("destination", Some(destination)).with("remove", *remove))
            }
            Self::ReuseContacts { remove, .. } => {
                Some(by("organisation reuse-contacts")?.with("remove", *remove))
            }
            Self::Rehearse(rehearse::Arguments { ticket, accept_unrehearsed, .. }) => {
                let change: Change = by("organisation rehearse")?;
                Some(
                    change.limited("ticket", ticket.as_ref()).with("accept-unrehearsed", *accept_unrehearsed),
                )
            }
            Self::Key { writer, .. } => Some(by("organisation key")?.with("writer", *writer)),
            Self::Renew { .. } => by("organisation renew"),
            Self::Recheck { .. } => by("organisation recheck"),
            Self::Access { access, .. } => {
                Some(by("organisation access")?.limited("access", Some(access.word())))
            }
            Self::Backfill { .. } => by("organisation backfill"),
            Self::Remove { .. } => by("organisation remove"),
        }
    }
}

impl Permission {
    fn word(self) -> &'static str {
        match self {
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::WriteOnly => "write-only",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn change(line: &str) -> Option<Change> {
        Line::try_parse_from(std::iter::once("x").chain(line.split(' '))).unwrap().arguments.command.change()
    }

    #[test]
    fn what_changes_says_how_many_and_a_backfill_and_a_key_count_for_themselves() {
        let counts_itself = |line: &str| {
            let line = Line::try_parse_from(std::iter::once("x").chain(line.split(' ')));
            line.unwrap().arguments.command.counts_itself()
        };
        for line in
            ["backfill north --tickets t.csv", "reuse-contacts north", "recheck north", "remove north"]
        {
            assert!(counts_itself(line), "{line}");
        }
        for line in ["key north", "renew north", "urls north --rotate-start", "access north read-only"] {
            assert!(!counts_itself(line), "{line}");
        }
    }

    #[test]
    fn what_only_reads_is_not_recorded_and_what_changes_is_without_addresses() {
        for line in ["list", "check", "check north", "urls north"] {
            assert_eq!(change(line), None, "{line}");
        }
        let changes = [
            "add north --endpoint https://secret.example.com/graphql",
            "urls north --rotate-start",
            "inbound north lead",
            "destination north team --url https://secret.example.com/T0",
            "reuse-contacts north",
            "rehearse north --accept-unrehearsed",
            "key north",
            "renew north",
            "recheck north",
            "access north read-only",
            "backfill north --tickets secret.example.com.csv",
            "remove north",
        ];
        for line in changes {
            let shown = format!("{:?}", change(line));
            assert!(shown.contains("--organisation north") && !shown.contains("secret"), "{line}: {shown}");
        }
    }
}
