//! `cargo xtask permissions`: takes each permission of each role away, on a stack of its own.

use crate::checks::{cargo, check};
use crate::ports::Ports;
use crate::stack::{Running, found_by};
use crate::steps::say;
use crate::template::Template;
use anyhow::Result;
use clap::Args;
use std::time::UNIX_EPOCH;

/// Which permissions.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this number, chosen at random [default: all]
    #[arg(long)]
    sample: Option<u32>,
    /// The seed of the choice and of the order [default: the time]
    #[arg(long)]
    seed: Option<u64>,
    /// Only those that contain this text, such as `Roles.ActionWorker dynamodb:PutItem`
    #[arg(long)]
    only: Option<String>,
}

/// As in `chaos`: what is received again is received soon, so that a run takes minutes.
const PARAMETERS: &str = "WorkTimeout=6";

/// Starts a stack, takes away the permissions one by one, stops the stack.
pub(crate) fn run(options: &Options) -> Result<()> {
    let running = Running::start("permissions", Template::Suite, Ports::default(), PARAMETERS)?;
    take_away(&running, options)
}

/// The same with a few permissions.
pub(crate) fn sample(count: u32) -> Result<()> {
    run(&Options { sample: Some(count), seed: None, only: None })
}

fn take_away(running: &Running, options: &Options) -> Result<()> {
    let now = || UNIX_EPOCH.elapsed().map(|since| since.as_secs()).unwrap_or_default();
    let seed = options.seed.unwrap_or_else(now);
    let sample = options.sample.unwrap_or(u32::MAX);
    say(&match options.sample {
        Some(count) => format!(
            "\n— {count} permissions: again with `cargo xtask permissions --sample {count} --seed {seed}`"
        ),
        None => format!("\n— all permissions, seed {seed}"),
    });
    let mut test = cargo(&["test", "--locked", "--package", "end-to-end", "--test", "it", "denied"]);
    test.args(["--", "--ignored", "--nocapture"]);
    found_by(&mut test, &running.place());
    test.env("PERMISSIONS_SEED", seed.to_string())
        .env("PERMISSIONS_SAMPLE", sample.to_string())
        .env("PERMISSIONS_ONLY", options.only.as_deref().unwrap_or_default());
    check("a function that lost a permission says so and loses nothing", test, "see what it names")
}
