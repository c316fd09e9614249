//! `cargo xtask dev` runs this: see the library beside it.

use anyhow::{Context as _, Result, bail};
use automations::config::Reader;
use automations::telemetry::Level;
use automations::{aws, clock};
use clap::{Parser, Subcommand};
use dev::log_format::LogFormatter;
use dev::swap::Swap;
use dev::tail::Tail;
use dev::timeline::Timelines;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The interval of the rounds.
const EVERY: Duration = Duration::from_millis(250);
/// The number of rounds after which the list of functions is refreshed.
const ROUNDS_PER_REFRESH: u32 = 8;
/// The number of failed rounds in a row after which this ends. The engine may be unavailable during a deployment.
const MAX_FAILURES: u32 = 40;

/// What `cargo xtask dev` shows and swaps, on the local stack only
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The CloudFormation stack, which is the first part of the functions' names
    #[arg(long, global = true, default_value = "automations")]
    stack: String,
}

#[derive(Subcommand)]
enum Command {
    /// Show the functions' log lines as they arrive, and each event's timeline
    Logs {
        #[arg(long)]
        only: Vec<String>,
        #[arg(long, default_value = "info")]
        level: Level,
        #[arg(long)]
        text: Option<String>,
        #[arg(long)]
        json: bool,
        /// Begin with the oldest line, and end with the newest
        #[arg(long)]
        kept: bool,
    },
    /// Replace a function's program
    Swap { function: String, program: PathBuf },
    /// Give a handler the settings of its entry in template.yaml
    Settings {
        /// The project's root
        #[arg(long)]
        root: PathBuf,
        /// The entry's Name
        name: String,
    },
    /// Check the entries of the table of handlers against the handlers' programs
    Check {
        /// The project's root
        #[arg(long)]
        root: PathBuf,
        /// The folder of the handlers' programs
        #[arg(long)]
        binaries: PathBuf,
        /// Folders of functions/; all if none is named
        only: Vec<String>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Arguments { command, stack }: Arguments) -> Result<()> {
    if let Command::Check { root, binaries, only } = &command {
        let problems = dev::entries::check(root, binaries, only)?;
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}; see the table of handlers in template.yaml", problems.join("; "));
    }
    let endpoint = Reader::of_process().or("AWS_ENDPOINT_URL", String::new());
    if !endpoint.starts_with("http://127.0.0.1:") {
        bail!("this is for the local stack: run `cargo xtask dev`");
    }
    let config = aws::load()?;
    match command {
        Command::Logs { only, level, text, json, kept } => {
            let no_colour = !Reader::of_process().or("NO_COLOR", String::new()).is_empty();
            let colour = !no_colour && std::io::stdout().is_terminal();
            let client = aws_sdk_cloudwatchlogs::Client::new(&config);
            let tail = Tail::new(client, &stack, if kept { 0 } else { now() });
            show(tail, &LogFormatter { only, level, text, json, colour }, kept).await
        }
        Command::Check { .. } => Ok(()),
        Command::Settings { root, name } => {
            let lambda = aws_sdk_lambda::Client::new(&config);
            dev::entries::put_settings(&lambda, &format!("{stack}-{name}"), &root, &name).await
        }
        Command::Swap { function, program } => {
            let swap = Swap { lambda: aws_sdk_lambda::Client::new(&config), sqs: aws::sqs(&config) };
            swap.swap(&format!("{stack}-{function}"), &program).await
        }
    }
}

/// Shows lines until the engine is gone, or the stored lines once if `kept`.
async fn show(mut tail: Tail, formatter: &LogFormatter, kept: bool) -> Result<()> {
    let mut timelines = Timelines::default();
    let mut failures: u32 = 0;
    for round in 0_u32.. {
        let lines = async {
            if round.is_multiple_of(ROUNDS_PER_REFRESH) {
                tail.find_functions().await?;
            }
            tail.next(now()).await
        };
        let lines = match lines.await {
            Ok(lines) => lines,
            Err(error) if failures >= MAX_FAILURES => return Err(error.context("the logs cannot be read")),
            Err(_) => {
                failures = failures.saturating_add(1);
                Vec::new()
            }
        };
        let mut out = std::io::stdout().lock();
        for line in &lines {
            failures = 0;
            timelines.record(line, now());
            if let Some(shown) = formatter.format_line(line) {
                writeln!(out, "{shown}").context("standard output is closed")?;
            }
        }
        for timeline in timelines.finished(now()) {
            let (text, json) = (timeline.text(), timeline.json());
            if let Some(shown) = formatter.format_timeline(timeline.functions(), &text, &json) {
                writeln!(out, "{shown}").context("standard output is closed")?;
            }
        }
        out.flush()?;
        drop(out);
        if kept && failures == 0 {
            return Ok(());
        }
        #[expect(clippy::disallowed_methods, reason = "the pause between two polls")]
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

fn now() -> i64 {
    i64::try_from(clock::now().as_millis()).unwrap_or(i64::MAX)
}
