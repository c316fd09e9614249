//! A handler written into the project, and taken out of it: all of it, or nothing.

use crate::folder::New;
use crate::table::{self, Row};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes the folder of a handler, its line in the table, its name in the loop, and its place in Cargo.lock.
///
/// # Errors
/// Where its name is taken, or a file cannot be written; then nothing is changed.
pub fn add(root: &Path, new: &New) -> Result<()> {
    let (folder, template, lock) =
        (folder(root, new), read(root, "template.yaml")?, read(root, "Cargo.lock")?);
    let row = new.row();
    let name = row.text("Name").unwrap_or_default();
    if folder.exists() {
        bail!("functions/{name} exists already; choose another name");
    }
    if lock.contains(&format!("\nname = \"{name}\"\n")) {
        bail!("`{name}` is the name of a package that the project uses; choose another");
    }
    let more = table::with(&template, &row)?;
    let write = || {
        for (path, text) in new.files() {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            fs::write(path, text)?;
        }
        fs::write(root.join("template.yaml"), more)?;
        update_lock(root)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::write(root.join("template.yaml"), &template);
        let _ = fs::write(root.join("Cargo.lock"), &lock);
    })
}

/// Takes a handler out: its folder where it is as it was written, its line, its name in the loop, its place in Cargo.lock.
///
/// # Errors
/// Where there is no such handler; where its folder was edited, and `force` does not say that it goes all the same.
pub fn remove(root: &Path, name: &str, force: bool) -> Result<()> {
    let template = read(root, "template.yaml")?;
    let row = row(&template, name)?;
    let folder = root.join("functions").join(name);
    if !force && let Some(edited) = first_edited(&folder, &row)? {
        bail!("functions/{name}/{edited} is not as new-handler wrote it; --force removes it all the same");
    }
    fs::write(root.join("template.yaml"), table::without(&template, &row.id)?)?;
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("functions/{name} cannot be removed"))?;
    }
    update_lock(root)
}

/// The line of the handler in this folder.
///
/// # Errors
/// Where the table has none.
pub fn row(template: &str, name: &str) -> Result<Row> {
    let rows = table::rows(template)?;
    let names: Vec<_> = rows.iter().filter_map(|row| row.text("Name")).collect();
    let missing = || format!("template.yaml has no handler `{name}`; it has {}", names.join(", "));
    rows.iter().find(|row| row.text("Name").as_deref() == Some(name)).cloned().with_context(missing)
}

/// A file of the project.
///
/// # Errors
/// Where it cannot be read.
pub fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("{path} cannot be read"))
}

fn folder(root: &Path, new: &New) -> PathBuf {
    root.join("functions").join(new.row().text("Name").unwrap_or_default())
}

/// The first file in a handler's folder that is not as it was written, one too many or one too few.
fn first_edited(folder: &Path, row: &Row) -> Result<Option<String>> {
    let name = row.text("Name").unwrap_or_default();
    let reads = row.text("ApiAccess").as_deref() == Some("api-token");
    let Ok(new) = New::parse(&name, &row.list("Events"), reads) else {
        return Ok(Some("src/main.rs".to_owned()));
    };
    let mut there = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop().filter(|_| folder.exists()) {
        for entry in fs::read_dir(next)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { there.push(path) }
        }
    }
    let files = new.files();
    let changed = files
        .iter()
        .find(|(path, text)| fs::read_to_string(folder.join(path)).is_ok_and(|there| there != *text));
    let more = there
        .iter()
        .filter_map(|path| path.strip_prefix(folder).ok())
        .find(|path| !files.iter().any(|(own, _)| Path::new(own) == *path));
    Ok(changed.map(|(path, _)| (*path).to_owned()).or_else(|| more.map(|path| path.display().to_string())))
}

/// Lets cargo write the workspace's members into Cargo.lock, without the network and with nothing else moved.
fn update_lock(root: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1"]).current_dir(root);
    let output = cargo.output().context("cargo cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo does not take Cargo.lock up: {}", said.lines().next().unwrap_or("it said nothing"));
    }
    Ok(())
}
