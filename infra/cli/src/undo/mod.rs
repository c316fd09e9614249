//! What an action did is undone by the opposite action, if nothing has changed the same part of the ticket since. [`Reader`] finds the
//! actions and their tickets' journals, [`judge`] decides, and `automations undo` sends what can be undone to action-worker.

mod judge;
mod opposite;
mod part;
mod read;
#[cfg(test)]
mod tests;
mod words;

pub use judge::{Facts, Undo, Verdict, judge};
pub use read::{Reader, Wanted};
pub use words::{name, words};
