//! The project's other programs, which are heavier than this one may be: built and run with the arguments as they are.

use crate::project::{command, command_in_account};
use crate::stack::endpoint_here;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// `cargo xtask stand-in`.
pub(crate) fn stand_in(arguments: &[OsString]) -> Result<ExitCode> {
    run(command("cargo"), &["--package", "end-to-end", "--bin", "stand-in"], arguments)
}

/// `cargo xtask schema`.
pub(crate) fn schema(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("schema", "schema", arguments)
}

/// `cargo xtask dlq`.
pub(crate) fn dead_letters(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "operate", arguments)
}

/// `cargo xtask organisation`.
pub(crate) fn organisation(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "organisation", arguments)
}

/// `cargo xtask erase`.
pub(crate) fn erase(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "erase", arguments)
}

/// `cargo xtask smoke`.
pub(crate) fn smoke(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "smoke", arguments)
}

/// `cargo xtask replay`.
pub(crate) fn replay(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "replay", arguments)
}

/// `cargo xtask dry-run`.
pub(crate) fn dry_run(arguments: &[OsString]) -> Result<ExitCode> {
    here_or_in_account("operate", "dry-run", arguments)
}

/// `cargo xtask new-handler`, and the other commands of the handlers' author.
pub(crate) fn author(name: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let all: Vec<OsString> = std::iter::once(name.into()).chain(arguments.iter().cloned()).collect();
    here_or_in_account("author", "author", &all)
}

/// A tool that works on the local stack, or in the AWS account of the profile that it is told.
fn here_or_in_account(package: &str, program: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let names_account = arguments.iter().any(|argument| argument.to_string_lossy().starts_with("--profile"));
    let mut cargo = if names_account { command_in_account("cargo") } else { command("cargo") };
    if let Some(endpoint) = endpoint_here().filter(|_| !names_account) {
        cargo.env("AWS_ENDPOINT_URL", endpoint);
    }
    run(cargo, &["--package", package, "--bin", program], arguments)
}

/// Runs a program where the person stands, so that a path means what it says; its exit code.
fn run(mut cargo: Command, program: &[&str], arguments: &[OsString]) -> Result<ExitCode> {
    cargo.args(["run", "--locked"]).args(program).arg("--").args(arguments);
    let status = cargo.current_dir(std::env::current_dir()?).status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
