//! A run over many things: its limit, its rate, its progress, and its early end when the operator presses Ctrl-C.

use crate::audit::Tally;
use crate::report::say;
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal as _;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// A run that takes longer shows how far it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where no terminal is, a line is printed this often.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
/// Things that are done together, at most, if nothing limits the rate.
const AT_ONCE: usize = 100;

/// How much a run does, and how fast.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Limits {
    /// Do at most this many, the oldest first; the same command again does the next ones
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<NonZeroUsize>,
    /// Do at most this many a second
    #[arg(long, value_name = "NUMBER")]
    pub rate: Option<NonZeroU32>,
}

/// One run.
#[derive(Debug)]
pub struct Bulk {
    limit: Option<usize>,
    ticks: Option<tokio::sync::Mutex<Interval>>,
    /// Done together at most.
    at_once: usize,
    stop: Option<watch::Receiver<bool>>,
    progress: Option<Progress>,
    /// What it did so far.
    pub tally: Arc<Tally>,
}

/// How far a run is, for its operator.
#[derive(Debug)]
struct Progress {
    /// What was done, such as `sent back`.
    done: &'static str,
    json: bool,
    began: Instant,
    shown: Mutex<Shown>,
}

#[derive(Debug, Default)]
struct Shown {
    total: Option<u64>,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
}

impl Default for Bulk {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Bulk {
    /// Within these limits, without showing anything.
    pub fn new(Limits { limit, rate }: Limits) -> Self {
        let ticks = rate.map(|rate| {
            let mut ticks =
                interval(Duration::from_secs_f64(1.0 / f64::from(rate.get())).max(Duration::from_nanos(1)));
            // After a slow request, not several at once.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            tokio::sync::Mutex::new(ticks)
        });
        let per_tenth = rate.and_then(|rate| usize::try_from(rate.get().div_euclid(10)).ok());
        Self {
            limit: limit.map(NonZeroUsize::get),
            ticks,
            at_once: per_tenth.unwrap_or(AT_ONCE).clamp(1, AT_ONCE),
            stop: None,
            progress: None,
            tally: Arc::default(),
        }
    }

    /// The same, ended by Ctrl-C, with its progress on standard error: `done` is what was done, such as `sent back`.
    #[must_use]
    pub fn attended(mut self, done: &'static str, json: bool) -> Self {
        self.stop = Some(stop_on_ctrl_c());
        self.progress = Some(Progress { done, json, began: Instant::now(), shown: Mutex::default() });
        self
    }

    /// The same, ended as soon as this is true.
    #[must_use]
    pub fn until(mut self, stop: watch::Receiver<bool>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The same, which says to others what it did so far.
    #[must_use]
    pub(crate) fn tallied(mut self, tally: Arc<Tally>) -> Self {
        self.tally = tally;
        self
    }

    /// How many of the next ones may be done now, when it is their turn; 0 if the run is over.
    pub async fn next(&self, wanted: usize) -> usize {
        let done = usize::try_from(self.tally.changed()).unwrap_or(usize::MAX);
        let left = self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(done));
        let number = wanted.min(left).min(self.at_once);
        if number == 0 || self.is_stopped() {
            return 0;
        }
        let Some(ticks) = &self.ticks else { return number };
        let mut ticks = ticks.lock().await;
        for _ in 0..number {
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.stopped() => return 0,
            }
        }
        number
    }

    /// This many more were done.
    pub fn did(&self, number: usize) {
        self.tally.add(number);
        if let Some(progress) = &self.progress {
            progress.show(self.tally.changed());
        }
    }

    /// There are this many, those that were done included.
    pub fn expects(&self, total: usize) {
        if let Some(progress) = &self.progress {
            let total = self.limit.map_or(total, |limit| total.min(limit));
            progress.shown().total = u64::try_from(total).ok();
        }
    }

    /// Whether the operator ended it. If so, the audit says so.
    pub fn is_stopped(&self) -> bool {
        let is_stopped = self.stop.as_ref().is_some_and(|stop| *stop.borrow());
        if is_stopped {
            self.tally.interrupted();
        }
        is_stopped
    }

    /// Removes what shows the progress.
    pub fn ends(&self) {
        if let Some(bar) = self.progress.as_ref().and_then(|progress| progress.shown().bar.take()) {
            bar.finish_and_clear();
        }
    }

