//! `cargo xtask chaos`: the chaos test, on a stack of its own.

use crate::ports::Ports;
use crate::project::{binary, command};
use crate::stack::{Running, found_by};
use crate::template::Template;
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::process::ExitCode;

/// Messages of a killed invocation are received again sooner than on AWS, so that a run takes minutes.
const PARAMETERS: &str = "WorkTimeout=6 WorkVisibilityTimeout=36";

/// Starts a stack, breaks it, prints the verdict, stops the stack.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let running = Running::start("chaos", Template::Suite, Ports::default(), PARAMETERS)?;
    let mut chaos = command(binary("chaos"));
    found_by(&mut chaos, &running.place());
    chaos.env("MINISTACK_PID", running.engine()).args(arguments);
    let status = chaos.status().context("the chaos test cannot be started; run the command again")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
