//! `cargo xtask fuzz`: the targets of `fuzz/`, and the one beside the reader of the API's answers, by libFuzzer. What is found
//! stands in the `crashes` folder beside the target's kept corpus, which every `cargo test` tries again. What it grows of that
//! corpus stands in `.local/fuzz/corpus`, where the next run begins.

use crate::project::{command, local, root};
use crate::steps::{say, step};
use crate::tools::install_by_cargo;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const TOOL: &str = "cargo-bolero";
const VERSION: &str = "0.13.5";
/// A target, its package, and the folder of its file.
const TARGETS: [(&str, &str, &str); 5] = [
    ("targets::webhook_body", "fuzz", "fuzz/src"),
    ("targets::webhook_path", "fuzz", "fuzz/src"),
    ("targets::message", "fuzz", "fuzz/src"),
    ("targets::difference", "fuzz", "fuzz/src"),
    (
        "salestrekker::response::tests::any_bytes_are_an_answer_or_a_clear_error",
        "automations",
        "shared/src/salestrekker",
    ),
];

/// Runs these targets, or all of them, so many minutes each.
pub(crate) fn run(minutes: u64, names: &[String]) -> Result<()> {
    let unknown =
        names.iter().find(|name| !TARGETS.iter().any(|(target, ..)| target.contains(name.as_str())));
    if let Some(unknown) = unknown {
        bail!("there is no target {unknown}; there are {}", TARGETS.map(|(target, ..)| target).join(", "));
    }
    let tool = install_by_cargo(TOOL, VERSION)?.join(TOOL);
    for (target, package, folder) in TARGETS {
        if !names.is_empty() && !names.iter().any(|name| target.contains(name.as_str())) {
            continue;
        }
        let corpus = corpus(target, folder)?;
        let mut bolero = command(&tool);
        bolero.args([
            "bolero",
            "test",
            target,
            "--package",
            package,
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

/// The folder of what this target has grown, with what is kept for it.
fn corpus(target: &str, folder: &str) -> Result<PathBuf> {
    let name = target.replace("::", "__");
    let grown = local().join("fuzz").join("corpus").join(&name);
    fs::create_dir_all(&grown)?;
    let kept = root().join(folder).join("__fuzz__").join(name).join("corpus");
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
