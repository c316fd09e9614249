//! What an operator does with what was given up: look, send it back, or let it go.

mod letters;
mod redrive;

pub use letters::{Letter, Letters, Selection, Summary};
pub use redrive::Redriven;
