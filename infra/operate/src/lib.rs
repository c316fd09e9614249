//! What an operator does: with what was given up (look, send it back, or let it go), and with what happened (publish it
//! again).

mod account;
mod letters;
mod redrive;
mod replay;

pub use account::account;
pub use letters::{Letter, Letters, Selection, Summary};
pub use redrive::Redriven;
pub use replay::{Player, Replay};
