//! `cargo xtask organisation`: see the library's `organisation`.

use anyhow::{Context as _, Result, bail};
use automations::aws::secret::{self, Access, Credential};
use automations::clock;
use automations::id::{OrganisationId, WebhookAction};
use automations::salestrekker::Limits;
use clap::{Parser, Subcommand, ValueEnum};
use operate::Account;
use operate::organisation::{New, Organisations, Report, Urls, inbound_action, ticket_ids};
use secrecy::SecretString;
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Add an organisation, look whether it works, replace its webhook URLs, remove it
#[derive(Parser)]
#[command(
    name = "cargo xtask organisation",
    bin_name = "cargo xtask organisation",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    account: Account,
}

#[derive(Subcommand)]
enum Command {
    /// Deploy its stack, try and store its API key (asked for, or on standard input), print its webhook URLs;
    /// where action-worker signs in for itself, a second key for it
    Add {
        /// Its name in URLs: a-z, 0-9 and -
        name: OrganisationId,
        /// The API's address, for example `https://app.example.com/graphql`; the host differs by aggregator
        #[arg(long)]
        endpoint: String,
        /// What may be done there
        #[arg(long, default_value = "read-write")]
        access: May,
        /// Encrypt its secrets with a key of its own, which AWS charges for
        #[arg(long)]
        own_key: bool,
    },
    /// Print the names of all
    List,
    /// Print the webhook URLs to paste into Salestrekker, one for each action
    Urls {
        /// The organisation
        name: OrganisationId,
        /// Make a new token, accepted beside the old one until `--finish`
        #[arg(long, conflicts_with = "finish")]
        new: bool,
        /// Close the old token, once nobody uses it
        #[arg(long)]
        finish: bool,
        /// Close it though it was seen in the last 24 hours
        #[arg(long, requires = "finish")]
        force: bool,
    },
    /// Declare a webhook that is not Salestrekker's, such as a form on a website, and print its URL; again, the same URL
    Inbound {
        /// The organisation
        name: OrganisationId,
        /// What the webhook is called: website-lead becomes the event inbound.website-lead
        #[arg(value_parser = inbound_action)]
        webhook: WebhookAction,
        /// Make a new token, accepted beside the old one until `--finish`
        #[arg(long, conflicts_with_all = ["finish", "remove"])]
        new: bool,
        /// Close the old token
        #[arg(long, conflicts_with = "remove")]
        finish: bool,
        /// Take the webhook back
        #[arg(long)]
        remove: bool,
    },
    /// Tell whether it works: host, credential, days left, last webhook and its token
    Check {
        /// The organisation [default: all]
        name: Option<OrganisationId>,
    },
    /// Store another API key (asked for, or on standard input) after trying it
    Key {
        /// The organisation
        name: OrganisationId,
        /// The one that action-worker signs in with, where it does so for itself
        #[arg(long)]
        writer: bool,
    },
    /// Store a new API token now, without waiting for its rotation
    Renew {
        /// The organisation
        name: OrganisationId,
    },
    /// Change what may be done there
    Access {
        /// The organisation
        name: OrganisationId,
        /// What may be done there
        access: May,
    },
    /// Store a snapshot of each ticket without an event, before the webhooks are switched on; again, it goes on
    Prime {
        /// The organisation
        name: OrganisationId,
        /// Ids, one a line, or a CSV with a column `Id`, `Ticket Id` or `Deal Id`
        #[arg(long, value_name = "FILE")]
        tickets: PathBuf,
        /// What the API is granted, as the template's parameter `ApiLimits`
        #[arg(long, value_name = "JSON", default_value = "{}")]
        limits: String,
    },
    /// Delete its stack and its secrets; what was seen and done stays
    Remove {
        /// The organisation
        name: OrganisationId,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum May {
    /// Everything
    ReadWrite,
    /// Look at tickets, and only record what would be done
    ReadOnly,
    /// Act, and look at no ticket of our own accord
    WriteOnly,
}

impl From<May> for Access {
    fn from(may: May) -> Self {
        match may {
            May::ReadWrite => Self::ReadWrite,
            May::ReadOnly => Self::ReadOnly,
            May::WriteOnly => Self::WriteOnly,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    operate::ending(run(Arguments::parse()).await)
}

async fn run(Arguments { command, account }: Arguments) -> Result<ExitCode> {
    let (config, local) = (account.config().await?, account.local_endpoint());
    let Account { stack, json, .. } = account;
    let organisations = Organisations::new(&config, stack, local)?;
    let now = clock::now();
    let mut out = std::io::stdout().lock();
    match command {
        Command::Add { name, endpoint, access, own_key } => {
            let api_key = ask_for_key("API key")?;
            let separate = organisations.has_separate_writer().await?;
            let writer_key = separate.then(|| ask_for_key("action-worker's API key")).transpose()?;
            let credential = credential(&endpoint, access.into(), &api_key)?;
            let new = New { credential, api_key, writer_key, own_key };
            print_urls(&mut out, &organisations.add(&name, &new).await?, json)?;
        }
        Command::List => {
            let names = organisations.list().await?;
            if json {
                writeln!(out, "{}", serde_json::to_string(&names)?)?;
            } else {
                names.iter().try_for_each(|name| writeln!(out, "{name}"))?;
            }
        }
        Command::Urls { name, finish: true, force, .. } => {
            organisations.finish_urls(&name, force, now).await?;
            say("the old token is closed; the functions refuse it within five minutes");
        }
        Command::Urls { name, new: true, .. } => {
            print_urls(&mut out, &organisations.new_urls(&name).await?, json)?;
            say(&format!("both tokens are accepted until `cargo xtask organisation urls {name} --finish`"));
        }
        Command::Urls { name, .. } => print_urls(&mut out, &organisations.urls(&name).await?, json)?,
        Command::Inbound { name, webhook, remove: true, .. } => {
            organisations.remove_inbound(&name, &webhook).await?;
            say("the webhook is gone; its URL is refused within five minutes");
        }
        Command::Inbound { name, webhook, finish: true, .. } => {
            organisations.finish_inbound(&name, &webhook).await?;
            say("the old token is closed; it is refused within five minutes");
        }
        Command::Inbound { name, webhook, new: true, .. } => {
            print_urls(&mut out, &organisations.new_inbound(&name, &webhook).await?, json)?;
            say("both tokens are accepted until the same with --finish");
        }
        Command::Inbound { name, webhook, .. } => {
            print_urls(&mut out, &organisations.inbound(&name, &webhook).await?, json)?;
        }
        Command::Check { name } => {
            let names = match name {
                Some(name) => [name].into(),
                None => organisations.list().await?,
            };
            let mut all_well = true;
            for name in names {
                let report = organisations.check(&name, now).await?;
                all_well &= report.accepted;
                if json {
                    writeln!(out, "{}", serde_json::to_string(&report)?)?;
                } else {
                    writeln!(out, "{}", told(&report))?;
                }
            }
            return Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Key { name, writer } => {
            organisations.change_key(&name, writer, ask_for_key("API key")?).await?;
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
            say("the functions know within five minutes");
        }
        Command::Prime { name, tickets, limits } => {
            let text = std::fs::read_to_string(&tickets)
                .with_context(|| format!("{} cannot be read as text", tickets.display()))?;
            let limits: Limits = serde_json::from_str(&limits).context("--limits")?;
            let tickets = ticket_ids(&text)?;
            let progress = organisations.prime(&name, &tickets, limits, |so_far| {
                say(&serde_json::to_string(&so_far)?);
                Ok(())
            });
            let progress = progress.await?;
            writeln!(out, "{}", serde_json::to_string(&progress)?)?;
            return Ok(if progress.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::Remove { name } => organisations.remove(&name).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The API key, from a prompt that shows nothing, or from standard input; never from an argument, which others can see.
fn ask_for_key(what: &str) -> Result<SecretString> {
    let key = if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what} (not shown): "))?
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        line
    };
    match key.trim() {
        "" => bail!("no {what} was given; type it at the prompt, or send it to standard input"),
        key => Ok(key.to_owned().into()),
    }
}

fn credential(endpoint: &str, access: Access, api_key: &SecretString) -> Result<Credential> {
    let value = json!({ "endpoint": endpoint, "api_key": "", "access": access }).to_string();
    let mut credential: Credential =
        secret::parse(&value.into()).context("--endpoint is no https:// address")?;
    credential.login = secret::Login::ApiKey(api_key.clone());
    Ok(credential)
}

fn print_urls(out: &mut impl std::io::Write, urls: &Urls, json: bool) -> Result<()> {
    if json {
        return Ok(writeln!(out, "{}", serde_json::to_string(urls)?)?);
    }
    for (action, url) in &urls.urls {
        writeln!(out, "{action:<16} {url}")?;
    }
    Ok(())
}

fn told(report: &Report) -> String {
    let host = report.host.as_deref().unwrap_or("no host");
    let answers = if report.answers { "answers" } else { "does not answer" };
    let accepted = match (report.accepted, report.problem) {
        (true, _) => "credential accepted".to_owned(),
        (false, problem) => format!("credential not accepted ({})", problem.unwrap_or("unknown")),
    };
    let days = report.days_left.map_or_else(|| "an unknown time".to_owned(), |days| format!("{days} days"));
    let webhook = match (report.last_webhook_s, report.last_token) {
        (Some(age), Some(token)) => format!("last webhook {} min ago with the {token} token", age / 60),
        _ => "no webhook yet".to_owned(),
    };
    format!("{}: {host} {answers}, {accepted}, token lives {days}, {webhook}", report.organisation)
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
