//! The local engine after a deployment: what AWS does and it does not.

use crate::project::{binary, command};
use crate::steps::run_logged;
use anyhow::Result;

/// Runs `tests/stack/fit_engine.rs` on the engine at this port: the batch forms of actions, and FIFO topics.
pub(crate) fn fit(name: &str, port: u16) -> Result<()> {
    let mut fit = command(binary("fit-engine"));
    fit.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    run_logged(&mut fit, &format!("{name}-fit-engine.log"), "run the command again")
}
