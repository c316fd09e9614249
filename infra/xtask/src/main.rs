//! The project's commands: `cargo xtask demo`, `test`, `up`, `down`.

mod bench;
mod changes;
mod chaos;
mod checks;
mod demo;
mod dev;
mod entries;
mod fuzz;
mod lint;
mod logs;
mod ports;
mod process;
mod project;
mod sam;
mod sbom;
mod stack;
mod stack_events;
mod steps;
mod template;
mod tool;
mod tools;
mod turn;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// Salestrekker automations on one machine, with no Docker and no AWS account.
#[derive(Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, deploy the real template locally, send a webhook, and watch it become an action at Salestrekker's stand-in
    Demo {
        /// Print one JSON object instead of the timeline
        #[arg(long)]
        json: bool,
    },
    /// Run every check and every test, cheapest first, and stop at the first that fails
    Test {
        /// Only this part
        #[arg(long, value_enum)]
        only: Option<checks::Part>,
    },
    /// Run the checks of about a minute: format, clippy, unit tests, the handlers' entries, the templates
    Check,
    /// Have checkov judge the templates and actionlint the workflows, offline
    Lint,
    /// Print a bill of materials, from Cargo.lock, as JSON
    Sbom,
    /// Send anything to what reads from outside, for long, guided by coverage
    Fuzz {
        /// Minutes for each target
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// Only these targets, such as `webhook_body`
        targets: Vec<String>,
    },
    /// Start the local stack, leave it running, and say where it is
    Up {
        /// Print one JSON object instead of a table
        #[arg(long)]
        json: bool,
        /// Print lines for a shell: eval "$(cargo xtask up --env)"
        #[arg(long, conflicts_with = "json")]
        env: bool,
        #[command(flatten)]
        ports: ports::Ports,
    },
    /// Stop what `up` started, and nothing else
    Down,
    /// Show what the functions of the running stack have logged
    Logs {
        #[command(flatten)]
        options: logs::Options,
    },
    /// Start the local stack, take up every file that is saved, show the functions' logs and the way of each event
    Dev {
        #[command(flatten)]
        options: dev::Options,
    },
    /// Write a new handler: its folder, its lines in template.yaml, its place in Cargo.lock
    #[command(disable_help_flag = true)]
    NewHandler {
        /// `NAME --on EVENT_TYPE [--on EVENT_TYPE] [--reads]`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// List every kind of event with its fields and a sample
    #[command(disable_help_flag = true)]
    Events {
        /// `[--json] [--write-schemas]`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Take back what `new-handler` wrote
    #[command(disable_help_flag = true)]
    RemoveHandler {
        /// `NAME [--force]`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print what a handler would do about an event, a ticket's events or a time's, and do nothing
    #[command(disable_help_flag = true)]
    DryRun {
        /// `NAME --event FILE|--ticket ID|--since TIME`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// List, show, redrive or drop dead letters, on the local stack or in an AWS account
    #[command(disable_help_flag = true)]
    Dlq {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Add, list, check or remove organisations, their webhook URLs and credentials, locally or in an AWS account
    #[command(disable_help_flag = true)]
    Organisation {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Publish events of the journal again, on the local stack or in an AWS account
    #[command(disable_help_flag = true)]
    Replay {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Erase what is kept of a ticket or a contact, on the local stack or in an AWS account
    #[command(disable_help_flag = true)]
    Erase {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Try whether a deployed stack is whole, serves what was deployed, and its door answers, on the local stack or in an AWS account
    #[command(disable_help_flag = true)]
    Smoke {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Measure the release build: starts, invocations, memory, sizes, calls, growth, cost
    Bench {
        /// `--short --hints N --json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Kill, cut, double, lose and reorder at random, and see whether any effect is lost or happens twice
    Chaos {
        /// `--seed N --tickets T --events E --kills K --json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Run Salestrekker's stand-in alone, with an invented brokerage to learn the API on
    #[command(disable_help_flag = true)]
    StandIn {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Compare our GraphQL documents with a schema, or fetch the vendor's
    #[command(disable_help_flag = true)]
    Schema {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { json } => demo::run(json).map(done),
        Command::Test { only } => checks::run(only).map(done),
        Command::Check => checks::quick().map(done),
        Command::Lint => lint::run().map(done),
        Command::Sbom => sbom::run().map(done),
        Command::Fuzz { minutes, targets } => fuzz::run(minutes, &targets).map(done),
        Command::Up { json, env, ports } => stack::up(json, env, ports).map(done),
        Command::Dev { options } => dev::run(&options).map(done),
        Command::Logs { options } => logs::run(&options).map(done),
        Command::Down => stack::down().map(done),
        Command::NewHandler { arguments } => tool::author("new-handler", &arguments),
        Command::Events { arguments } => tool::author("events", &arguments),
        Command::RemoveHandler { arguments } => tool::author("remove-handler", &arguments),
        Command::DryRun { arguments } => tool::dry_run(&arguments),
        Command::Dlq { arguments } => tool::dead_letters(&arguments),
        Command::Organisation { arguments } => tool::organisation(&arguments),
        Command::Replay { arguments } => tool::replay(&arguments),
        Command::Erase { arguments } => tool::erase(&arguments),
        Command::Smoke { arguments } => tool::smoke(&arguments),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Chaos { arguments } => chaos::run(&arguments),
        Command::StandIn { arguments } => tool::stand_in(&arguments),
        Command::Schema { arguments } => tool::schema(&arguments),
    };
    result.unwrap_or_else(|error| {
        steps::fail(&error);
        ExitCode::FAILURE
    })
}

fn done(_: ()) -> ExitCode {
    ExitCode::SUCCESS
}
