//! Output for the person at the terminal: one line a step, with its time; on standard error, so that standard output holds JSON
//! alone.

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether other processes write to the terminal too, so that no spinner may be drawn.
static IS_SHARED: AtomicBool = AtomicBool::new(false);

/// From now on other processes write to the terminal too: every step is reported in whole lines.
pub(crate) fn share_terminal() {
    IS_SHARED.store(true, Ordering::Relaxed);
}

/// Prints a line that belongs to no step.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints why the command failed: one line, with the next step.
pub(crate) fn fail(error: &anyhow::Error) {
    let red = if std::io::stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    say(&format!("{}error:{} {error:#}", red.0, red.1));
}

/// Does `work` as a step: prints its name while it runs (with a spinner on a terminal), and its time when it is done.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let terminal = std::io::stderr().is_terminal() && !IS_SHARED.load(Ordering::Relaxed);
    let spinner = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}")?;
    spinner.set_style(style);
    spinner.set_message(name.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    if !terminal {
        say(&format!("  … {name}"));
    }
    let start = Instant::now();
    let result = work();
    spinner.finish_and_clear();
    let (mark, seconds) = (if result.is_ok() { "✓" } else { "✗" }, start.elapsed().as_secs_f64());
    say(&format!("  {mark} {name} ({seconds:.1} s)"));
    result
}

/// Runs a command to its end, its output in a log; a failure names the log, its most useful line, and `next`.
pub(crate) fn run_logged(command: &mut Command, log: &str, next: &str) -> Result<()> {
    let path = log_path(log)?;
    let out = File::create(&path)?;
    let name = command.get_program().to_string_lossy().into_owned();
    let name = Path::new(&name).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or(name);
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    let status = command.status().with_context(|| format!("{name} cannot be started; {next}"))?;
    if !status.success() {
        let why = useful_line(&path).unwrap_or_else(|| "it printed nothing".to_owned());
        bail!("{name} failed: {why} (all of it is in {}); {next}", shown(&path));
    }
    Ok(())
}

/// Runs a compiler to its end; a failure shows the errors.
pub(crate) fn run_build(command: &mut Command, log: &str) -> Result<()> {
    let failed = match run_logged(command, log, "fix it and run the command again") {
        Ok(()) => return Ok(()),
        Err(failed) => failed,
    };
    let text = fs::read_to_string(log_path(log)?).unwrap_or_default();
    let errors = text.lines().skip_while(|line| !line.starts_with("error")).take(MAX_SHOWN);
    say(&errors.collect::<Vec<_>>().join("\n"));
    Err(failed)
}

/// Lines of a compiler's errors that are shown.
const MAX_SHOWN: usize = 60;

/// The file of a log, its folder made.
pub(crate) fn log_path(log: &str) -> Result<PathBuf> {
    let folder = crate::project::logs();
    fs::create_dir_all(&folder)?;
    Ok(folder.join(log))
}

/// A path as the person would type it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(crate::project::root()).unwrap_or(path).display().to_string()
}

/// The first line with an error (a compiler's before that of a tool around it), else the last line.
pub(crate) fn useful_line(log: &Path) -> Option<String> {
    let lines: Vec<String> = BufReader::new(File::open(log).ok()?).lines().map_while(Result::ok).collect();
    let starts = |word: &'static str| lines.iter().find(move |line| line.trim_start().starts_with(word));
    let line = starts("error")
        .or_else(|| starts("Error"))
        .or_else(|| lines.iter().rev().find(|line| !line.trim().is_empty()))?;
    Some(line.trim().chars().take(300).collect())
}

/// Tries until it works or the time limit is reached.
pub(crate) fn until<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if start.elapsed() > limit {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "the pause between two checks of a condition")]
        std::thread::sleep(Duration::from_millis(50));
    }
}
