//! The developers' commands: the local stack, the checks, the measurements. An operator's are in `infra/cli`.

mod bench;
mod browser;
mod changes;
mod chaos;
mod checks;
mod clock;
mod demo;
mod dev;
mod engine;
mod entries;
mod fuzz;
mod lint;
mod load;
mod logs;
mod overview;
mod permissions;
mod ports;
mod process;
mod project;
mod sam;
mod sbom;
mod stack;
mod stack_events;
mod steps;
mod template;
mod tools;
mod turn;

use anyhow::{Context as _, Result};
use clap::{Args, FromArgMatches as _, Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

/// Develop Salestrekker automations on one machine, without Docker and without an AWS account
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Deploy the template locally, send one webhook, and show how it becomes an action in Salestrekker
    Demo {
        /// Print one JSON object instead of the timeline
        #[arg(long)]
        json: bool,
    },
    /// Start the local stack, leave it running, and print its addresses
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
    /// Stop the stack that `up` started
    Down,
    /// Show what the functions of the running stack have logged
    Logs {
        #[command(flatten)]
        options: logs::Options,
    },
    /// Start the local stack, apply every saved file to it, and show logs and a timeline of each event
    Dev {
        #[command(flatten)]
        options: dev::Options,
    },
    /// Run the stand-in, a model of Salestrekker's API, alone, with an invented brokerage
    StandIn(StandIn),
    /// Run the checks of about a minute: format, clippy, unit tests, the handlers' entries, the templates
    Check,
    /// Run every check and every test, the cheapest first, and stop at the first failure
    Test {
        /// Only this part
        #[arg(long, value_enum)]
        only: Option<checks::Part>,
    },
    /// Check the templates with checkov and the workflows with actionlint, offline
    Lint,
    /// Fuzz the parsers of untrusted input, guided by coverage
    Fuzz {
        /// Minutes for each target
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// Only these targets, such as `webhook_body`
        targets: Vec<String>,
    },
    /// Crash, cut, duplicate, drop and reorder at random, and check that no effect is lost or repeated
    Chaos(chaos::Options),
    /// Take each permission of each role away, and check that its function says so and loses nothing
    Permissions(permissions::Options),
    /// Fill the table with 100,000 events and 5,000 dead letters, and measure the console's pages
    Load,
    /// Measure the release build: cold starts, invocations, memory, sizes, calls, growth and cost
    Bench(bench::Options),
    /// Print a software bill of materials from Cargo.lock, as JSON
    Sbom,
}

/// The options of the stand-in; its program defines them again.
#[derive(Args)]
struct StandIn {
    /// The port on 127.0.0.1
    #[arg(long, default_value_t = 4000)]
    port: u16,
    /// Start without the invented brokerage
    #[arg(long)]
    empty: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_arg_matches(&overview::command::<Arguments>().get_matches());
    let result = match arguments.unwrap_or_else(|error| error.exit()).command {
        None => print_overview().map(done),
        Some(Command::Demo { json }) => demo::run(json).map(done),
        Some(Command::Up { json, env, ports }) => stack::up(json, env, ports).map(done),
        Some(Command::Down) => stack::down().map(done),
        Some(Command::Logs { options }) => logs::run(&options).map(done),
        Some(Command::Dev { options }) => dev::run(&options).map(done),
        Some(Command::StandIn(options)) => stand_in(&options),
        Some(Command::Check) => checks::quick().map(done),
        Some(Command::Test { only }) => checks::run(only).map(done),
        Some(Command::Lint) => lint::run().map(done),
        Some(Command::Fuzz { minutes, targets }) => fuzz::run(minutes, &targets).map(done),
        Some(Command::Chaos(options)) => chaos::run(&options.arguments()),
        Some(Command::Permissions(options)) => permissions::run(&options).map(done),
        Some(Command::Load) => load::run().map(done),
        Some(Command::Bench(options)) => bench::run(&options.arguments()),
        Some(Command::Sbom) => sbom::run().map(done),
    };
    result.unwrap_or_else(|error| {
        steps::fail(&error);
        ExitCode::FAILURE
    })
}

fn done(_: ()) -> ExitCode {
    ExitCode::SUCCESS
}

fn print_overview() -> Result<()> {
    let mut command = overview::command::<Arguments>();
    Ok(write!(std::io::stdout(), "{}", command.render_help())?)
}

fn stand_in(options: &StandIn) -> Result<ExitCode> {
    let mut cargo = project::command("cargo");
    cargo.args(["run", "--locked", "--package", "end-to-end", "--bin", "stand-in", "--"]);
    cargo.args(["--port", &options.port.to_string()]).args(options.empty.then_some("--empty"));
    let status = cargo.status().context("cargo cannot be started")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_is_in_one_group_with_a_line() {
        let text = overview::command::<Arguments>().render_help().to_string();
        for command in Arguments::command().get_subcommands() {
            let line = format!("\n  {:<11} {}\n", command.get_name(), command.get_about().unwrap());
            assert_eq!(text.matches(&line).count(), 1, "{text}");
        }
    }

    #[test]
    fn the_arguments_are_consistent() {
        overview::command::<Arguments>().debug_assert();
    }
}
