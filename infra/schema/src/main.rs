//! `cargo xtask schema`: see the library beside it.

use anyhow::{Context as _, Result};
use automations::config::Reader;
use clap::{Parser, Subcommand};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The schema that the documents were written for.
const KNOWN: &str = "shared/schema/salestrekker.graphql";

/// Compares our GraphQL documents with a schema, or fetches the vendor's
#[derive(Parser)]
#[command(name = "cargo xtask schema", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell everywhere that a document of the workspace does not fit a schema
    Check {
        /// The schema: SDL, or the JSON of an introspection
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Print one JSON array instead of text
        #[arg(long)]
        json: bool,
    },
    /// Ask the API for its schema, with an organisation's credential
    Fetch {
        /// The organisation, as our URLs spell it
        #[arg(long)]
        organisation: String,
        /// The AWS profile of the account that holds its secrets [default: the local stack that `up` started]
        #[arg(long)]
        profile: Option<String>,
        /// The CloudFormation stack, which is the first part of the secrets' names
        #[arg(long, default_value = "automations")]
        stack: String,
        /// Where to put the JSON [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { schema, json } => check(&schema, json),
        Command::Fetch { organisation, profile, stack, out } => {
            fetch(&organisation, profile.as_deref(), &stack, out.as_deref()).await.map(|()| ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Exit code 1 where anything differs.
fn check(schema: &Path, json: bool) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no project around")?;
    let documents = schema::documents(root)?;
    let mismatches = schema::check(&schema::read(schema)?, &schema::read(&root.join(KNOWN))?, &documents);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&mismatches)?)?;
    } else if mismatches.is_empty() {
        writeln!(out, "all {} documents fit {}", documents.len(), schema.display())?;
    } else {
        for mismatch in &mismatches {
            writeln!(out, "{mismatch}\n")?;
        }
        let next = "change the names in these files; the code behind them needs none";
        writeln!(out, "{} differences from {}; {next}", mismatches.len(), schema.display())?;
    }
    Ok(if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn fetch(organisation: &str, profile: Option<&str>, stack: &str, out: Option<&Path>) -> Result<()> {
    let is_local = !Reader::of_process().or("AWS_ENDPOINT_URL", String::new()).is_empty();
    let config = schema::config(profile, is_local).await?;
    let text = serde_json::to_string_pretty(&schema::fetch(&config, stack, organisation).await?)?;
    match out {
        Some(path) => fs::write(path, text).with_context(|| format!("{} cannot be written", path.display())),
        None => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}
