//! `cargo xtask demo`: one webhook becomes one action, seen from end to end.

use crate::ports::Ports;
use crate::project::{binary, command};
use crate::stack::{Running, found_by};
use crate::template::Template;
use anyhow::{Context as _, Result, bail};

/// Starts a stack of its own, sends the webhook, prints the timeline, stops the stack.
pub(crate) fn run(json: bool) -> Result<()> {
    let running = Running::start("demo", Template::Suite, Ports::default(), "")?;
    let mut demo = command(binary("demo"));
    found_by(&mut demo, &running.place());
    if json {
        demo.arg("--json");
    }
    let status = demo.status().context("the demonstration cannot be started; run the command again")?;
    if !status.success() {
        bail!(
            "the webhook did not become an action; see .local/log/demo-ministack.log for what the functions logged"
        );
    }
    Ok(())
}
