//! What differs between the schema that we know and the one that somebody has: every document of the workspace,
//! validated against it, and each difference told with its place and the nearest name.

mod check;
mod differ;
mod documents;
mod fetch;
mod nearest;
mod read;

pub use check::{Mismatch, check};
pub use documents::{Document, documents};
pub use fetch::{config, fetch};
pub use read::{parse, read};
