//! The program behind `automations schema`.

use anyhow::{Context as _, Result};
use automations::aws;
use clap::{Parser, Subcommand};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The schema that the documents were written for.
const KNOWN: &str = "shared/schema/salestrekker.graphql";

/// Check our GraphQL documents against a schema, or fetch the vendor's schema
#[derive(Parser)]
#[command(name = "automations schema", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every mismatch between the GraphQL documents of the workspace and a schema
    Check {
        /// The schema: SDL, or the JSON of an introspection
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Print one JSON array instead of text
        #[arg(long)]
        json: bool,
    },
    /// Fetch the schema from the API, with an organisation's access token; the environment says which AWS account has it
    Fetch {
        /// The organisation id, as in webhook URLs
        #[arg(long)]
        organisation: String,
        /// The name of the CloudFormation stack
        #[arg(long, default_value = "automations")]
        stack: String,
        /// The file to write the JSON to [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { schema, json } => check(&schema, json),
        Command::Fetch { organisation, stack, out } => {
            fetch(&organisation, &stack, out.as_deref()).await.map(|()| ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Exit code 1 if there is a mismatch.
fn check(schema: &Path, json: bool) -> Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("the project's root was not found")?;
    let documents = schema::documents(root)?;
    let mismatches = schema::check(&schema::read(schema)?, &schema::read(&root.join(KNOWN))?, &documents);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&mismatches)?)?;
    } else if mismatches.is_empty() {
        writeln!(out, "all {} documents match {}", documents.len(), schema.display())?;
    } else {
        for mismatch in &mismatches {
            writeln!(out, "{mismatch}\n")?;
        }
        let next = "change the names in these files; the Rust code needs no change";
        writeln!(out, "{} mismatches with {}; {next}", mismatches.len(), schema.display())?;
    }
    Ok(if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn fetch(organisation: &str, stack: &str, out: Option<&Path>) -> Result<()> {
    let config = aws::load()?;
    let text = serde_json::to_string_pretty(&schema::fetch(&config, stack, organisation).await?)?;
    match out {
        Some(path) => fs::write(path, text).with_context(|| format!("{} cannot be written", path.display())),
        None => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}
