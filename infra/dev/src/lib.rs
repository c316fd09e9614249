//! The parts of `cargo xtask dev`: the functions' log lines and each event's timeline as they arrive, and the replacement of a
//! function's code on the running local stack.

pub mod entries;
pub mod line;
pub mod log_format;
pub mod swap;
pub mod tail;
pub mod timeline;
