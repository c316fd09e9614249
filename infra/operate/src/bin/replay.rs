//! `cargo xtask replay`: see the library beside it.

use anyhow::{Context as _, Result};
use automations::clock::{self, Moment};
use automations::store::Store;
use automations::{Event, aws};
use clap::Parser;
use operate::{Player, Replay, account, ending};
use serde_json::json;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

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
    /// The AWS profile of the account [default: the local stack that `up` started]
    #[arg(long)]
    profile: Option<String>,
    /// The CloudFormation stack, which is the first part of the names of its bus, its table and its queues
    #[arg(long, default_value = "automations")]
    stack: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
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
    let config = account(arguments.profile).await?;
    let player = Player {
        events: aws::eventbridge(&config),
        sqs: aws::sqs(&config),
        store: Store::new(aws::dynamodb(&config), format!("{}-store", arguments.stack)),
        stack: arguments.stack,
    };
    let events = player.select(&replay).await?;
    if !arguments.dry_run {
        player.play(&events, replay.handler.as_deref()).await?;
    }
    let mut out = std::io::stdout().lock();
    if arguments.json {
        let report = json!({ "published": !arguments.dry_run, "again": arguments.again, "events": events });
        return Ok(writeln!(out, "{report}")?);
    }
    for event in &events {
        writeln!(out, "{}", line(event))?;
    }
    let what = match (arguments.dry_run, arguments.again) {
        (true, _) => "would be published; nothing was",
        (false, false) => "published again; what was done about them is not done again",
        (false, true) => "published again, to be answered anew: what was done about them is done again",
    };
    Ok(writeln!(out, "{} events {what}", events.len())?)
}

fn line(event: &Event) -> String {
    let ticket = event.ticket_id().map(ToString::to_string).unwrap_or_default();
    format!("{}  {:<24} {}  {ticket}", event.observed_at, event.what.kind(), event.id)
}

/// A moment as an operator writes it.
fn moment(text: &str, now: Moment) -> Result<Moment> {
    let wrong =
        || format!("{text} is no time: write seconds since 1970 began, or 90m, 36h or 14d for so long ago");
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => return Ok(Moment::from_seconds(text.parse().with_context(wrong)?)),
    };
    let digits = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    let count: u64 = digits.parse().with_context(wrong)?;
    let ago = Duration::from_secs(count.checked_mul(unit).with_context(wrong)?);
    Ok(Moment::from_seconds(now.as_seconds().saturating_sub(ago.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_moment_or_so_long_ago() {
        let now = Moment::from_seconds(1_000_000);
        for (text, seconds) in
            [("999", 999), ("10s", 999_990), ("2m", 999_880), ("1h", 996_400), ("1d", 913_600)]
        {
            assert_eq!(moment(text, now).unwrap(), Moment::from_seconds(seconds), "{text}");
        }
        for wrong in ["", "h", "-1h", "yesterday", "1.5h", "99999999999999999999d", "1ä"] {
            assert!(moment(wrong, now).unwrap_err().to_string().contains("is no time"), "{wrong}");
        }
    }
}
