//! `cargo xtask chaos`: random failures on a stack of its own.

use crate::ports::Ports;
use crate::project::{binary, command};
use crate::stack::{Running, found_by};
use crate::template::Template;
use anyhow::Result;
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

/// The options of the program `chaos`, here so that their help needs no build.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The number of tickets
    #[arg(long, default_value_t = 30)]
    tickets: u32,
    /// The number of ticket changes
    #[arg(long, default_value_t = 600)]
    events: u32,
    /// The number of function processes to kill [default: one for 10 changes]
    #[arg(long)]
    kills: Option<u32>,
    /// How many AWS faults to inject: a multiple of the frequencies in tests/faults/rules.yaml, 0 for none
    #[arg(long, default_value_t = 1.0)]
    aws_faults: f64,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

impl Options {
    /// The arguments of the program.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let numbers = [
            ("--seed", Some(self.seed)),
            ("--tickets", Some(self.tickets.into())),
            ("--events", Some(self.events.into())),
            ("--kills", self.kills.map(u64::from)),
        ];
        let numbers =
            numbers.into_iter().filter_map(|(name, number)| Some([name.into(), number?.to_string().into()]));
        let aws_faults = ["--aws-faults".into(), self.aws_faults.to_string().into()];
        numbers.flatten().chain(aws_faults).chain(self.json.then(|| "--json".into())).collect()
    }
}

/// A killed invocation's messages become visible sooner than on AWS, so that a run takes minutes.
const PARAMETERS: &str = "WorkTimeout=6";

/// Starts a stack, breaks it, prints the verdict, stops the stack.
pub(crate) fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let running = Running::start("chaos", Template::Chaos, Ports::default(), PARAMETERS)?;
    let mut chaos = command(binary("chaos"));
    found_by(&mut chaos, &running.place());
    chaos.env("MINISTACK_PID", running.engine()).args(arguments);
    chaos.env("FAULT_PROXY", running.faults().unwrap_or_default());
    let is_good = running.to_its_end("chaos", &mut chaos)?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
