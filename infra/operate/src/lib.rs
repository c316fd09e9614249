//! What an operator does: with what was given up (look, send it back, or let it go), with what happened (publish it again),
//! and with organisations.

mod account;
mod ending;
mod letters;
pub mod organisation;
mod redrive;
mod replay;

pub use account::account;
pub use ending::ending;
pub use letters::{Letter, Letters, Selection, Summary};
pub use redrive::Redriven;
pub use replay::{Player, Replay};
