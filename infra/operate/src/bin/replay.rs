//! `cargo xtask replay`: see the library beside it.

use anyhow::Result;
use automations::clock;
use automations::store::Store;
use automations::{Event, aws};
use clap::Parser;
use operate::{Account, Replay, Replayer, ending, moment};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;

/// Publish events of the journal again; what was done about them is not done again
#[derive(Parser)]
#[command(name = "cargo xtask replay", bin_name = "cargo xtask replay")]
struct Arguments {
    /// Events stored from then on: seconds since 1970 began, or so long ago, such as 90m, 36h or 14d
    #[arg(long)]
    since: String,
    /// Events stored before then, in the same form [default: now]
    #[arg(long)]
    until: Option<String>,
    /// Only this ticket's events
    #[arg(long)]
    ticket: Option<String>,
    /// Only to this handler, and only what it asks for
    #[arg(long)]
    handler: Option<String>,
    /// Show the events, and publish none
    #[arg(long)]
    dry_run: bool,
    /// Have them answered anew, with new ids for the actions: WHAT WAS DONE IS DONE AGAIN
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    account: Account,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    ending(run(Arguments::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(arguments: Arguments) -> Result<()> {
    let now = clock::now();
    let replay = Replay {
        since: moment(&arguments.since, now)?,
        until: arguments.until.as_deref().map_or(Ok(now), |until| moment(until, now))?,
        ticket: arguments.ticket,
        handler: arguments.handler,
        again: arguments.again.then_some(now),
    };
    let config = arguments.account.config().await?;
    let player = Replayer {
        events: aws::eventbridge(&config),
        sqs: aws::sqs(&config),
        store: Store::new(aws::dynamodb(&config), arguments.account.table()),
        stack: arguments.account.stack,
    };
    let events = player.select(&replay).await?;
    if !arguments.dry_run {
        player.play(&events, replay.handler.as_deref()).await?;
    }
    let mut out = std::io::stdout().lock();
    if arguments.account.json {
        let report = json!({ "published": !arguments.dry_run, "again": arguments.again, "events": events });
        return Ok(writeln!(out, "{report}")?);
    }
    for event in &events {
        writeln!(out, "{}", line(event))?;
    }
    let text = match (arguments.dry_run, arguments.again) {
        (true, _) => "would be published; nothing was",
        (false, false) => "published again; what was done about them is not done again",
        (false, true) => "published again, to be answered anew: what was done about them is done again",
    };
    Ok(writeln!(out, "{} events {text}", events.len())?)
}

fn line(event: &Event) -> String {
    let ticket = event.ticket_id().map(ToString::to_string).unwrap_or_default();
    format!("{}  {:<24} {}  {ticket}", event.observed_at, event.kind.name(), event.id)
}
