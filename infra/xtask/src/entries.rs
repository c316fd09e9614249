//! The entries of the table of handlers, checked by the handlers' own programs.

use crate::project::{binary, command, functions, root};
use crate::steps::run_build;
use anyhow::{Context as _, Result, bail};
use std::path::Path;

/// Builds every function's program, and the one that checks entries.
pub(crate) fn build_programs() -> Result<()> {
    let mut build = command("cargo");
    build.args(["build", "--locked", "--bins", "--package", "dev"]);
    build.args(functions()?.iter().flat_map(|name| ["--package", name]));
    run_build(&mut build, "build-functions.log")
}

/// Builds the programs and checks all entries: SAM takes the programs of an earlier build away.
pub(crate) fn build_and_check() -> Result<()> {
    build_programs()?;
    check_entries(&[])
}

/// Checks the entries of the table of handlers (all, or those of these functions) against the programs just built.
pub(crate) fn check_entries(names: &[String]) -> Result<()> {
    let mut check = command(binary("dev"));
    let debug = binary("dev").parent().map(Path::to_owned).unwrap_or_default();
    check.args(["check", "--root"]).arg(root()).arg("--binaries").arg(debug).args(names);
    let output = check.output().context("the entries of the table of handlers cannot be checked")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{}", error.trim().trim_start_matches("error: "));
    }
    Ok(())
}
