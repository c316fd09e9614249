//! `cargo xtask bench`: measures the release build of every function, beside the smallest that there can be, and says
//! whether what was promised holds. docs/performance.md says what the figures mean.

mod aws;
mod cost;
mod counts;
mod events;
mod growth;
mod lambda;
mod metrics;
mod pipeline;
mod report;
mod stage;
mod starts;
mod usage;
mod vendor;

use anyhow::Result;
use clap::Parser;
use report::Report;
use stage::Bench;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measure the functions: starts, invocations, memory, sizes, requests and calls, how cost grows, what it costs
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Only what is the same on every machine: sizes, memory, requests and calls; no time can make it fail
    #[arg(long)]
    short: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// How far the number of hints grows
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    hints: u32,
    /// The folder of the functions' release builds
    #[arg(long, hide = true)]
    binaries: PathBuf,
    /// Salestrekker's stand-in
    #[arg(long, hide = true)]
    stand_in: PathBuf,
    /// Where the functions' logs go
    #[arg(long, hide = true)]
    logs: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = measure(&arguments).await.and_then(|report| {
        let text = if arguments.json { serde_json::to_string_pretty(&report)? } else { report.text() };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(report.holds(arguments.short))
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say("error: a bound does not hold; see the last table");
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
    let stage = Bench::set(binaries, stand_in, logs).await?;
    let mut report = Report::default();
    let mut add = |(table, bounds): (report::Table, Vec<report::Bound>)| {
        report.tables.push(table);
        report.bounds.extend(bounds);
    };
    say("  … sizes and memory");
    add(starts::sizes(&stage).await?);
    if *short {
        say("  … batches of hints");
        add(pipeline::enricher(&stage, &[0]).await?);
        return Ok(report);
    }
    say("  … starts");
    add(starts::starts(&stage, 20).await?);
    say("  … warm invocations");
    add(starts::warm(&stage, 2_000).await?);
    say("  … batches of hints");
    add(pipeline::enricher(&stage, &[0, 50, 200]).await?);
    say("  … stage by stage");
    let (table, stages) = pipeline::stages(&stage).await?;
    report.tables.push(table);
    say("  … how cost grows");
    let (tables, bounds) = growth::hints_and_tickets(&stage, usize::try_from(*hints)?).await?;
    report.tables.extend(tables);
    report.bounds.extend(bounds);
    report.tables.push(growth::ticket_sizes(&stage).await?);
    report.tables.extend(cost::tables(&stages));
    Ok(report)
}

/// Where somebody waits, and not in what a machine reads.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
