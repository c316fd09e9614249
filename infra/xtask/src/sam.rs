//! The real SAM CLI: what it builds, and what it deploys on the local engine.

use crate::project::{command, functions};
use crate::steps::{run_logged, step};
use crate::tools::Tools;
use anyhow::Result;

/// Builds the functions and the stand-in once, then lets SAM take the functions up.
pub(crate) fn build() -> Result<()> {
    let next = "mend it and run the command again";
    let functions = functions()?;
    step("building the functions (the first time takes minutes)", || {
        let mut cargo = command("cargo");
        cargo
            .args(["build", "--locked", "--bins"])
            .args(functions.iter().flat_map(|name| ["--package", name]));
        run_logged(&mut cargo, "build-functions.log", next)
    })?;
    step("sam build", || {
        run_logged(
            cli().args(["build", "--config-env", "local", "--parameter-overrides", &parameters_here()]),
            "sam-build.log",
            next,
        )
    })?;
    // After SAM: cargo-lambda moves every program that it finds in the folder, not only the functions.
    step("building the stand-in", || {
        let mut cargo = command("cargo");
        run_logged(
            cargo.args(["build", "--locked", "--bins", "--package", "end-to-end"]),
            "build-stand-in.log",
            next,
        )
    })
}

/// The SAM CLI, with cargo-lambda on its path.
pub(crate) fn cli() -> std::process::Command {
    let mut sam = command(Tools::Sam.program("sam"));
    #[expect(clippy::disallowed_methods, reason = "the search path is put before, not read as configuration")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = vec![Tools::Sam.bin()];
    folders.extend(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(folders) {
        sam.env("PATH", path);
    }
    sam
}

/// Deploys what was built last on the local engine at this port, with these parameters of the template.
pub(crate) fn deploy(name: &str, aws: u16, parameters: &str) -> Result<()> {
    let mut deploy = cli();
    deploy
        .args(["deploy", "--config-env", "local", "--no-progressbar"])
        .args(["--parameter-overrides", format!("{} {parameters}", parameters_here()).trim_end()])
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{aws}"));
    run_logged(
        &mut deploy,
        &format!("{name}-sam-deploy.log"),
        "see whether template.yaml is valid: cargo xtask test",
    )
}

/// The template's parameters that make it fit this machine and the local engine, which hands a number from a parameter to
/// its own poller as text, and then polls no queue.
fn parameters_here() -> String {
    let host = if env!("HOST_TRIPLE").starts_with("aarch64") { "arm64" } else { "x86_64" };
    format!("Architecture={host} MaximumConcurrency=0 DeletionProtection=false Tracing=Active")
}
