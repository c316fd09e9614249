//! What `cargo xtask dev` shows and swaps while the local stack runs: the functions' log lines as they come, the way of each
//! event through them, and a function's new code in the place of the old.

pub mod entries;
pub mod line;
pub mod log_format;
pub mod swap;
pub mod tail;
pub mod timeline;
