//! A difference between a document and a schema.

use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// A part of a document that the schema does not have, or has with another type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The document's path, relative to the project's root.
    pub file: PathBuf,
    /// The line in the document, starting at 1.
    pub line: usize,
    /// What the document uses.
    pub expected: String,
    /// What the schema has.
    pub found: String,
    /// The most similar name in the schema, if one is similar enough.
    pub nearest: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, expected, found, nearest } = self;
        write!(f, "{}:{line}: expected {expected}\n    the schema has {found}", file.display())?;
        match nearest {
            Some(nearest) => write!(f, "\n    nearest: {nearest}"),
            None => Ok(()),
        }
    }
}
