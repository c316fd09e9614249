//! The arguments of `automations organisation`, and what is printed.

use super::prompt::{ask, confirm_removal};
use super::rehearse;
use super::{Destination, Format, New, Organisations, Sender, Urls, check, inbound_action, ticket_ids};
use crate::account::Account;
use crate::exit_code::{Exit, Usage};
use crate::report::{during, print, print_json, say};
use anyhow::Result;
use automations::aws::secret::{self, Access, Challenge, Credential, Rehearsal};
use automations::clock;
use automations::endpoint::Endpoint;
use automations::id::{DestinationName, OrganisationId, WebhookAction};
use automations::salestrekker::Limits;
use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Add, check and remove organisations, and manage their webhook URLs, credentials and destinations
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
    /// Permanently delete its stack and its secrets, after its name was typed again; snapshots, journal and records stay
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
enum Permission {
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
    fn existing(&self) -> Option<&OrganisationId> {
        match self {
            Self::Add { .. } | Self::List => None,
            Self::Check { name, .. } => name.as_ref(),
            Self::Urls { name, .. }
            | Self::Inbound { name, .. }
            | Self::Destination { name, .. }
            | Self::Key { name, .. }
            | Self::Renew { name }
            | Self::Access { name, .. }
            | Self::Backfill { name, .. }
            | Self::Rehearse(rehearse::Arguments { name, .. })
            | Self::ReuseContacts { name, .. }
            | Self::Remove { name, .. } => Some(name),
        }
    }
}

/// Runs `automations organisation`.
///
/// # Errors
/// If there is no such organisation, its credential is refused, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let organisations = Organisations::of(&account.target().await?)?;
    if let Some(name) = arguments.command.existing() {
        organisations.existing(name).await?;
    }
    let json = account.json;
    match arguments.command {
        Command::Add { name, endpoint, access, accept_unrehearsed, dedicated_kms_key } => {
            let api_key = ask("API key")?;
            let separate = organisations.has_separate_writer().await?;
            let writer_key = separate.then(|| ask("action-worker's API key")).transpose()?;
            let mut credential = credential(&endpoint, access.into(), &api_key)?;
            if accept_unrehearsed {
                credential.rehearsal = Rehearsal::Accepted;
            }
            let new = New { credential, api_key, writer_key, dedicated_kms_key };
            let adding = Box::pin(organisations.add(&name, &new));
            print_urls(&during("deploying the organisation's stack", adding).await?, json)?;
        }
        Command::List => {
            let names = organisations.list().await?;
            if json { print_json(&names)? } else { names.iter().try_for_each(|name| print(name.as_str()))? }
        }
        Command::Urls { name, rotate_finish: true, force, .. } => {
            organisations.finish_urls(&name, force, clock::now()).await?;
            say("the old token is revoked; the functions reject it within five minutes");
        }
        Command::Urls { name, rotate_start: true, .. } => {
            print_urls(&organisations.new_urls(&name).await?, json)?;
            say(&format!(
                "both tokens are accepted until `automations organisation urls {name} --rotate-finish`"
            ));
        }
        Command::Urls { name, .. } => print_urls(&organisations.urls(&name).await?, json)?,
        Command::Inbound { name, webhook, remove: true, .. } => {
            organisations.remove_inbound(&name, &webhook).await?;
            say("the webhook is removed; its URL is rejected within five minutes");
        }
        Command::Inbound { name, webhook, rotate_finish: true, .. } => {
            organisations.finish_inbound(&name, &webhook).await?;
            say("what was replaced is revoked; it is rejected within five minutes");
        }
        Command::Inbound { name, webhook, rotate_start: true, .. } => {
            print_urls(&organisations.new_inbound(&name, &webhook).await?, json)?;
            say("both tokens are accepted until the same command with --rotate-finish");
        }
        Command::Inbound { name, webhook, sender, .. } => {
            let signing_secret = sender.reads_secret.then(|| ask("signing secret")).transpose()?;
            let declared = organisations.inbound(&name, &webhook, &sender, signing_secret.as_ref());
            print_urls(&declared.await?, json)?;
            if sender.challenge == Some(Challenge::Hub) {
                say("if the sender asks for a verify token, type in the last part of the URL");
            }
        }
        Command::Destination { name, destination, url: Some(url), format, secret, .. } => {
            let signing_secret = secret.then(|| ask("signing secret")).transpose()?;
            let stored = Destination { url: address(&url)?, format, signing_secret };
            organisations.set_destination(&name, &destination, &stored).await?;
            say("the destination is stored; the functions use it within five minutes");
        }
        Command::Destination { name, destination, .. } => {
            organisations.remove_destination(&name, &destination).await?;
            say("the destination is deleted");
        }
        Command::ReuseContacts { name, remove } => reuse_contacts(&organisations, &name, remove).await?,
        Command::Check { name, template } => return check::run(&organisations, name, template, json).await,
        Command::Key { name, writer } => {
            organisations.change_key(&name, writer, ask("API key")?).await?;
            say("the key works and is stored, with a token that it gave");
        }
        Command::Renew { name } => {
            organisations.renew(&name).await?;
            say(
                "a new token is stored; the functions use it within five minutes, or when the old one is refused",
            );
        }
        Command::Access { name, access } => {
            organisations.set_access(&name, access.into()).await?;
            say("the functions use it within five minutes");
        }
        Command::Rehearse(arguments) => return rehearse::run(&organisations, arguments, json).await,
        Command::Backfill { name, tickets, limits } => {
            return backfill(&organisations, &name, &tickets, &limits, json).await;
        }
        Command::Remove { name, yes } => {
            confirm_removal(&name, yes)?;
            during("deleting the organisation's stack", organisations.remove(&name)).await?;
            say(&format!("{name} is removed; its snapshots, journal and records stay"));
        }
    }
    Ok(Exit::Done)
}

