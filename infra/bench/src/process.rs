//! Memory and CPU time of a process, from `/proc`.

use anyhow::{Context as _, Result};
use std::fs;
use std::time::Duration;

/// Peak resident memory in KiB: `VmHWM`.
pub(crate) fn peak_kib(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    field(&status, "VmHWM:").context("/proc/PID/status has no VmHWM")
}

/// CPU time of all threads, in nanosecond resolution: the first number of each thread's `schedstat`. The functions keep
/// their threads, so the time of ended threads is not missed.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let mut sum = 0_u64;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between listing and reading it.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let time = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        sum = sum.saturating_add(time.context("a thread's schedstat has no CPU time")?);
    }
    Ok(Duration::from_nanos(sum))
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let pid = std::process::id();
        assert!(peak_kib(pid).unwrap() > 100);
        assert!(cpu(pid).unwrap() > Duration::ZERO);
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let status = "VmPeak:\t   9 kB\nVmHWM:\t    4321 kB\n";
        assert_eq!((field(status, "VmHWM:"), field(status, "VmSwap:")), (Some(4_321), None));
    }
}
