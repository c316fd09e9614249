//! Processes that outlive a step: started in a group of their own, recorded, and ended by that record.

use crate::steps::{shown, until, useful_line};
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process that was started, with its start time: another process may later get the same id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Started {
    name: String,
    pid: i32,
    since: String,
}

impl Started {
    /// Starts a command in the background, its output in `log`.
    pub(crate) fn start(name: &str, command: &mut Command, log: &Path, next: &str) -> Result<(Self, Child)> {
        let out = File::create(log)?;
        Self::beside(name, command.stdout(out.try_clone()?).stderr(out), next)
    }

    /// Starts a command whose output goes where it is directed, or to this process's own.
    pub(crate) fn beside(name: &str, command: &mut Command, next: &str) -> Result<(Self, Child)> {
        command.stdin(Stdio::null()).process_group(0);
        let child = command.spawn().with_context(|| format!("{name} cannot be started; {next}"))?;
        let pid = i32::try_from(child.id()).context("an invalid process id")?;
        let since = since(pid).unwrap_or_default();
        Ok((Self { name: name.to_owned(), pid, since }, child))
    }

    /// This very process.
    pub(crate) fn this() -> Self {
        let pid = i32::try_from(std::process::id()).unwrap_or_default();
        Self { name: "xtask".to_owned(), pid, since: since(pid).unwrap_or_default() }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> i32 {
        self.pid
    }

    /// Whether it still runs, and is the one that was started.
    pub(crate) fn runs(&self) -> bool {
        since(self.pid).is_some_and(|since| since == self.since)
    }

    /// Stops it and its children: SIGTERM, then SIGKILL after five seconds.
    pub(crate) fn stop(&self) {
        let Some(group) = Pid::from_raw(self.pid).filter(|_| self.runs()) else { return };
        let _ = kill_process_group(group, Signal::TERM);
        if until(Duration::from_secs(5), || (!self.runs()).then_some(())).is_none() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // The leader may be gone before its children.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Why a child process that should run has ended.
pub(crate) fn died(name: &str, log: &Path) -> anyhow::Error {
    let why = useful_line(log).unwrap_or_else(|| "it printed nothing".to_owned());
    anyhow::anyhow!("{name} ended at once: {why} (all of it is in {})", shown(log))
}

/// When a process was started: in the kernel's ticks if /proc has them, else as `ps` prints it. `None` if there is no
/// such process, or only its remains.
fn since(pid: i32) -> Option<String> {
    let stat = format!("/proc/{pid}/stat");
    if Path::new("/proc/self/stat").exists() {
        // Fields after the name, which is in brackets: the first is the state, the twentieth the start (proc(5)).
        let text = fs::read_to_string(stat).ok()?;
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        return (state != "Z").then(|| fields.nth(18).map(str::to_owned))?;
    }
    test_kill_process(Pid::from_raw(pid)?).ok()?;
    let ps = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    let text = String::from_utf8_lossy(&ps.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}
