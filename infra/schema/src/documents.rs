//! Every GraphQL document of the workspace: the system's own, and those that handlers bring.

use anyhow::{Context as _, Result};
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The folders that documents stand in.
const FOLDERS: [&str; 2] = ["functions", "shared/src"];

/// A document in its file.
#[derive(Debug, Clone)]
pub struct Document {
    /// The file, from the project's root.
    pub file: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// The documents of the project at `root`, by file.
///
/// # Errors
/// Where a folder or a file cannot be read.
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
