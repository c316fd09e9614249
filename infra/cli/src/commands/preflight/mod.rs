//! `automations preflight`: what would make a deployment fail, before it is tried. It changes nothing.

mod checks;
mod facts;
mod finding;
mod plan;
mod policies;
mod read;
mod tools;
mod trust;

pub use checks::all;
pub use facts::{Concurrency, Deployed, Facts, Read, Simulated, Tools, Unread, Used};
pub use finding::{Finding, Level};
pub use plan::Plan;
pub use read::{Reader, tools};

use crate::account::Account;
use crate::checkout;
use crate::exit_code::Exit;
use crate::report::{count, during, print, print_json, say_error, table};
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

/// Check what would make a deployment fail: credentials, programs, concurrency, quotas, what is left over, permissions; changes nothing
#[derive(Debug, Args)]
#[command(after_help = "Example: automations preflight --env prod --profile prod")]
pub struct Arguments {
    /// The environment, a section of samconfig.toml; its stack is checked, whatever --stack says
    #[arg(long = "env", value_name = "NAME", default_value = "dev")]
    environment: String,
    /// Ask IAM about this role instead of the profile's own, such as the one of GitHub
    #[arg(long, value_name = "ARN")]
    deployer: Option<String>,
}

/// Runs `automations preflight`.
///
/// # Errors
/// Outside of a checkout, or if samconfig.toml has no such environment.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let root = checkout::required("preflight")?;
    let read =
        |file: &str| fs::read_to_string(root.join(file)).with_context(|| format!("{file} cannot be read"));
    let (config, template) = (read("samconfig.toml")?, read("template.yaml")?);
    let environment = arguments.environment;
    let first = Plan::of(&environment, &config, &template, &BTreeMap::new())?;
    let reader = Reader::new(&account.target().await?, arguments.deployer);
    let findings = during("reading the account", async {
        let deployed = reader.parameters(&first.stack).await;
        let plan = Plan::of(&environment, &config, &template, &deployed)?;
        anyhow::Ok(all(&plan, &reader.facts(&plan, tools().await?).await))
    });
    let findings = findings.await?;
    let to_fix = findings.iter().filter(|finding| finding.level == Level::Fix).count();
    if account.json {
        print_json(&json!({ "good": to_fix == 0, "findings": findings }))?;
        return Ok(Exit::problem_if(to_fix > 0));
    }
    let rows: Vec<[String; 3]> = findings
        .iter()
        .map(|Finding { check, level, seen, .. }| {
            [level.as_str().to_owned(), (*check).to_owned(), seen.clone()]
        })
        .collect();
    print(&table(["", "check", "found"], &rows))?;
    for (fix, checks) in fixes(&findings) {
        print(&format!("\n{}: {fix}", checks.join(", ")))?;
    }
    if to_fix > 0 {
        let number = u64::try_from(to_fix).unwrap_or(u64::MAX);
        say_error(&format!("{} must be fixed before a deployment", count(number, "finding", "findings")));
    }
    Ok(Exit::problem_if(to_fix > 0))
}

/// What to do, each once, with the checks that ask for it.
fn fixes(findings: &[Finding]) -> Vec<(&str, Vec<&'static str>)> {
    let mut fixes: Vec<(&str, Vec<&'static str>)> = Vec::new();
    for Finding { check, fix, .. } in findings.iter().filter(|finding| !finding.fix.is_empty()) {
        match fixes.iter_mut().find(|(known, _)| known == fix) {
            Some((_, checks)) => checks.push(check),
            None => fixes.push((fix, vec![check])),
        }
    }
    fixes
}

#[cfg(test)]
mod tests;
