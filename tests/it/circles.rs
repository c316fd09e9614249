//! No two files import each other: a reader of one must not need the other first.

use crate::tidy::{root, rust_files};
use anyhow::{Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path within its crate; empty for the crate's root.
type Module = Vec<String>;

#[test]
fn no_two_files_import_each_other() -> Result<()> {
    let mut sources = vec!["shared/src".to_owned(), "infra/cli/src".to_owned()];
    for folder in fs::read_dir(root().join("functions"))? {
        sources.push(format!("functions/{}/src", folder?.file_name().to_string_lossy()));
    }
    let mut seen = 0;
    let mut circles = Vec::new();
    for source in sources {
        let mut codes = BTreeMap::new();
        for file in rust_files(&source)? {
            let text = fs::read_to_string(&file)?;
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            codes.insert(module(file.strip_prefix(root().join(&source))?), code);
        }
        let modules: BTreeSet<&Module> = codes.keys().collect();
        let imports: BTreeMap<&Module, BTreeSet<Module>> =
            codes.iter().map(|(own, code)| (own, imports(code, own, &modules))).collect();
        for (one, others) in &imports {
            seen += others.len();
            let back = others.iter().filter(|other| *one < *other && imports[other].contains(*one));
            circles
                .extend(back.map(|other| format!("{source}: {} and {}", one.join("::"), other.join("::"))));
        }
    }
    ensure!(seen > 100, "only {seen} imports were read");
    ensure!(circles.is_empty(), "files that import each other: {circles:?}");
    Ok(())
}

fn module(path: &Path) -> Module {
    let names = path.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
    names.filter(|name| !["mod", "lib", "main"].contains(&name.as_str())).collect()
}

/// The modules whose items a file imports. A re-export is not an import: it needs nothing of what it passes on.
fn imports(code: &str, own: &Module, modules: &BTreeSet<&Module>) -> BTreeSet<Module> {
    let statements = code.split(';').filter_map(|statement| {
        statement.trim_start().rsplit("\n\n").next()?.trim_start().strip_prefix("use ")
    });
    let mut found = BTreeSet::new();
    for path in statements.flat_map(|statement| paths("", &statement.split_whitespace().collect::<String>()))
    {
        let mut parts = path.split("::").map(str::to_owned).peekable();
        let mut base: Module = match parts.peek().map(String::as_str) {
            Some("crate") => Module::new(),
            Some("super" | "self") => own.clone(),
            Some(first) if modules.contains(&[own.as_slice(), &[first.to_owned()]].concat()) => own.clone(),
            _ => continue,
        };
        for part in parts.by_ref() {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(base.pop()),
                _ => base.push(part),
            }
        }
        while !modules.contains(&base) {
            base.pop();
        }
        if base != *own {
            found.insert(base);
        }
    }
    found
}

/// Each path of a `use`, with its braces written out.
fn paths(prefix: &str, text: &str) -> Vec<String> {
    let Some((head, rest)) = text.split_once('{') else { return vec![format!("{prefix}{text}")] };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut start, mut all) = (0_usize, 0, Vec::new());
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let part = inner.get(start..at).unwrap_or_default();
                if !part.is_empty() {
                    all.extend(paths(&format!("{prefix}{head}"), part));
                }
                start = at.saturating_add(1);
            }
            _ => {}
        }
    }
    all
}
