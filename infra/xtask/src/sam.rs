//! The real SAM CLI: what it builds, and what it deploys on the local engine.

use crate::entries::{build_programs, check_entries};
use crate::project::{command, root};
use crate::stack_events::first_failure;
use crate::steps::{log_path, run_build, run_logged, step};
use crate::template::Template;
use crate::tools::Tools;
use anyhow::{Context as _, Result, bail};
use std::fs;

/// Builds the functions and the stand-in once, then has SAM package the functions.
pub(crate) fn build(template: Template) -> Result<()> {
    step("building the functions (minutes the first time)", build_programs)?;
    // Before SAM takes the programs away. A handler that cannot start would be deployed, and then be silent.
    if template == Template::Project {
        check_entries(&[])?;
    }
    let file = template.file()?;
    step("sam build", || {
        let mut sam = cli();
        sam.args(["build", "--config-env", "local", "--parameter-overrides", &parameters_here()?])
            .arg("--config-file")
            .arg(root().join("samconfig.toml"))
            .arg("--template-file")
            .arg(&file)
            .arg("--build-dir")
            .arg(template.build());
        run_logged(&mut sam, "sam-build.log", "fix what it names and run the command again")
    })?;
    // After SAM: cargo-lambda moves every program that it finds in the folder, not only the functions.
    step("building the stand-in", || {
        let mut cargo = command("cargo");
        run_build(
            cargo.args(["build", "--locked", "--bins", "--package", "end-to-end"]),
            "build-stand-in.log",
        )
    })
}

/// The SAM CLI, with cargo-lambda on its path.
pub(crate) fn cli() -> std::process::Command {
    let mut sam = command(Tools::Sam.program("sam"));
    #[expect(clippy::disallowed_methods, reason = "the search path is extended, not read as configuration")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![Tools::Sam.bin()];
    folders.extend(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        sam.env("PATH", path);
    }
    sam
}

/// Deploys what was built last on the local engine at this port, with these parameters of the template.
pub(crate) fn deploy(name: &str, template: Template, aws: u16, parameters: &str) -> Result<()> {
    let log = format!("{name}-sam-deploy.log");
    let mut deploy = cli();
    deploy
        .args(["deploy", "--config-env", "local", "--no-progressbar"])
        .arg("--config-file")
        .arg(root().join("samconfig.toml"))
        .arg("--template-file")
        .arg(template.build().join("template.yaml"))
        .args(["--parameter-overrides", format!("{} {parameters}", parameters_here()?).trim_end()])
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{aws}"));
    let deployed = run_logged(&mut deploy, &log, "fix template.yaml and run the command again");
    match deployed.as_ref().err().and_then(|_| first_failure(&fs::read_to_string(log_path(&log).ok()?).ok()?))
    {
        Some(reason) => {
            bail!("CloudFormation: {reason} (the whole log: .local/log/{log}); fix template.yaml")
        }
        None => deployed,
    }
}

/// The template's parameters that make it fit this machine and the local engine, which hands a number from a parameter to
/// its own poller as text, and then polls no queue; after them, what samconfig.toml's `local` says.
fn parameters_here() -> Result<String> {
    let host = if env!("HOST_TRIPLE").starts_with("aarch64") { "arm64" } else { "x86_64" };
    let config =
        fs::read_to_string(root().join("samconfig.toml")).context("samconfig.toml cannot be read")?;
    let own = overrides_in(&config);
    Ok(format!("Architecture={host} MaximumConcurrency=0 DeletionProtection=false Tracing=Active {own}")
        .trim_end()
        .to_owned())
}

fn overrides_in(config: &str) -> &str {
    let section = config.split("[local.deploy.parameters]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let line = section.lines().find_map(|line| line.trim().strip_prefix("parameter_overrides"));
    line.and_then(|line| line.split('"').nth(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samconfigs_own_parameters_are_passed_on() {
        let config = "[local.deploy.parameters]\nparameter_overrides = \"StageAgeDays=90 A=b\"\n\n[dev.x]\nparameter_overrides = \"no\"";
        assert_eq!(overrides_in(config), "StageAgeDays=90 A=b");
        assert_eq!(overrides_in("[local.deploy.parameters]\n[dev.x]\nparameter_overrides = \"no\""), "");
    }
}