    async fn stopped(&self) {
        let Some(mut stop) = self.stop.clone() else { return std::future::pending().await };
        if stop.wait_for(|is_stopped| *is_stopped).await.is_err() {
            // Nothing can end it any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Progress {
    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, changed: u64) {
        if self.began.elapsed() < PATIENCE {
            return;
        }
        let mut shown = self.shown();
        if std::io::stderr().is_terminal() && !self.json {
            let total = shown.total;
            let bar = shown.bar.get_or_insert_with(|| bar(self.done));
            if let Some(total) = total {
                bar.set_length(total.max(changed));
            }
            bar.set_position(changed);
            return;
        }
        if shown.last.is_some_and(|last| last.elapsed() < BETWEEN_LINES) {
            return;
        }
        shown.last = Some(Instant::now());
        say(&line(self.done, changed, shown.total, self.json));
    }
}

fn line(done: &str, changed: u64, total: Option<u64>, json: bool) -> String {
    match (json, total) {
        (true, total) => json!({ "progress": { "done": changed, "of": total } }).to_string(),
        (false, Some(total)) => format!("… {changed} of {} {done}", total.max(changed)),
        (false, None) => format!("… {changed} {done}"),
    }
}

fn bar(done: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} {msg}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.with_message(done)
}

/// True from the first Ctrl-C on: what is being done is finished, and the run says how to go on.
fn stop_on_ctrl_c() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            say("\nstopping after what is being done now …");
            // There is no receiver if the run is over.
            let _ = sender.send(true);
        }
        // Kept, so that the run can wait for it.
        sender.closed().await;
    });
    receiver
}

/// An option of a command line, with its value quoted for a shell if it needs to be.
pub(crate) fn option(name: &str, value: &impl ToString) -> String {
    format!("--{name} {}", quoted(&value.to_string()))
}

/// A word of a command line, quoted for a shell if it needs to be.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.:/@+,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(limit: usize, rate: u32) -> Limits {
        Limits { limit: NonZeroUsize::new(limit), rate: NonZeroU32::new(rate) }
    }

    #[tokio::test]
    async fn a_limit_ends_a_run() {
        let bulk = Bulk::new(limits(3, 0));
        assert_eq!(bulk.next(2).await, 2);
        bulk.did(2);
        assert_eq!(bulk.next(2).await, 1);
        bulk.did(1);
        assert_eq!((bulk.next(2).await, bulk.tally.changed()), (0, 3));
        assert_eq!(Bulk::default().next(5_000).await, AT_ONCE);
    }

    #[tokio::test]
    async fn a_rate_spreads_a_run_over_time_and_never_makes_up_for_a_slow_request() {
        let bulk = Bulk::new(limits(0, 50));
        let ticks = async |number: u32| {
            let began = Instant::now();
            for _ in 0..number {
                assert_eq!(bulk.next(1).await, 1);
            }
            began.elapsed()
        };
        assert!(ticks(6).await >= Duration::from_millis(95), "20 ms between two of them");
        automations::clock::pause(Duration::from_millis(200)).await;
        assert!(ticks(6).await >= Duration::from_millis(75), "not ten at once");
        assert_eq!(Bulk::new(limits(0, 5)).next(100).await, 1, "one at a time");
        assert_eq!(Bulk::new(limits(0, 100)).next(100).await, 10);
    }

    #[tokio::test]
    async fn an_operator_ends_a_run_also_while_it_waits_for_its_turn() {
        let (sender, receiver) = watch::channel(false);
        let bulk = Bulk::new(limits(0, 1)).until(receiver);
        assert_eq!(bulk.next(1).await, 1);
        let waits = bulk.next(1);
        sender.send(true).unwrap();
        assert_eq!(waits.await, 0);
        assert!(bulk.is_stopped() && bulk.next(1).await == 0);
    }

    #[test]
    fn progress_is_a_line_or_json() {
        assert_eq!(line("sent back", 3, Some(9), false), "… 3 of 9 sent back");
        assert_eq!(line("sent back", 3, None, false), "… 3 sent back");
        assert_eq!(line("sent back", 3, Some(9), true), r#"{"progress":{"done":3,"of":9}}"#);
    }

    #[test]
    fn a_value_is_quoted_for_a_shell() {
        assert_eq!(option("label", &"VIP"), "--label VIP");
        assert_eq!(option("label", &"O'Neil & co"), r"--label 'O'\''Neil & co'");
        assert_eq!(option("label", &""), "--label ''");
    }
}
