//! `cargo xtask test`: every check and every test, cheapest first; `cargo xtask check`: those of a minute.

use crate::bench;
use crate::browser::{self, Browser};
use crate::chaos;
use crate::entries::build_and_check;
use crate::permissions;
use crate::ports::Ports;
use crate::project::{command, root};
use crate::sam;
use crate::stack::{Running, found_by};
use crate::steps::{say, step};
use crate::template::Template;
use crate::tools::{self, Tools};
use crate::turn;
use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use std::ffi::OsString;
use std::process::{Command, ExitCode};

/// A part of `cargo xtask test`, so that CI can run the parts side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Format, clippy, documents, licences, templates
    Checks,
    /// Unit, property and doc tests, the console in a browser, and the entries of the table of handlers
    Unit,
    /// The deployed local stack, twelve permissions taken away, a small chaos run, the short benchmark
    EndToEnd,
}

/// Runs all of them, or one part, and stops at the first that fails.
pub(crate) fn run(only: Option<Part>) -> Result<()> {
    let wants = |part| only.is_none_or(|only| only == part);
    if wants(Part::Checks) {
        style()?;
        files()?;
        let mut doc = cargo(&["doc", "--locked", "--no-deps", "--workspace"]);
        doc.env("RUSTDOCFLAGS", "-D warnings");
        check("cargo doc", doc, "fix what it names")?;
    }
    if wants(Part::Unit) {
        unit()?;
    }
    if wants(Part::EndToEnd) {
        end_to_end()?;
    }
    say("\n  all checks and tests passed");
    Ok(())
}

/// The checks that take about a minute: `cargo xtask check`.
pub(crate) fn quick() -> Result<()> {
    style()?;
    unit()?;
    step("the tools", tools::install)?;
    templates()?;
    say("\n  all quick checks passed; `cargo xtask test` runs everything");
    Ok(())
}

fn style() -> Result<()> {
    check("cargo fmt", cargo(&["fmt", "--all", "--check"]), "run `cargo fmt`")?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    check("cargo clippy", cargo(&clippy), "fix what it names")
}

fn files() -> Result<()> {
    let mut schema = cargo(&["run", "--quiet", "--locked", "--package", "schema", "--"]);
    schema.args(["check", "--schema", "shared/schema/salestrekker.graphql"]);
    check("GraphQL documents", schema, "change the names in the documents")?;
    step("the tools", tools::install)?;
    let mut deny = command(Tools::Sam.program("cargo-deny"));
    deny.args(["--locked", "check", "licenses", "bans", "sources"]);
    check("cargo deny: licences, bans, sources", deny, "see deny.toml")?;
    templates()
}

fn templates() -> Result<()> {
    let mut stacks: Vec<_> = std::fs::read_dir(root().join("infra/stacks"))?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    stacks.sort();
    let mut lint = command(Tools::Sam.program("cfn-lint"));
    lint.arg("template.yaml").args(stacks);
    check("cfn-lint", lint, "fix the template")?;
    let mut validate = sam::cli();
    validate.args(["validate", "--lint", "--config-env", "local"]);
    check("sam validate --lint", validate, "fix template.yaml")
}

fn unit() -> Result<()> {
    let browser = Browser::find()?;
    let mut tests = cargo(&["test", "--locked"]);
    if let Some(browser) = &browser {
        browser.given_to(&mut tests);
    }
    check("unit, property and doc tests", tests, "fix what failed")?;
    browser::report(browser.as_ref())?;
    step("the entries of the table of handlers", || {
        let _turn = turn::take()?;
        build_and_check()
    })
}

fn end_to_end() -> Result<()> {
    let running = Running::start("test", Template::Suite, Ports::default(), "")?;
    let mut tests = cargo(&["test", "--locked", "--package", "end-to-end"]);
    found_by(&mut tests, &running.place());
    check(
        "end-to-end tests on the deployed stack",
        tests,
        "see .local/log/test-ministack.log for what the functions logged",
    )?;
    // Alone, as it changes what all tests read.
    {
        let _turn = turn::take()?;
        // Not WorkTimeout: the engine cannot update a queue of a nested stack.
        running.deploy_with("LogLevel=DEBUG StageAgeDays=5")?;
    }
    let mut smoke =
        cargo(&["run", "--quiet", "--locked", "--package", "automations-cli", "--", "smoke", "--local"]);
    found_by(&mut smoke, &running.place());
    check("a changed parameter reaches what serves", smoke, "see docs/decisions/0030")?;
    drop(running);
    permissions::sample(12)?;
    say("\n— chaos, a small run");
    let small = ["--seed", "7", "--tickets", "20", "--events", "120", "--kills", "30", "--aws-faults", "0.4"]
        .map(OsString::from);
    if chaos::run(&small)? != ExitCode::SUCCESS {
        bail!("an effect was lost, duplicated or out of order; see .local/log/chaos-ministack.log");
    }
    say("\n— sizes, memory, requests and calls of the release build");
    if bench::run(&[OsString::from("--short")])? != ExitCode::SUCCESS {
        bail!("a limit of docs/performance.md is exceeded");
    }
    Ok(())
}

pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(arguments);
    cargo
}

/// Runs a check with its output on the terminal.
pub(crate) fn check(name: &str, mut command: Command, next: &str) -> Result<()> {
    say(&format!("\n— {name}"));
    let status = command.status().with_context(|| format!("{name} cannot be started"))?;
    if !status.success() {
        bail!("{name} failed; {next}");
    }
    Ok(())
}
