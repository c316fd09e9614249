//! `cargo xtask bench`: builds for release as for AWS, and measures it.

use crate::project::{binary, command, functions, logs, target};
use crate::steps::{run_logged, step};
use anyhow::{Context as _, Result};
use std::ffi::OsString;
use std::process::ExitCode;

/// Builds the functions and the benchmark for release, and runs the benchmark.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
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
    let status = bench.args(arguments).status().context("the benchmark cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
