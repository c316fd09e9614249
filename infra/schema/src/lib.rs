//! Checks the GraphQL documents of the workspace against a schema, and reports each mismatch with its file, line and the
//! nearest name. Also fetches the vendor's schema.

mod adopt;
mod check;
mod common_fields;
mod differ;
mod documents;
mod fetch;
mod mismatch;
mod read;
mod variables;

pub use adopt::{Adoption, Line, Unmapped, adopt};
pub use check::check;
pub use documents::{Document, documents};
pub use fetch::fetch;
pub use mismatch::Mismatch;
pub use read::{parse, read};
