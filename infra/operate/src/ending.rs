//! How an operator's command ends.

use anyhow::Result;
use std::io::Write as _;
use std::process::ExitCode;

/// The exit code of a command that came to this; why it failed is told on standard error, in one line.
pub fn ending(result: Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}
