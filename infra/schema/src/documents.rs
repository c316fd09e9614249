//! The GraphQL documents of the workspace: the system's and the handlers'.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The folders that contain documents.
const FOLDERS: [&str; 2] = ["functions", "shared/src"];

/// A GraphQL document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The path, relative to the project's root.
    pub file: PathBuf,
    /// The content.
    pub text: String,
}

/// The documents of the project at `root`, sorted by file.
///
/// # Errors
/// If a folder or a file cannot be read.
pub fn documents(root: &Path) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for folder in FOLDERS {
        for entry in WalkDir::new(root.join(folder)).sort_by_file_name() {
            let path = entry.with_context(|| format!("{folder} cannot be read"))?.into_path();
            if path.extension().is_some_and(|extension| extension == "graphql") {
                let text = fs::read_to_string(&path)
                    .with_context(|| format!("{} cannot be read", path.display()))?;
                let file = path.strip_prefix(root).unwrap_or(&path).to_owned();
                documents.push(Document { file, text });
            }
        }
    }
    Ok(documents)
}

/// Whether it is one of the system's own, which adoption may rewrite.
pub(crate) fn is_of_system(document: &Document) -> bool {
    document.file.starts_with("shared/src/salestrekker") && name_of(document) != "introspection.graphql"
}

/// The name of its file.
pub(crate) fn name_of(document: &Document) -> &str {
    document.file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
