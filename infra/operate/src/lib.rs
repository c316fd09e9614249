//! What an operator does: with what was given up (look, send it back, or let it go), with what happened (publish it again, see
//! what a handler would do about it, or erase it), and with organisations.

mod account;
mod dry_run;
mod ending;
mod erase;
mod letters;
mod moment;
pub mod organisation;
mod queues;
mod redrive;
mod replay;
mod serving;
mod smoke;

pub use account::Account;
pub use dry_run::{DryRunResult, HandlerUnderTest, events};
pub use ending::ending;
pub use erase::{Eraser, StoredData, Subject};
pub use letters::{DeadLetter, DeadLetterQueues, Selection, Summary};
pub use moment::moment;
pub use redrive::Redriven;
pub use replay::{Replay, Replayer};
pub use serving::AliasCheck;
pub use smoke::{Check, Smoke};
