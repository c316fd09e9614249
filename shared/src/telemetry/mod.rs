//! Logs: one JSON object a line, on standard error (Lambda collects both streams). docs/logging.md says what
//! they may hold: ids, kinds, counts and durations; never a person's data, never a body.

mod event_name;
pub mod metric;
pub mod xray;

pub use event_name::EventName;

use crate::clock;
use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};
pub use tracing::Level;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// A line's time, to the millisecond as everywhere.
struct Millis;

impl FormatTime for Millis {
    fn format_time(&self, line: &mut Writer<'_>) -> std::fmt::Result {
        write!(line, "{}", clock::now())
    }
}

/// Starts logging at this level and metrics under this namespace. A panic logs its location but not its
/// message, which may quote data.
pub fn start(level: Level, metrics_namespace: String) {
    metric::start(metrics_namespace);
    // Without the invocation's span, two fifths of a line: the ids of hint, event and action lead through all functions.
    let json = fmt()
        .json()
        .with_timer(Millis)
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false);
    // A second call (two tests in one process) keeps the first subscriber.
    let _ = json.with_max_level(level).with_writer(std::io::stderr).try_init();
    panic::set_hook(Box::new(|info| {
        note_panic(info);
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            event_name = EventName::FunctionPanicked.as_str(),
            location,
            "the function panicked; the message is left out, as it may quote data"
        );
    }));
}

thread_local! {
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Remembers where this thread panics, for the code that catches it.
pub(crate) fn note_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    PANICKED_AT.with(|panicked_at| panicked_at.replace(location));
}

/// The file, line and column of this thread's last panic, once; none if [`start`] was not called.
pub(crate) fn panicked_at() -> Option<String> {
    PANICKED_AT.with(RefCell::take)
}
