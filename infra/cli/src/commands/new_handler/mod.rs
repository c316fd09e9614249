//! `automations new-handler` and `remove-handler`: a handler written into the checkout, and removed from it: all of it, or nothing.

pub mod events;
mod files;

use crate::checkout;
use crate::exit_code::{Exit, Usage};
use crate::report::print;
use crate::template_table::{self, Row};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use files::New;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Write a new handler: its folder, its entry in template.yaml, its name in Cargo.lock
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example: automations new-handler label-on-new-ticket --on ticket.created")]
pub struct Arguments {
    /// Its name, which is also its folder's: the effect and the cause, as in label-on-new-ticket
    #[arg(value_name = "NAME")]
    name: String,
    /// A kind of event that it subscribes to, as in ticket.created; repeat it for more
    #[arg(long, required = true, value_name = "EVENT_TYPE")]
    on: Vec<String>,
    /// Give it a read-only API client, because its event does not carry everything that it needs
    #[arg(long)]
    reads: bool,
}

/// Remove what `new-handler` wrote
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Example: automations remove-handler label-on-new-ticket")]
pub struct RemoveArguments {
    /// Its `Name` in template.yaml
    #[arg(value_name = "NAME")]
    name: String,
    /// Remove it although its files were edited
    #[arg(long)]
    force: bool,
}

/// Runs `automations new-handler`.
///
/// # Errors
/// If the name is taken or not valid, there is no such event, or a file cannot be written.
pub fn run(arguments: &Arguments) -> Result<Exit> {
    let Arguments { name, on, reads } = arguments;
    add(&checkout::required("new-handler")?, &New::parse(name, on, *reads)?)?;
    let width = name.len().saturating_add("functions//src/main.rs".len()).saturating_add(2);
    let code = format!("functions/{name}/src/main.rs");
    print(&format!("{code:<width$}its `decide`, its settings and a test: the file to edit"))?;
    print(&format!("{:<width$}its entry in the table of handlers, with its settings", "template.yaml"))?;
    print(
        "It starts in dry run: deployed, it logs its actions and sends none. To switch it on, set DryRun: \"false\" in its entry.",
    )?;
    print(&format!("next: cargo test -p {name}"))?;
    Ok(Exit::Done)
}

/// Runs `automations remove-handler`.
///
/// # Errors
/// If there is no such handler, it was edited, or a file cannot be written.
pub fn run_remove(arguments: &RemoveArguments) -> Result<Exit> {
    let RemoveArguments { name, force } = arguments;
    let removed = remove(&checkout::required("remove-handler")?, name, *force)?;
    print(&format!("{removed} removed"))?;
    Ok(Exit::Done)
}

/// Writes the folder of a handler, its entry in the table, its name in the loop and in Cargo.lock.
///
/// # Errors
/// If its name is taken, or a file cannot be written; then nothing is changed.
fn add(root: &Path, new: &New) -> Result<()> {
    let (folder, template, lock) =
        (folder(root, new), read(root, "template.yaml")?, read(root, "Cargo.lock")?);
    let row = new.row();
    let name = row.text("Name").unwrap_or_default();
    if folder.exists() {
        return Err(Usage(format!("functions/{name} exists already; choose another name")).into());
    }
    if lock.contains(&format!("\nname = \"{name}\"\n")) {
        return Err(Usage(format!(
            "`{name}` is the name of a package that the project uses; choose another"
        ))
        .into());
    }
    row.subscription()?;
    let more = template_table::with(&template, &row)?;
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

/// Removes a handler: its entry, its name in the loop and in Cargo.lock, and its code, unless another entry has the same code.
/// Returns what was removed.
///
/// # Errors
/// If there is no such handler, or its code was edited and `force` is not given.
fn remove(root: &Path, name: &str, force: bool) -> Result<String> {
    let template = read(root, "template.yaml")?;
    let row = template_table::row(&template, name)?;
    let code = row.text("Code").unwrap_or_else(|| format!("functions/{name}"));
    let is_same = |other: &Row| other.id != row.id && other.text("Code").as_deref() == Some(code.as_str());
    let is_shared = template_table::rows(&template)?.iter().any(is_same);
    let folder = root.join(&code);
    if !force
        && !is_shared
        && let Some(edited) = first_edited(&folder, &row)?
    {
        let text = format!("{code}/{edited} was edited after new-handler wrote it; add --force to remove it");
        return Err(Usage(text).into());
    }
    fs::write(root.join("template.yaml"), template_table::without(&template, &row.id)?)?;
    if is_shared {
        return Ok(format!("the entry of {name} in template.yaml ({code} stays, another handler uses it)"));
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{code} cannot be removed"))?;
    }
    update_lock(root)?;
    Ok(format!("{code} and its entry in template.yaml"))
}

/// A file of the checkout.
///
/// # Errors
/// If it cannot be read.
fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("{path} cannot be read"))
}

fn folder(root: &Path, new: &New) -> PathBuf {
    root.join("functions").join(new.row().text("Name").unwrap_or_default())
}

/// The first file in a handler's folder that is not as it was written, or that was added.
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

/// Lets cargo write the workspace's members into Cargo.lock, without the network.
fn update_lock(root: &Path) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1"]).current_dir(root);
    let output = cargo.output().context("cargo cannot be started")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("cargo cannot update Cargo.lock: {}", said.trim());
    }
    Ok(())
}
