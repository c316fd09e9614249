//! `cargo xtask fuzz`: the targets of tests/fuzz by libFuzzer. An input that fails is written to the `crashes` folder beside
//! the target's kept corpus, which every `cargo test` tries again. The corpus that it grows is in `.local/fuzz/corpus`, where
//! the next run begins.

use crate::project::{command, local, root};
use crate::steps::{say, step};
use crate::tools::install_by_cargo;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const TOOL: &str = "cargo-bolero";
const VERSION: &str = "0.13.5";
const TARGETS: [&str; 7] =
    ["webhook_body", "inbound_body", "signature", "webhook_path", "message", "difference", "response"];

/// Runs these targets, or all of them, for this many minutes each.
pub(crate) fn run(minutes: u64, names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !TARGETS.contains(&name.as_str())) {
        bail!("there is no target {unknown}; there are {}", TARGETS.join(", "));
    }
    let tool = install_by_cargo(TOOL, VERSION)?.join(TOOL);
    for target in
        TARGETS.into_iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target))
    {
        let corpus = corpus(target)?;
        let mut bolero = command(&tool);
        bolero.args([
            "bolero",
            "test",
            &format!("targets::{target}"),
            "--package",
            "fuzz",
            "--rustc-bootstrap",
            "--sanitizer",
            "NONE",
        ]);
        bolero.args(["-T", &format!("{minutes}m")]).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Built with other flags than everything else, so in a folder of its own.
        bolero.arg("--target-dir").arg(local().join("fuzz")).env_remove("CARGO_BUILD_TARGET");
        bolero.arg("--corpus-dir").arg(corpus);
        let output = step(target, || bolero.output().context("cargo-bolero cannot be started"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let done = said.lines().rev().find(|line| line.starts_with("Done ")).unwrap_or_default();
        say(&format!("    {done}"));
        if !output.status.success() {
            let last: Vec<&str> = said.lines().rev().take(20).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            bail!("{target} found something:\n{}", last.join("\n"));
        }
    }
    Ok(())
}

/// The folder of the corpus that this target has grown, with the one that is kept in the project copied into it.
fn corpus(target: &str) -> Result<PathBuf> {
    let name = format!("targets__{target}");
    let grown = local().join("fuzz").join("corpus").join(&name);
    fs::create_dir_all(&grown)?;
    let kept = root().join("tests/fuzz/__fuzz__").join(name).join("corpus");
    if kept.is_dir() {
        copy(&kept, &grown).with_context(|| format!("{} cannot be copied", kept.display()))?;
    }
    Ok(grown)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
