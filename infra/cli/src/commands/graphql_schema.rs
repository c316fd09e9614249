//! `automations schema`: runs the crate `schema` of the checkout, which is apart because its parser must not be in this program.

use crate::account::Account;
use crate::checkout;
use crate::exit_code::Exit;
use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command as Process;

/// Compare the GraphQL documents with Salestrekker's schema, or fetch that schema
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Report every part of a GraphQL document that a schema does not have
    #[command(after_help = "Example: automations schema check --schema salestrekker.json")]
    Check {
        /// The schema: SDL, or the JSON of an introspection
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
    },
    /// Rewrite the GraphQL documents for Salestrekker's schema, and report what cannot be mapped
    #[command(
        after_help = "Example: automations schema adopt --schema salestrekker.json --dry-run\n\nSets the types of variables, \
                      reads and sends back every field that a ticket and its update both have, and leaves out what the \
                      schema lacks and nothing depends on."
    )]
    Adopt {
        /// The schema: SDL, or the JSON of an introspection
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Print the report and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Fetch the schema from Salestrekker's API, with an organisation's credential
    #[command(
        after_help = "Example: automations schema fetch --organisation north --out salestrekker.json --profile prod"
    )]
    Fetch {
        /// The organisation
        #[arg(long, value_name = "NAME")]
        organisation: String,
        /// The file to write [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Runs `automations schema`.
///
/// # Errors
/// Outside of a checkout, or if cargo cannot be started.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let root = checkout::required("schema")?;
    let mut cargo = Process::new("cargo");
    cargo.args(["run", "--quiet", "--locked", "--package", "schema", "--manifest-path"]);
    cargo.arg(root.join("Cargo.toml")).arg("--");
    match arguments.command {
        Command::Check { schema } => {
            cargo.args([OsString::from("check"), "--schema".into(), schema.into()]);
            cargo.args(account.json.then_some("--json"));
        }
        Command::Adopt { schema, dry_run } => {
            cargo.args([OsString::from("adopt"), "--schema".into(), schema.into()]);
            cargo.args(dry_run.then_some("--dry-run"));
            cargo.args(account.json.then_some("--json"));
        }
        Command::Fetch { organisation, out } => {
            // The environment decides; the profile's credentials are put there.
            let target = account.target().await?;
            for (name, _) in
                std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_"))
            {
                cargo.env_remove(name);
            }
            cargo.envs(target.environment().await?);
            cargo.args(["fetch", "--organisation", &organisation, "--stack", &target.stack]);
            cargo.args(out.into_iter().flat_map(|out| [OsString::from("--out"), out.into()]));
        }
    }
    let status = cargo.status().context("cargo cannot be started; is it installed?")?;
    Ok(match status.code() {
        Some(0) => Exit::Done,
        Some(2) => Exit::Usage,
        _ => Exit::Problem,
    })
}
