//! `cargo xtask new-handler`, `remove-handler`, `events`: see the library beside it.

use anyhow::{Context as _, Result};
use author::folder::New;
use author::{events, project, schemas};
use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// What a handler's author needs
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write a new handler: its folder, its lines in template.yaml, its place in Cargo.lock
    NewHandler {
        /// What it does and when, as in label-on-new-ticket: the name of its folder
        name: String,
        /// A kind of event that it is to be told of, as in ticket.created; again for more
        #[arg(long, required = true, value_name = "EVENT_TYPE")]
        on: Vec<String>,
        /// It must read more than its event carries: give it a read-only client
        #[arg(long)]
        reads: bool,
    },
    /// List every kind of event with its fields and a sample
    Events {
        /// Print one JSON object: a sample of each, by kind
        #[arg(long)]
        json: bool,
        /// Write the JSON Schemas of events and actions into docs/schemas
        #[arg(long)]
        write_schemas: bool,
    },
    /// Take back what `new-handler` wrote
    RemoveHandler {
        /// Its folder's name
        name: String,
        /// Also where its files were edited since
        #[arg(long)]
        force: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).context("no project around")?;
    let mut out = std::io::stdout().lock();
    match command {
        Command::NewHandler { name, on, reads } => {
            project::add(root, &New::parse(&name, &on, reads)?)?;
            writeln!(out, "functions/{name}/src/main.rs    its `decide`, and a test: the file to edit")?;
            writeln!(
                out,
                "template.yaml                   its line in the table of handlers, with its settings"
            )?;
            writeln!(out, "next: cargo test -p {name}")?;
        }
        Command::Events { write_schemas: true, .. } => {
            schemas::write(root)?;
            writeln!(out, "docs/schemas/event.json and action.json are those of the types")?;
        }
        Command::Events { json, .. } => {
            let text = if json { events::json()? } else { events::text()? };
            writeln!(out, "{text}")?;
        }
        Command::RemoveHandler { name, force } => {
            project::remove(root, &name, force)?;
            writeln!(out, "functions/{name} and its line in template.yaml are gone")?;
        }
    }
    Ok(())
}
