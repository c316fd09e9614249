//! Invented tickets, events and actions for the tests of handlers.

mod decided;
mod draft;
mod fixtures;
mod samples;

pub use decided::assert_decides;
pub use draft::{Draft, a_ticket};
pub use fixtures::{event, ticket};
pub use samples::{
    action_of_each_kind, after_collection, after_quiet_period, contact, fired, one_of_each, posted,
    stage_changed,
};

use futures::FutureExt as _;

/// The decision of a handler that reads from a [`crate::handler::reading::Memory`], which never waits.
///
/// # Panics
/// If it waits for anything else.
#[expect(clippy::expect_used, reason = "a test should fail if its handler waits")]
pub fn at_once<T>(decision: impl Future<Output = T>) -> T {
    decision.now_or_never().expect("a handler must only wait for what it reads")
}