async fn reuse_contacts(organisations: &Organisations, name: &OrganisationId, remove: bool) -> Result<()> {
    say(if remove {
        organisations.forget_contacts(name).await?;
        "the key is deleted; set reuse_contact to false in the handlers' settings"
    } else if organisations.reuse_contacts(name).await? {
        "the key is stored; handlers may set reuse_contact"
    } else {
        "there is a key already"
    });
    Ok(())
}

async fn backfill(
    organisations: &Organisations,
    name: &OrganisationId,
    tickets: &Path,
    limits: &str,
    json: bool,
) -> Result<Exit> {
    let text = std::fs::read_to_string(tickets)
        .map_err(|error| Usage(format!("{} cannot be read as text: {error}", tickets.display())))?;
    let limits: Limits = serde_json::from_str(limits).map_err(|error| Usage(format!("--limits: {error}")))?;
    let tickets = ticket_ids(&text)?;
    let line = |progress: super::Progress| {
        let super::Progress { tickets, stored, known, absent, failed } = progress;
        format!(
            "{tickets} tickets: {stored} stored, {known} known before, {absent} not in Salestrekker, {failed} failed"
        )
    };
    let progress = organisations.backfill(name, &tickets, limits, |so_far| {
        say(&format!("… {}", line(so_far)));
        Ok(())
    });
    let progress = progress.await?;
    if json {
        print_json(&progress)?;
    } else {
        print(&line(progress))?;
    }
    Ok(Exit::problem_if(progress.failed > 0))
}

fn credential(endpoint: &str, access: Access, api_key: &SecretString) -> Result<Credential> {
    let value = json!({ "endpoint": endpoint, "api_key": "", "access": access }).to_string();
    let mut credential: Credential = secret::parse(&value.into())
        .map_err(|error| Usage(format!("--endpoint is not an https:// address: {error}")))?;
    credential.login = secret::Login::ApiKey(api_key.clone());
    Ok(credential)
}

fn address(url: &str) -> Result<Endpoint> {
    let url = url::Url::parse(url).ok().and_then(|url| Endpoint::try_from(url).ok());
    Ok(url.ok_or_else(|| Usage("--url is not an https:// address".to_owned()))?)
}

fn print_urls(urls: &Urls, json: bool) -> Result<()> {
    if json {
        return print_json(urls);
    }
    urls.urls.iter().try_for_each(|(action, url)| print(&format!("{action:<16} {url}")))
}
