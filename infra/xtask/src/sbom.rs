//! `cargo xtask sbom`: a bill of materials, from Cargo.lock.

use crate::project::command;
use crate::tools::install_by_cargo;
use anyhow::{Context as _, Result, bail};

const TOOL: &str = "cargo-sbom";
const VERSION: &str = "0.10.0";

/// Prints it.
pub(crate) fn run() -> Result<()> {
    let tool = install_by_cargo(TOOL, VERSION)?.join(TOOL);
    let mut sbom = command(tool);
    sbom.args(["sbom", "--output-format", "cyclone_dx_json_1_6"]);
    if !sbom.status().context("cargo-sbom cannot be started")?.success() {
        bail!("cargo-sbom failed; see its output above");
    }
    Ok(())
}
