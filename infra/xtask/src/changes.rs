//! Which files were saved, and what must be built or deployed because of them.

use crate::project::root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// The files and folders that are watched, from the project's root.
const WATCHED: [&str; 10] = [
    "functions",
    "shared",
    "template.yaml",
    "infra/stacks/store.yaml",
    "infra/stacks/roles.yaml",
    "infra/stacks/alarms.yaml",
    "samconfig.toml",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
];
/// An editor, a formatter or a checkout has finished if nothing was saved for this long,
const QUIET: Duration = Duration::from_millis(120);
/// and a change that includes the template may be one of several files.
const QUIET_WITH_TEMPLATE: Duration = Duration::from_millis(900);

/// The files as they were at the last call.
#[derive(Debug)]
pub(crate) struct Watched {
    files: Files,
    pending: BTreeSet<PathBuf>,
    last: Instant,
}

type Files = BTreeMap<PathBuf, (SystemTime, u64)>;

/// What must be done about saved files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// The template or one that it nests changed: everything is built and deployed.
    pub(crate) deploy: bool,
    /// Something that all functions share changed.
    pub(crate) all: bool,
    /// These functions changed.
    pub(crate) functions: BTreeSet<String>,
}

impl Watched {
    /// As they are now.
    pub(crate) fn new() -> Self {
        Self { files: scan(&root()), pending: BTreeSet::new(), last: Instant::now() }
    }

    /// The files saved since the last call, from the project's root, once no more are being saved.
    pub(crate) fn saved(&mut self) -> Option<BTreeSet<PathBuf>> {
        let files = scan(&root());
        let changed = difference(&self.files, &files);
        if !changed.is_empty() {
            self.last = Instant::now();
            self.pending.extend(changed);
            self.files = files;
        }
        let work = Work::about(&self.pending);
        let quiet = if work.deploy { QUIET_WITH_TEMPLATE } else { QUIET };
        let is_done = !self.pending.is_empty() && self.last.elapsed() >= quiet;
        is_done.then(|| std::mem::take(&mut self.pending))
    }

    /// How long ago the newest of these files was saved.
    pub(crate) fn since(&self, paths: &BTreeSet<PathBuf>) -> Duration {
        let youngest = paths.iter().filter_map(|path| self.files.get(path)).map(|(saved, _)| *saved).max();
        youngest.and_then(|saved| saved.elapsed().ok()).unwrap_or_default()
    }
}

impl Work {
    /// What these paths mean, from the project's root.
    pub(crate) fn about<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let mut work = Self::default();
        for path in paths {
            let mut parts = path.iter().filter_map(|part| part.to_str());
            match (parts.next(), parts.next()) {
                (Some("functions"), Some(name)) => {
                    work.functions.insert(name.to_owned());
                }
                (Some("template.yaml" | "samconfig.toml"), None) | (Some("infra"), _) => work.deploy = true,
                _ => work.all = true,
            }
        }
        work
    }
}

fn difference(before: &Files, after: &Files) -> BTreeSet<PathBuf> {
    let changed = after.iter().filter(|(path, seen)| before.get(*path) != Some(*seen)).map(|(path, _)| path);
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    changed.chain(gone).cloned().collect()
}

/// Every watched file. One that is deleted meanwhile is left out.
fn scan(root: &Path) -> Files {
    let mut files = Files::new();
    let mut ahead: Vec<PathBuf> = WATCHED.iter().map(|name| root.join(name)).collect();
    while let Some(path) = ahead.pop() {
        let Ok(about) = fs::metadata(&path) else { continue };
        if about.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path());
            ahead.extend(entries.filter(|entry| !is_an_editors(entry)));
        } else if let (Ok(saved), Ok(own)) = (about.modified(), path.strip_prefix(root)) {
            files.insert(own.to_owned(), (saved, about.len()));
        }
    }
    files
}

/// Whether a file or a folder is an editor's own: hidden, a backup, or vim's test file.
fn is_an_editors(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with(['.', '#']) || name.ends_with(['~', '#']) || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(paths: &[&str]) -> Work {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        Work::about(&paths)
    }

    #[test]
    fn a_path_says_what_is_to_be_done() {
        let functions = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let own = about(&["functions/label-on-new-ticket/src/main.rs", "functions/reconciler/Cargo.toml"]);
        assert_eq!(own.functions, functions(&["label-on-new-ticket", "reconciler"]));
        assert!(!own.all && !own.deploy);
        for shared in [
            "shared/src/model/event/mod.rs",
            "shared/schema/salestrekker.graphql",
            "Cargo.lock",
            "Cargo.toml",
        ] {
            assert_eq!(about(&[shared]), Work { all: true, ..Work::default() }, "{shared}");
        }
        let new = about(&["functions/new/src/main.rs", "template.yaml"]);
        assert_eq!(new, Work { deploy: true, all: false, functions: functions(&["new"]) });
    }

    #[test]
    fn every_template_that_the_template_nests_is_watched_and_deployed() {
        let template = fs::read_to_string(root().join("template.yaml")).unwrap();
        let nested: Vec<&str> =
            template.lines().filter_map(|line| line.trim().strip_prefix("Location: ")).collect();
        assert!(nested.len() > 1, "{nested:?}");
        for path in nested {
            assert!(WATCHED.contains(&path), "{path}");
            assert_eq!(about(&[path]), Work { deploy: true, ..Work::default() }, "{path}");
        }
    }

    #[test]
    fn saved_new_and_removed_files_are_changes_and_editors_files_are_not() {
        let root = std::env::temp_dir().join(format!("xtask-changes-{}", std::process::id()));
        let source = root.join("functions/one/src");
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("main.rs"), "fn main() {}").unwrap();
        fs::write(source.join("old.rs"), "").unwrap();
        let before = scan(&root);
        assert_eq!(before.len(), 2);
        fs::write(source.join("main.rs"), "fn main() { work() }").unwrap();
        fs::write(source.join("new.rs"), "").unwrap();
        fs::remove_file(source.join("old.rs")).unwrap();
        for editors in [".main.rs.swp", "main.rs~", "4913", "#main.rs#"] {
            fs::write(source.join(editors), "").unwrap();
        }
        fs::write(root.join("README.md"), "").unwrap();
        let changed = difference(&before, &scan(&root));
        let names: Vec<_> = changed.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["main.rs", "new.rs", "old.rs"]);
        assert_eq!(difference(&scan(&root), &scan(&root)), BTreeSet::new());
        fs::remove_dir_all(&root).unwrap();
    }
}
