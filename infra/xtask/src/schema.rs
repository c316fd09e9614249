//! `cargo xtask schema`: a tool of its own, as it is heavier than this one may be.

use crate::project::{command, command_in_account};
use crate::stack::endpoint_of_up;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the tool where the person stands, so that a path means what it says; its exit code.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let names_account = arguments.iter().any(|argument| argument.to_string_lossy().starts_with("--profile"));
    let mut tool = if names_account { command_in_account("cargo") } else { command("cargo") };
    if let Some(endpoint) = endpoint_of_up().filter(|_| !names_account) {
        tool.env("AWS_ENDPOINT_URL", endpoint);
    }
    tool.args(["run", "--quiet", "--locked", "--package", "schema", "--"]).args(arguments);
    tool.current_dir(std::env::current_dir()?);
    let status = tool.status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
