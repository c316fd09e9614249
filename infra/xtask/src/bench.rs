//! `cargo xtask bench`: builds the functions for release, and measures them.

use crate::project::{binary, command, functions, logs, target};
use crate::steps::{run_logged, step};
use anyhow::{Context as _, Result};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

/// The options for which nothing is built or measured.
const COMPUTED: [&str; 4] = ["--idle-bill", "--growth", "--bounds", "--prices"];

/// The options of the program `bench`, here so that their help needs no build.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command")]
pub(crate) struct Options {
    /// Measure only what is the same on every machine: sizes, memory, requests and calls
    #[arg(long)]
    short: bool,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
    /// How far the number of hints grows, 100 to 100,000
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    hints: u32,
    /// Print the bill of a month without webhooks, computed from the templates, as a table of Markdown; builds and measures nothing else
    #[arg(long)]
    idle_bill: bool,
    /// Print how cost and time grow, and which quota binds first, as Markdown; builds and measures nothing else
    #[arg(long)]
    growth: bool,
    /// Print the bounds as a table of Markdown; builds and measures nothing else
    #[arg(long)]
    bounds: bool,
    /// Print the prices as a table of Markdown; builds and measures nothing else
    #[arg(long)]
    prices: bool,
}

impl Options {
    /// The arguments of the program.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let computed = [self.idle_bill, self.growth, self.bounds, self.prices];
        let flags = [("--short", self.short), ("--json", self.json)]
            .into_iter()
            .chain(COMPUTED.into_iter().zip(computed));
        let flags = flags.filter(|(_, is_set)| *is_set).map(|(flag, _)| flag.into());
        flags.chain(["--hints".into(), self.hints.to_string().into()]).collect()
    }
}

/// Builds the functions and the measuring program for release, and runs it.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let computed = arguments.iter().find(|argument| COMPUTED.iter().any(|option| *argument == option));
    if let Some(computed) = computed {
        let mut bench = command("cargo");
        bench
            .args(["run", "--quiet", "--locked", "--package", "bench", "--bin", "bench", "--"])
            .arg(computed);
        let status = bench.status().context("the table cannot be computed")?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let next = "fix it and run the command again";
    let functions = functions()?;
    step("building the functions for release (the first time takes many minutes)", || {
        let mut cargo = command("cargo");
        cargo.args(["build", "--release", "--locked", "--bins", "--package", "bench"]);
        cargo.args(functions.iter().flat_map(|name| ["--package", name]));
        run_logged(&mut cargo, "bench-functions.log", next)
    })?;
    step("building the stand-in", || {
        let mut cargo = command("cargo");
        cargo.args(["build", "--locked", "--bin", "stand-in", "--package", "end-to-end"]);
        run_logged(&mut cargo, "bench-stand-in.log", next)
    })?;
    let release = target().join(env!("HOST_TRIPLE")).join("release");
    let mut bench = command(release.join("bench"));
    bench.arg("--binaries").arg(&release).arg("--stand-in").arg(binary("stand-in")).arg("--logs").arg(logs());
    let status = bench.args(arguments).status().context("the measurement cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
