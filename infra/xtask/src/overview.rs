//! What `cargo xtask` prints without arguments: every command in its group, one line each.

use clap::{Command, CommandFactory};
use std::fmt::Write as _;

const GROUPS: [(&str, &[&str]); 4] = [
    ("Try", &["demo", "up", "down", "dev", "logs", "stand-in"]),
    ("Check", &["check", "test", "lint", "fuzz", "chaos", "permissions", "load"]),
    ("Measure", &["bench"]),
    ("Supply chain", &["sbom"]),
];

const TEMPLATE: &str = "{about}\n\n{usage-heading} {usage}{after-help}\nOptions:\n{options}\n";

/// The command line, whose help lists the commands by group.
pub(crate) fn command<Arguments: CommandFactory>() -> Command {
    let command = Arguments::command();
    let text = by_group(&command);
    command.help_template(TEMPLATE).after_help(text)
}

fn by_group(command: &Command) -> String {
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(text, "{group}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let _ = writeln!(text, "  {name:<11} {}", about.map(ToString::to_string).unwrap_or_default());
        }
        text.push('\n');
    }
    text.push_str("Operate a deployment and write handlers: cargo automations --help\n");
    text
}
