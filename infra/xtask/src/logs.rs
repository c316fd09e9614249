//! `cargo xtask logs`: what the functions of the running stack have logged.

use crate::project::{binary, command};
use crate::stack::{found_by, running};
use crate::steps::run_build;
use anyhow::{Context as _, Result, bail};
use clap::Args;

/// Which lines.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only lines that contain this text, such as a hint's, an event's or a ticket's id
    #[arg(long)]
    text: Option<String>,
    /// Only this function's lines; may be repeated
    #[arg(long, value_name = "FUNCTION")]
    only: Vec<String>,
    /// The lowest level shown: error, warn, info or debug
    #[arg(long, default_value = "info")]
    level: String,
    /// Print each line as one JSON object
    #[arg(long)]
    json: bool,
    /// Show new lines as they arrive, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

/// Prints them, oldest first.
pub(crate) fn run(options: &Options) -> Result<()> {
    let Some(place) = running() else { bail!("no local stack runs; start one with `cargo xtask up`") };
    let mut build = command("cargo");
    run_build(build.args(["build", "--locked", "--bins", "--package", "dev"]), "dev-build.log")?;
    let mut logs = command(binary("dev"));
    found_by(&mut logs, &place);
    logs.args(["logs", "--level", &options.level]);
    logs.args(options.only.iter().flat_map(|name| ["--only", name]));
    logs.args(options.text.iter().flat_map(|text| ["--text", text]));
    logs.args(options.json.then_some("--json"));
    logs.args((!options.follow).then_some("--kept"));
    let status = logs.status().context("the logs cannot be read; run the command again")?;
    if !status.success() {
        bail!("the logs cannot be read; see .local/log");
    }
    Ok(())
}
