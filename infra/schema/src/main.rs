//! The program behind `automations schema`.

use anyhow::{Context as _, Result};
use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use automations::aws;
use clap::{Parser, Subcommand};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The schema that the documents were written for.
const RECONSTRUCTED: &str = "shared/schema/salestrekker.graphql";

/// The schema that they were adopted for; no file until then.
const ADOPTED: &str = "shared/schema/adopted.graphql";

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
    /// Rewrite the documents of the system for a schema
    Adopt {
        /// The schema: SDL, or the JSON of an introspection
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// Print the report and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Print one JSON object instead of text
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
        Command::Adopt { schema, dry_run, json } => adopt(&schema, dry_run, json),
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
    let root = root()?;
    let documents = schema::documents(root)?;
    let mismatches = schema::check(&schema::read(schema)?, &known(root)?, &documents);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&mismatches)?)?;
    } else if mismatches.is_empty() {
        writeln!(out, "all {} documents match {}", documents.len(), schema.display())?;
    } else {
        for mismatch in &mismatches {
            writeln!(out, "{mismatch}\n")?;
        }
        let next = "`automations schema adopt` changes what it can; change the rest in these files, the Rust code needs no change";
        writeln!(out, "{} mismatches with {}; {next}", mismatches.len(), schema.display())?;
    }
    Ok(if mismatches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn root() -> Result<&'static Path> {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("the project's root was not found")
}

fn known(root: &Path) -> Result<Valid<Schema>> {
    let adopted = root.join(ADOPTED);
    schema::read(&if adopted.is_file() { adopted } else { root.join(RECONSTRUCTED) })
}

/// Exit code 1 if something is left for a person.
fn adopt(file: &Path, dry_run: bool, json: bool) -> Result<ExitCode> {
    let root = root()?;
    let real = schema::read(file)?;
    let adoption = schema::adopt(&real, &known(root)?, &schema::documents(root)?);
    if !dry_run {
        for document in &adoption.changed {
            let path = root.join(&document.file);
            fs::write(&path, &document.text)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        let path = root.join(ADOPTED);
        fs::write(&path, real.to_string())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&adoption)?)?;
    } else {
        write!(out, "{adoption}")?;
        writeln!(out, "{}", if dry_run { "nothing was changed" } else { NEXT })?;
    }
    Ok(if adoption.unmapped.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to do after an adoption.
const NEXT: &str = "commit these files on the branch that you deploy from (the local stack plays the reconstructed schema only), deploy, \
                    and run `automations organisation rehearse`";

async fn fetch(organisation: &str, stack: &str, out: Option<&Path>) -> Result<()> {
    let config = aws::load()?;
    let text = serde_json::to_string_pretty(&schema::fetch(&config, stack, organisation).await?)?;
    match out {
        Some(path) => fs::write(path, text).with_context(|| format!("{} cannot be written", path.display())),
        None => Ok(writeln!(std::io::stdout(), "{text}")?),
    }
}
