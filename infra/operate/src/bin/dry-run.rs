//! `cargo xtask dry-run`: see the library beside it.

use anyhow::{Context as _, Result};
use automations::store::Store;
use automations::{Event, aws, clock};
use clap::{ArgGroup, Parser};
use operate::{Account, DryRunResult, HandlerUnderTest, Replay, Replayer, ending, events, moment};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// So far back the events of one ticket are looked for.
const OF_A_TICKET: &str = "30d";

/// Print what a handler, as it stands in this project, would do about events; nothing is sent or changed
#[derive(Parser)]
#[command(name = "cargo xtask dry-run", bin_name = "cargo xtask dry-run", arg_required_else_help = true)]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
struct Arguments {
    /// The handler, by its folder
    handler: String,
    /// Events of a file, or of standard input (-): one, bare or as EventBridge wraps it, or several, one a line
    #[arg(long, group = "which", conflicts_with_all = ["ticket", "since"])]
    event: Option<PathBuf>,
    /// The events of this ticket in the journal, of the last 30 days where --since says nothing else
    #[arg(long, group = "which")]
    ticket: Option<String>,
    /// Events of the journal from then on: seconds since 1970 began, or so long ago, such as 90m, 36h or 14d
    #[arg(long, group = "which")]
    since: Option<String>,
    /// Settings to try, as JSON [default: those of its line in template.yaml]
    #[arg(long)]
    settings: Option<String>,
    #[command(flatten)]
    account: Account,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ending(run(Arguments::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(arguments: Arguments) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no project around")?;
    let (handler, is_json) = (arguments.handler.clone(), arguments.account.json);
    let tried = HandlerUnderTest::built(root, &handler, arguments.settings.clone())?;
    let tried = tried.with_secrets_of(&arguments.account.stack);
    let events = match &arguments.event {
        Some(file) => of_file(file, &tried)?,
        None => of_journal(arguments, &tried).await?,
    };
    let answers =
        events.into_iter().map(|event| tried.decide(event)).collect::<Result<Vec<DryRunResult>>>()?;
    let mut out = std::io::stdout().lock();
    if is_json {
        return Ok(writeln!(out, "{}", json!({ "handler": handler, "events": answers }))?);
    }
    let mut count = 0_usize;
    for DryRunResult { event, actions } in &answers {
        let ticket = event.ticket_id().map(ToString::to_string).unwrap_or_default();
        writeln!(out, "{}  {:<24} {ticket}", event.observed_at, event.kind.name())?;
        for action in actions {
            writeln!(out, "    {}", action.get("action").unwrap_or(action))?;
        }
        count = count.saturating_add(actions.len());
    }
    Ok(writeln!(out, "{} events, {count} actions; nothing was sent", answers.len())?)
}

fn of_file(file: &Path, tried: &HandlerUnderTest) -> Result<Vec<Event>> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input is no text")?;
    } else {
        let read = std::fs::read_to_string(file);
        text = read.with_context(|| format!("{} cannot be read as text", file.display()))?;
    }
    let events = events(&text)?;
    for event in events.iter().filter(|event| !tried.is_told_of(event)) {
        let kind = event.kind.name();
        writeln!(
            std::io::stderr(),
            "note: its line in template.yaml does not name {kind}; deployed, it would not get it"
        )?;
    }
    Ok(events)
}

/// What the journal has of it and its subscription, as it stands in template.yaml, would let through.
async fn of_journal(arguments: Arguments, tried: &HandlerUnderTest) -> Result<Vec<Event>> {
    let now = clock::now();
    let config = arguments.account.config().await?;
    let player = Replayer {
        events: aws::eventbridge(&config),
        sqs: aws::sqs(&config),
        store: Store::new(aws::dynamodb(&config), arguments.account.table()),
        stack: arguments.account.stack,
    };
    let since = moment(arguments.since.as_deref().unwrap_or(OF_A_TICKET), now)?;
    let which = Replay { since, until: now, ticket: arguments.ticket, handler: None, again: None };
    player.asked_for(&[tried.pattern()], player.select(&which).await?).await
}
