//! Runs `automations organisation`, and prints what it did.

use super::arguments::{Arguments, Command};
use super::prompt::{ask, confirm_removal};
use super::recheck::recheck_line;
use super::rehearse;
use super::{Destination, New, Organisations, Removed, Urls, check, ticket_ids};
use crate::account::Account;
use crate::audit::{Audit, Tally};
use crate::exit_code::{Exit, Usage};
use crate::report::{count, during, print, print_json, say};
use anyhow::Result;
use automations::aws::secret::{self, Access, Challenge, Credential, Rehearsal};
use automations::clock;
use automations::endpoint::Endpoint;
use automations::id::OrganisationId;
use automations::salestrekker::Limits;
use secrecy::SecretString;
use serde_json::json;
use std::path::Path;

/// Runs `automations organisation`.
///
/// # Errors
/// If there is no such organisation, its credential is refused, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let target = account.target().await?;
    let organisations = Organisations::of(&target)?;
    if let Some(name) = arguments.command.existing() {
        organisations.existing(name).await?;
    }
    let change = arguments.command.change();
    let (tally, counts_itself) = (Tally::default(), arguments.command.counts_itself());
    let work = Box::pin(run_command(&organisations, arguments.command, account.json, &tally));
    let Some(change) = change else { return work.await };
    let work = async {
        let exit = work.await?;
        // One organisation, key, set of URLs, webhook or destination.
        tally.add(usize::from(!counts_itself));
        Ok(exit)
    };
    Audit::of(&target).record_tally(&change, &tally, work).await
}

async fn run_command(
    organisations: &Organisations,
    command: Command,
    json: bool,
    tally: &Tally,
) -> Result<Exit> {
    match command {
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
        Command::ReuseContacts { name, remove } => {
            reuse_contacts(organisations, &name, remove, tally).await?;
        }
        Command::Check { name, template } => return check::run(organisations, name, template, json).await,
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
        Command::Recheck { name } => recheck(organisations, &name, json, tally).await?,
        Command::Access { name, access } => {
            organisations.set_access(&name, access.into()).await?;
            say("the functions use it within five minutes");
        }
        Command::Rehearse(arguments) => return rehearse::run(organisations, arguments, json).await,
        Command::Backfill { name, tickets, limits } => {
            return backfill(organisations, (&name, tickets.as_path()), &limits, json, tally).await;
        }
        Command::Remove { name, yes } => {
            confirm_removal(&name, yes)?;
            let Removed { settings, was_paused } =
                during("deleting the organisation's stack", organisations.remove(&name)).await?;
            tally.add(1_usize.saturating_add(settings).saturating_add(usize::from(was_paused)));
            let settings = u64::try_from(settings).unwrap_or(u64::MAX);
            let settings = count(settings, "handler's settings", "handlers' settings");
            let pause = if was_paused { " and its pause" } else { "" };
            say(&format!(
                "{name} is removed, with {settings}{pause}; its snapshots, journal and records stay"
            ));
        }
    }
    Ok(Exit::Done)
}

async fn recheck(
    organisations: &Organisations,
    name: &OrganisationId,
    json: bool,
    tally: &Tally,
) -> Result<()> {
    let due = during("reading the table", organisations.recheck(name)).await?;
    tally.add(due);
    if json {
        return print_json(&json!({ "due": due }));
    }
    print(&recheck_line(name, due))
}

async fn reuse_contacts(
    organisations: &Organisations,
    name: &OrganisationId,
    remove: bool,
    tally: &Tally,
) -> Result<()> {
    say(if remove {
        organisations.forget_contacts(name).await?;
        tally.add(1);
        "the key is deleted; set reuse_contact to false in the handlers' settings"
    } else if organisations.reuse_contacts(name).await? {
        tally.add(1);
        "the key is stored; handlers may set reuse_contact"
    } else {
        "there is a key already"
    });
    Ok(())
}

async fn backfill(
    organisations: &Organisations,
    (name, tickets): (&OrganisationId, &Path),
    limits: &str,
    json: bool,
    tally: &Tally,
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
        tally.reaches(so_far.stored);
        say(&format!("… {}", line(so_far)));
        Ok(())
    });
    let progress = progress.await?;
    tally.reaches(progress.stored);
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
