//! The two things that end-to-end tests stand on: a model of Salestrekker, and a way to a deployed stack.

#[path = "stack/mod.rs"]
pub mod stack;
#[path = "stand-in/mod.rs"]
pub mod stand_in;
