//! What the SAM CLI built for the stack that the tests run on.

use crate::tidy::{read, root};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The folder of the build, from the project's root.
const BUILD: &str = ".local/sam/suite";
/// webhook-ingest, event-enricher, action-worker, reconciler, credential-rotator, alarm-notifier, version-check.
const SYSTEM_FUNCTIONS: usize = 7;

/// A loop whose `CodeUri` SAM does not understand builds without an error, and every function gets the first one's binary.
#[test]
fn every_built_function_is_a_binary_of_its_own() -> Result<()> {
    let mut built = BTreeMap::new();
    for folder in fs::read_dir(root().join(BUILD))? {
        let bootstrap = folder?.path().join("bootstrap");
        if bootstrap.is_file() {
            built.insert(fs::read(&bootstrap)?, bootstrap);
        }
    }
    let handlers: BTreeSet<String> = handlers()?.into_values().collect();
    let expected = SYSTEM_FUNCTIONS.saturating_add(handlers.len());
    assert_eq!(built.len(), expected, "{:?}", built.values());
    Ok(())
}

/// Compares each handler's code in the built template with the table: its folder contains the binary of this handler and of no
/// other.
#[test]
fn every_built_handler_is_the_one_that_the_table_says() -> Result<()> {
    let names = handlers()?;
    let folders: BTreeSet<&String> = names.values().collect();
    assert!(folders.len() > 1, "one handler alone proves nothing: {names:?}");
    let built = read(&format!("{BUILD}/template.yaml"))?;
    let lines = built.lines().skip_while(|line| line.trim() != "SAMCodeUriHandlers:").skip(1);
    let lines: Vec<&str> = lines.take_while(|line| line.starts_with("    ")).map(str::trim).collect();
    let codes: BTreeMap<&str, &str> = lines
        .chunks_exact(2)
        .filter_map(|pair| Some((pair[0].strip_suffix(':')?, pair[1].strip_prefix("CodeUri: ")?)))
        .collect();
    assert_eq!(codes.keys().copied().collect::<BTreeSet<_>>(), names.keys().map(String::as_str).collect());
    for (id, folder) in &names {
        let binary = fs::read(root().join(BUILD).join(codes[id.as_str()]).join("bootstrap"))?;
        let says = |name: &str| binary.windows(name.len()).any(|bytes| bytes == name.as_bytes());
        let said: Vec<&String> = folders.iter().copied().filter(|name| says(name)).collect();
        assert_eq!(said, [folder], "the code of {id}");
    }
    Ok(())
}

/// The handlers of the tests' table: the name in the loop, and the folder of the code.
fn handlers() -> Result<BTreeMap<String, String>> {
    let table = read("tests/handlers.yaml")?;
    let mut handlers = BTreeMap::new();
    let mut id = "";
    for line in table.lines().map(str::trim) {
        if let Some(folder) = line.strip_prefix("Code: functions/") {
            handlers.insert(id.to_owned(), folder.to_owned());
        }
        id = line.strip_suffix(':').unwrap_or(id);
    }
    Ok(handlers)
}
