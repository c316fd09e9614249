//! Support of the end-to-end tests: a Salestrekker stand-in, and access to a deployed stack.

#[path = "stack/mod.rs"]
pub mod stack;
#[path = "stand-in/mod.rs"]
pub mod stand_in;
