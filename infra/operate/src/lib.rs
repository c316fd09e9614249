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
pub use dry_run::{Dry, Tried, events};
pub use ending::ending;
pub use erase::{Eraser, Found, Subject};
pub use letters::{Letter, Letters, Selection, Summary};
pub use moment::moment;
pub use redrive::Redriven;
pub use replay::{Player, Replay};
pub use serving::Serving;
pub use smoke::{Check, Smoke};
