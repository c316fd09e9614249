//! One command at a time builds and deploys: two at once would overwrite each other's build.

use crate::project::local;
use crate::steps::say;
use anyhow::{Context as _, Result};
use std::fs::{self, File, TryLockError};
use std::io::{Seek as _, Write as _};

/// This command's turn, which ends when it is dropped, or with the process.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "the lock lives as long as the file is open")] File);

/// Waits until no other command of this project builds or deploys, and says so if it must.
pub(crate) fn take() -> Result<Turn> {
    fs::create_dir_all(local())?;
    let path = local().join("build.lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let owner = fs::read_to_string(&path).unwrap_or_default();
            say(&format!("  … waiting: another command builds or deploys here ({})", owner.trim()));
            file.lock().context("cannot wait for the build lock")?;
        }
        Err(TryLockError::Error(error)) => return Err(error).context("cannot take the build lock"),
    }
    file.set_len(0)?;
    file.rewind()?;
    let command: Vec<String> = std::env::args().skip(1).take(1).collect();
    writeln!(file, "cargo xtask {}, process {}", command.join(" "), std::process::id())?;
    Ok(Turn(file))
}
