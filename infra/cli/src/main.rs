//! The operator's program: one command line over the library beside it.

use automations_cli::account::Account;
use automations_cli::commands::{
    audit, console, dead_letters, dry_run, erase, events, graphql_schema, listen, new_handler, organisation,
    pause, preflight, reminders, replay, settings, smoke, status, timeline, undo,
};
use automations_cli::exit_code::{self, Exit};
use automations_cli::report;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use std::process::ExitCode;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("COMMIT"), ")");

/// Operate Salestrekker automations, and write their handlers
#[derive(Parser)]
#[command(name = "automations", version = VERSION, arg_required_else_help = true, max_term_width = 110)]
#[command(after_help = exit_code::HELP)]
#[command(after_long_help = exit_code::HELP)]
struct Cli {
    #[command(flatten)]
    account: Account,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Dlq(dead_letters::Arguments),
    Timeline(timeline::Arguments),
    Replay(replay::Arguments),
    Undo(undo::Arguments),
    Reminders(reminders::Arguments),
    Settings(settings::Arguments),
    Pause(pause::PauseArguments),
    Resume(pause::ResumeArguments),
    DryRun(dry_run::Arguments),
    Listen(listen::Arguments),
    Organisation(organisation::Arguments),
    Erase(erase::Arguments),
    Smoke(smoke::Arguments),
    Audit(audit::Arguments),
    Preflight(preflight::Arguments),
    Status(status::Arguments),
    Console(console::Arguments),
    Events(events::Arguments),
    NewHandler(new_handler::Arguments),
    RemoveHandler(new_handler::RemoveArguments),
    Schema(graphql_schema::Arguments),
    Completions(Completions),
}

/// Print the completions of a shell
#[derive(clap::Args)]
#[command(
    after_help = "Example: automations completions bash > ~/.local/share/bash-completion/completions/automations"
)]
struct Completions {
    /// The shell
    shell: Shell,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Cli { account, command } = Cli::parse();
    let done = match command {
        Command::Dlq(arguments) => dead_letters::run(arguments, &account).await,
        Command::Timeline(arguments) => timeline::run(arguments, &account).await,
        Command::Replay(arguments) => Box::pin(replay::run(arguments, &account)).await,
        Command::Undo(arguments) => undo::run(arguments, &account).await,
        Command::Reminders(arguments) => reminders::run(arguments, &account).await,
        Command::Settings(arguments) => settings::run(arguments, &account).await,
        Command::Pause(arguments) => pause::run_pause(arguments, &account).await,
        Command::Resume(arguments) => pause::run_resume(arguments, &account).await,
        Command::DryRun(arguments) => dry_run::run(arguments, &account).await,
        Command::Listen(arguments) => listen::run(arguments, &account).await,
        Command::Organisation(arguments) => organisation::run(arguments, &account).await,
        Command::Erase(arguments) => erase::run(arguments, &account).await,
        Command::Console(arguments) => console::run(arguments, &account).await,
        Command::Audit(arguments) => audit::run(arguments, &account).await,
        Command::Smoke(arguments) => smoke::run(arguments, &account).await,
        Command::Preflight(arguments) => preflight::run(arguments, &account).await,
        Command::Status(arguments) => status::run(&arguments, &account).await,
        Command::Events(arguments) => events::run(&arguments, &account),
        Command::NewHandler(arguments) => new_handler::run(&arguments),
        Command::RemoveHandler(arguments) => new_handler::run_remove(&arguments),
        Command::Schema(arguments) => graphql_schema::run(arguments, &account).await,
        Command::Completions(Completions { shell }) => {
            clap_complete::generate(shell, &mut Cli::command(), "automations", &mut std::io::stdout());
            Ok(Exit::Done)
        }
    };
    let exit = done.unwrap_or_else(|error| {
        if exit_code::is_closed_pipe(&error) {
            return Exit::Done;
        }
        let exit = exit_code::of_error(&error);
        report::say_error(&format!("{error:#}{}", exit_code::next_step(&error)));
        exit
    });
    exit.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations_cli::permissions::COMMANDS;
    use clap::Command;
    use std::collections::BTreeSet;

    /// Every command below this one, itself included, with its whole name.
    fn all(command: &Command, name: &str) -> Vec<(String, Command)> {
        let own = (name.to_owned(), command.clone());
        let below = command.get_subcommands().filter(|below| below.get_name() != "help");
        let below = below.flat_map(|below| all(below, &format!("{name} {}", below.get_name())));
        std::iter::once(own).chain(below).collect()
    }

    #[test]
    fn every_command_and_argument_has_help_and_every_leaf_an_example() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        let commands = all(&cli, "automations");
        assert!(commands.len() > 25, "{}", commands.len());
        for (name, command) in &commands {
            assert!(
                command.get_about().is_some_and(|about| about.to_string().len() > 10),
                "{name} has no help"
            );
            for argument in command.get_arguments() {
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(!help.is_empty(), "{name}: {} has no help", argument.get_id());
                let values = argument.get_possible_values();
                let needs_help = argument.get_action().takes_values() && argument.get_id() != "shell";
                let described = !needs_help || values.iter().all(|value| value.get_help().is_some());
                assert!(described, "{name}: a value of {} has no help", argument.get_id());
            }
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            if !command.has_subcommands() {
                let example = format!("Example: {name}");
                assert!(after.contains(&example), "{name} has no example: {after}");
            }
        }
    }

    /// A2 of the AWS facts: infra/stacks/operators.yaml is compared with this table by tests/it/profiles.
    #[test]
    fn the_table_of_permissions_has_every_command() {
        let leaves = all(&Cli::command(), "automations").into_iter();
        let leaves = leaves.filter(|(_, command)| !command.has_subcommands());
        let names: BTreeSet<_> = leaves.map(|(name, _)| name.replacen("automations ", "", 1)).collect();
        let table = COMMANDS.iter().map(|needs| needs.command.to_owned());
        assert_eq!(names, table.collect(), "infra/cli/src/permissions/commands.rs");
    }

    #[test]
    fn every_example_is_a_command_line_that_is_accepted() {
        for (name, command) in all(&Cli::command(), "automations") {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for example in after.lines().filter_map(|line| line.trim().strip_prefix("Example: ")) {
                let words =
                    example.split(" < ").next().unwrap_or_default().split(" > ").next().unwrap_or_default();
                let words = words.split_whitespace().map(|word| word.trim_matches('\''));
                if let Err(error) = Cli::try_parse_from(words) {
                    panic!("{name}: {example}\n{error}");
                }
            }
        }
    }

    #[test]
    fn the_version_names_the_commit() {
        assert!(VERSION.starts_with(env!("CARGO_PKG_VERSION")) && VERSION.contains("commit "), "{VERSION}");
    }

    #[test]
    fn wrong_usage_ends_with_2() {
        for line in [
            &["automations"][..],
            &["automations", "replay"],
            &["automations", "organisation", "check", "No"],
        ] {
            let error = Cli::try_parse_from(line).err().unwrap();
            assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{line:?}");
        }
    }
}
