//! `cargo xtask bench`: measures the release build of the functions, compares it with the smallest possible functions, and
//! checks the bounds. docs/performance.md explains the results.

mod aws;
mod bounds;
mod cold;
mod cost;
mod counts;
mod enricher;
mod environment;
mod events;
mod forecast;
mod growth;
#[cfg(test)]
mod guessed_names;
mod idle;
mod lambda;
mod metrics;
mod prices;
mod process;
mod rechecks;
mod report;
mod starts;
mod template;
mod tls;
mod units;
mod vendor;
mod whole_way;
mod worker;

use anyhow::Result;
use clap::Parser;
use environment::{Environment, Transport};
use report::Report;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The latency of the API, if times are measured.
const API_LATENCY: Duration = Duration::from_millis(200);

/// Measure the functions' start time, invocations, memory, sizes, API requests, AWS calls and cost, and check the bounds
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Measure only what is the same on every machine: sizes, memory, API requests and AWS calls
    #[arg(long)]
    short: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// The largest number of hints in the growth measurement
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    hints: u32,
    #[command(flatten)]
    computed: Computed,
    /// The folder with the functions' release builds
    #[arg(long, hide = true, default_value = ".")]
    binaries: PathBuf,
    /// The path of the Salestrekker stand-in
    #[arg(long, hide = true, default_value = ".")]
    stand_in: PathBuf,
    /// The folder for the functions' logs
    #[arg(long, hide = true, default_value = ".")]
    logs: PathBuf,
}

/// Tables of Markdown that are computed, and for which nothing is measured.
#[derive(clap::Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
struct Computed {
    /// Print the bill of a month without webhooks, computed from the templates, as a table of Markdown; measures nothing
    #[arg(long)]
    idle_bill: bool,
    /// Print how cost and time grow, and which quota binds first, as Markdown; measures nothing
    #[arg(long)]
    growth: bool,
    /// Print the bounds as a table of Markdown; measures nothing
    #[arg(long)]
    bounds: bool,
    /// Print the prices as a table of Markdown; measures nothing
    #[arg(long)]
    prices: bool,
}

impl Computed {
    /// The Markdown that is asked for.
    fn markdown(&self) -> Option<Result<String>> {
        match self {
            Self { idle_bill: true, .. } => Some(idle::markdown()),
            Self { growth: true, .. } => Some(forecast::markdown()),
            Self { bounds: true, .. } => Some(Ok(bounds::markdown())),
            Self { prices: true, .. } => Some(Ok(prices::markdown())),
            Self { .. } => None,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(markdown) = arguments.computed.markdown() {
        let printed = markdown.and_then(|text| Ok(write!(std::io::stdout(), "{text}")?));
        return printed.map_or_else(
            |error| {
                say(&format!("error: {error:#}"));
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let done = measure(&arguments).await.and_then(|report| {
        let text = if arguments.json { serde_json::to_string_pretty(&report)? } else { report.text() };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(report.holds(arguments.short))
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say("error: a bound does not hold; see the table \"bounds\"");
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<Report> {
    let Arguments { short, hints, binaries, stand_in, logs, .. } = arguments;
    let environment = Environment::new(binaries, stand_in, logs, Transport::Plain).await?;
    let mut report = Report::default();
    let mut add = |(table, bounds): (report::Table, Vec<report::Bound>)| {
        report.tables.push(table);
        report.bounds.extend(bounds);
    };
    say("  … sizes and memory");
    add(starts::sizes(&environment).await?);
    let api_latency = if *short { Duration::ZERO } else { API_LATENCY };
    if !short {
        say("  … starts");
        add(starts::starts(&environment, 20).await?);
        say("  … warm invocations");
        add(starts::warm(&environment, 2_000).await?);
    }
    say("  … batches of hints");
    add(enricher::measure(&environment, api_latency).await?);
    say("  … batches of actions");
    add(worker::measure(&environment, api_latency).await?);
    if !short {
        say("  … growth");
        add(growth::measure(&environment, usize::try_from(*hints)?).await?);
    }
    if !short {
        say("  … cold starts with TLS");
        let encrypted = Environment::new(binaries, stand_in, logs, Transport::Tls).await?;
        report.tables.push(cold::measure(&environment, &encrypted).await?);
    }
    say("  … a webhook's whole way");
    let (tables, bounds) = whole_way::measure(&environment, api_latency).await?;
    report.tables.extend(tables);
    report.bounds.extend(bounds);
    let unmeasured = bounds::unmeasured(&report.bounds, *short);
    anyhow::ensure!(unmeasured.is_empty(), "these bounds were not measured: {unmeasured:?}");
    Ok(report)
}

/// Prints progress to standard error, so that standard output holds only the report.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
