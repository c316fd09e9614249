//! `cargo xtask test`: every check and every test, cheapest first.

use crate::bench;
use crate::chaos;
use crate::ports::Ports;
use crate::project::command;
use crate::sam;
use crate::stack::{Running, found_by};
use crate::steps::{say, step};
use crate::tools::{self, Tools};
use anyhow::{Context as _, Result, bail};
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// Runs all of them, and stops at the first that fails.
pub(crate) fn run() -> Result<()> {
    check("cargo fmt", cargo(&["fmt", "--all", "--check"]), "run `cargo fmt`")?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    check("cargo clippy", cargo(&clippy), "mend what it names")?;
    check("unit, property and doc tests", cargo(&["test", "--locked"]), "mend what failed")?;
    let mut schema = cargo(&["run", "--quiet", "--locked", "--package", "schema", "--"]);
    schema.args(["check", "--schema", "shared/schema/salestrekker.graphql"]);
    check("GraphQL documents", schema, "change the names in the documents")?;
    step("the tools", tools::install)?;
    let deny = Tools::Sam.program("cargo-deny");
    let mut deny = command(deny);
    deny.args(["--locked", "check", "licenses", "bans", "sources"]);
    check("cargo deny: licences, bans, sources", deny, "see deny.toml")?;
    let mut lint = command(Tools::Sam.program("cfn-lint"));
    lint.arg("template.yaml");
    lint.args(
        ["dashboard", "edge", "key", "organisation", "roles", "store", "watch"]
            .map(|name| format!("infra/{name}.yaml")),
    );
    check("cfn-lint", lint, "mend template.yaml")?;
    let mut validate = sam::cli();
    validate.args(["validate", "--lint", "--config-env", "local"]);
    check("sam validate --lint", validate, "mend template.yaml")?;
    let mut doc = cargo(&["doc", "--locked", "--no-deps", "--workspace"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    check("cargo doc", doc, "mend what it names")?;
    let running = Running::start("test", Ports::default(), "")?;
    let mut tests = cargo(&["test", "--locked", "--package", "end-to-end"]);
    found_by(&mut tests, &running.place());
    check(
        "end-to-end tests on the deployed stack",
        tests,
        "see .local/log/test-ministack.log for what the functions said",
    )?;
    // Alone, as it changes what all tests look at.
    running.deploy_with("LogLevel=DEBUG WorkTimeout=50 StageAgeDays=5")?;
    let mut smoke = cargo(&["run", "--quiet", "--locked", "--package", "operate", "--bin", "smoke"]);
    found_by(&mut smoke, &running.place());
    check("what an operator changes in a parameter reaches what serves", smoke, "see docs/decisions/0030")?;
    drop(running);
    say("\n— chaos, a small one");
    let small = ["--seed", "7", "--tickets", "24", "--events", "240", "--kills", "48"].map(OsString::from);
    if chaos::run(&small)? != ExitCode::SUCCESS {
        bail!("an effect was lost, doubled or misordered; see .local/log/chaos-ministack.log");
    }
    say("\n— sizes, memory, requests and calls of what goes to AWS");
    if bench::run(&[OsString::from("--short")])? != ExitCode::SUCCESS {
        bail!("a bound of docs/performance.md does not hold");
    }
    say("\n  all checks and tests passed");
    Ok(())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(arguments);
    cargo
}

/// Runs a check with its output where the person sees it.
fn check(name: &str, mut command: Command, next: &str) -> Result<()> {
    say(&format!("\n— {name}"));
    let status = command.status().with_context(|| format!("{name} cannot be started"))?;
    if !status.success() {
        bail!("{name} failed; {next}");
    }
    Ok(())
}
