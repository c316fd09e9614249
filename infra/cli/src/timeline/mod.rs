//! The timeline of a ticket, an event or an action: what led to what, with times and ids, and why nothing happened where nothing did.
//! It has no store of its own: [`Reader`] reads what is kept, [`assemble`] puts it in order, and `automations timeline` and the console
//! show it.

mod action_parts;
mod assemble;
mod dead;
mod draft;
mod kept;
mod lead;
mod logs;
mod model;
mod read;
mod subscribers;
#[cfg(test)]
mod tests;
mod text;

pub use assemble::assemble;
pub use kept::{DeadMessage, Kept, LastCheck, Lead, LogLine, Subject, Subscriber};
pub use model::{ActionState, Entry, Nothing, Publication, Step, Timeline};
pub use read::{Reader, Wanted};
pub use text::{Line, label, words};
