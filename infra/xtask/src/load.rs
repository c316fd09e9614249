//! `cargo xtask load`: fills the table of a stack of its own, and measures the console's pages over it.

use crate::checks::{cargo, check};
use crate::ports::Ports;
use crate::stack::{Running, found_by};
use crate::template::Template;
use anyhow::Result;

/// Starts a stack, fills it and measures, stops the stack.
pub(crate) fn run() -> Result<()> {
    let running = Running::start("load", Template::Suite, Ports::default(), "")?;
    let mut test = cargo(&["test", "--locked", "--package", "end-to-end", "--test", "it", "load::"]);
    test.args(["--", "--ignored", "--nocapture"]);
    found_by(&mut test, &running.place());
    check("the console over 100,000 events and 5,000 dead letters", test, "see what it names")
}
