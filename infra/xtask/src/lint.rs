//! `cargo xtask lint`: checkov and actionlint. Not in `cargo xtask test`, as checkov alone is 290 MB.

use crate::project::{command, root};
use crate::steps::{run_logged, step};
use crate::tools::{Tools, install_each};
use anyhow::Result;

/// Runs both, offline.
pub(crate) fn run() -> Result<()> {
    install_each(&[Tools::Lint])?;
    let mut checkov = command(Tools::Lint.program("checkov"));
    checkov.args(["--config-file", ".checkov.yaml"]);
    step("checkov", || {
        run_logged(&mut checkov, "checkov.log", "fix the template, or say in .checkov.yaml why not")
    })?;
    let mut actionlint = command(Tools::Lint.program("actionlint"));
    for file in std::fs::read_dir(root().join(".github/workflows"))? {
        actionlint.arg(file?.path());
    }
    step("actionlint", || run_logged(&mut actionlint, "actionlint.log", "fix the workflow"))
}
