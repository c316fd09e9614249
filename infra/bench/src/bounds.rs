//! Every bound of the benchmark, in one table: docs/performance.md has it too, and a test compares them.

use crate::report::Bound;
use std::fmt::Write as _;

/// A limit on what is measured.
#[derive(Debug)]
pub(crate) struct Limit {
    /// What is measured.
    pub(crate) name: &'static str,
    /// The largest allowed value.
    pub(crate) at_most: f64,
    /// What `at_most` is to come down to; the same if it is where it is to be.
    pub(crate) target: f64,
    /// The unit of both.
    pub(crate) unit: &'static str,
    /// Whether it is the same on every machine (a size or a count, not a time), so that `--short` fails by it.
    pub(crate) is_stable: bool,
    /// Where the limit comes from.
    from: &'static str,
}

const fn stable(name: &'static str, at_most: f64, unit: &'static str, from: &'static str) -> Limit {
    Limit { name, at_most, target: at_most, unit, is_stable: true, from }
}

const fn timed(name: &'static str, at_most: f64, unit: &'static str, from: &'static str) -> Limit {
    Limit { is_stable: false, ..stable(name, at_most, unit, from) }
}

impl Limit {
    const fn with_target(self, target: f64) -> Self {
        Self { target, ..self }
    }

    /// The bound with what was measured.
    pub(crate) fn measured(&'static self, value: f64) -> Bound {
        Bound::new(self, None, value)
    }

    /// The bound on one function, with what was measured.
    pub(crate) fn of(&'static self, function: &str, value: f64) -> Bound {
        Bound::new(self, Some(function), value)
    }
}

/// The limits of a webhook's whole way, which are of the same things in a quiet and in a busy system.
#[derive(Debug)]
pub(crate) struct Way {
    /// What the system is like.
    pub(crate) name: &'static str,
    /// Write units.
    pub(crate) writes: Limit,
    /// Requests to Salestrekker.
    pub(crate) requests: Limit,
    /// AWS calls.
    pub(crate) calls: Limit,
    /// Log bytes.
    pub(crate) logs: Limit,
    /// GB-seconds.
    pub(crate) gb_seconds: Limit,
    /// Dollars for a million, re-checks included.
    pub(crate) dollars: Limit,
}

const SAME: &str = "as measured";
const NOTHING: &str = "a ticket stays in its slot";
const MEASURED: &str = "a tenth more than measured";
const LOGS: &str =
    "a line each for accepted, stored, decided, performed; Lambda adds none at `SystemLogLevel=WARN`";
const ROUND_TRIPS: &str = "two round trips to the API, an update beside a read or a read-back, and AWS's";
const ALONE: &str = "the snapshot with its events, the journal entry, its index, the emptied outbox";
const RECORDS: &str =
    "for each its record, and of a create its claim; the marks of a ticket, or of a created one";
const TOGETHER: &str = "one read, an update for each ticket, one read-back";

pub(crate) static ZIPPED_INGEST: Limit =
    stable("zipped: webhook-ingest", 3.0, "MB", "a tenth more than measured");
pub(crate) static ZIPPED: Limit = stable("zipped: any other function", 5.0, "MB", "1.5 × measured");
pub(crate) static PEAK_MEMORY: Limit =
    stable("peak memory of any function, batches of 100 messages", 32.0, "MiB", "a quarter of 128 MB");

pub(crate) static REQUESTS_HUNDRED: Limit =
    stable("API requests, 100 hints on 100 tickets", 4.0, "requests", "25 tickets fit one query");
pub(crate) static REQUESTS_TEN: Limit =
    stable("API requests, 100 hints on 10 tickets", 1.0, "requests", "a ticket is read once a batch");
pub(crate) static CALLS_HUNDRED: Limit = stable(
    "AWS calls, 100 changed tickets",
    24.0,
    "calls",
    "the least that AWS's batches allow, at the price of single writes",
);
pub(crate) static WRITES_HUNDRED: Limit = stable("write units, 100 changed tickets", 400.0, "units", ALONE);
pub(crate) static WRITES_ONE: Limit = stable("write units, one changed ticket", 4.0, "units", ALONE);
pub(crate) static INDEX_ONE: Limit =
    stable("of these, units of the indexes, one changed ticket", 1.0, "units", "the journal entry's");

pub(crate) static CHECK_WRITES: Limit =
    stable("write units, a check that finds nothing", 0.0, "units", NOTHING);
pub(crate) static CHECKS_WRITES: Limit =
    stable("write units, 100 checks that find nothing", 0.0, "units", NOTHING);
pub(crate) static CHECK_CALLS: Limit =
    stable("AWS calls, a check that finds nothing", 1.0, "calls", "the read");
pub(crate) static CHECKS_CALLS: Limit =
    stable("AWS calls, 100 checks that find nothing", 1.0, "calls", "one read of all");
pub(crate) static CHECKS_REQUESTS: Limit =
    stable("API requests, 100 checks", 4.0, "requests", "25 tickets fit one query");

pub(crate) static ACTION_REQUESTS: Limit =
    stable("API requests, one action", 3.0, "requests", "read, write, read back");
pub(crate) static SAME_TICKET_REQUESTS: Limit =
    stable("API requests, 10 actions on one ticket", 3.0, "requests", TOGETHER).with_target(3.0);
pub(crate) static TEN_TICKETS_REQUESTS: Limit =
    stable("API requests, 10 actions on 10 tickets", 12.0, "requests", TOGETHER).with_target(12.0);
pub(crate) static CREATE_REQUESTS: Limit =
    stable("API requests, a label and a created ticket", 4.0, "requests", TOGETHER).with_target(4.0);
pub(crate) static ACTION_WRITES: Limit = stable("write units, one action", 2.0, "units", RECORDS);
pub(crate) static SAME_TICKET_WRITES: Limit =
    stable("write units, 10 actions on one ticket", 12.0, "units", RECORDS);
pub(crate) static TEN_TICKETS_WRITES: Limit =
    stable("write units, 10 actions on 10 tickets", 20.0, "units", RECORDS);
pub(crate) static CREATE_WRITES: Limit =
    stable("write units, a label and a created ticket", 5.0, "units", RECORDS);
pub(crate) static ACTION_CALLS: Limit =
    stable("AWS calls an action, 10 actions on 10 tickets", 1.2, "calls", "records share requests");

pub(crate) static HANDLER_CALLS: Limit = stable(
    "AWS calls, follow-up-on-settlement, an event with two actions",
    2.0,
    "calls",
    "one action of a group in a request",
);
pub(crate) static EVENT_BYTES: Limit = stable("bytes of an event", 1_150.0, "bytes", SAME);

/// Every message is a batch of its own.
pub(crate) static QUIET: Way = Way {
    name: "quiet",
    writes: stable("write units, the whole way, quiet", 9.0, "units", SAME).with_target(9.0),
    requests: stable("API requests, the whole way, quiet", 6.0, "requests", SAME),
    calls: stable("AWS calls, the whole way, quiet", 15.0, "calls", SAME),
    logs: stable("log bytes, the whole way, quiet", 1_500.0, "bytes", LOGS),
    gb_seconds: timed("GB-seconds, the whole way, quiet", 0.17, "GB-s", MEASURED),
    dollars: timed("dollars for a million webhooks, quiet", 27.0, "$", MEASURED).with_target(14.0),
};
/// Batches are full.
pub(crate) static BUSY: Way = Way {
    name: "busy",
    writes: stable("write units, the whole way, busy", 9.0, "units", SAME).with_target(9.0),
    requests: stable("API requests, the whole way, busy", 3.24, "requests", SAME),
    calls: stable("AWS calls, the whole way, busy", 7.44, "calls", SAME),
    logs: stable("log bytes, the whole way, busy", 1_500.0, "bytes", LOGS),
    gb_seconds: timed("GB-seconds, the whole way, busy", 0.018, "GB-s", MEASURED),
    dollars: timed("dollars for a million webhooks, busy", 13.2, "$", MEASURED).with_target(10.0),
};

pub(crate) static START_INGEST: Limit =
    timed("start: webhook-ingest", 3.0, "× baseline", "twice what was measured first");
pub(crate) static START: Limit =
    timed("start: event-enricher, action-worker", 5.0, "× baseline", "2.5 × what was measured first");
pub(crate) static WARM_INGEST: Limit =
    timed("webhook-ingest: warm, without SQS", 1.5, "× baseline", "1.4 × what was measured first");
pub(crate) static HUNDRED_TIME: Limit =
    timed("event-enricher: 100 changed tickets, API at 200 ms", 1.43, "× one API round trip", MEASURED)
        .with_target(1.15);
pub(crate) static HINT_PUBLISHED: Limit = timed(
    "one hint on a changed ticket, API at 0, AWS at 5 ms: until the event is published",
    34.0,
    "ms",
    "a tenth more than measured; to become three AWS round trips and 2 ms",
)
.with_target(17.0);
pub(crate) static HINT_WHOLE: Limit = timed(
    "one hint on a changed ticket, API at 0, AWS at 5 ms: until the invocation ends",
    41.0,
    "ms",
    "a tenth more than measured; to become the best peer's",
)
.with_target(18.6);
pub(crate) static ACTION_TIME: Limit =
    timed("action-worker: one action, API at 200 ms", 470.0, "ms", ROUND_TRIPS).with_target(430.0);
pub(crate) static SAME_TICKET_TIME: Limit =
    timed("action-worker: 10 actions on one ticket, API at 200 ms", 700.0, "ms", ROUND_TRIPS);
pub(crate) static TEN_TICKETS_TIME: Limit =
    timed("action-worker: 10 actions on 10 tickets, API at 200 ms", 650.0, "ms", ROUND_TRIPS);
pub(crate) static GROWTH: Limit =
    timed("CPU of a hint among 10,000, to one among 100", 1.1, "×", "the cost of a hint does not grow");

/// All of them, in the order of the page.
static ALL: [&Limit; 47] = [
    &ZIPPED_INGEST,
    &ZIPPED,
    &PEAK_MEMORY,
    &REQUESTS_HUNDRED,
    &REQUESTS_TEN,
    &CALLS_HUNDRED,
    &WRITES_HUNDRED,
    &WRITES_ONE,
    &INDEX_ONE,
    &CHECK_WRITES,
    &CHECKS_WRITES,
    &CHECK_CALLS,
    &CHECKS_CALLS,
    &CHECKS_REQUESTS,
    &ACTION_REQUESTS,
    &SAME_TICKET_REQUESTS,
    &TEN_TICKETS_REQUESTS,
    &CREATE_REQUESTS,
    &ACTION_WRITES,
    &SAME_TICKET_WRITES,
    &TEN_TICKETS_WRITES,
    &CREATE_WRITES,
    &ACTION_CALLS,
    &HANDLER_CALLS,
    &EVENT_BYTES,
    &QUIET.writes,
    &BUSY.writes,
    &QUIET.requests,
    &BUSY.requests,
    &QUIET.calls,
    &BUSY.calls,
    &QUIET.logs,
    &BUSY.logs,
    &START_INGEST,
    &START,
    &WARM_INGEST,
    &HUNDRED_TIME,
    &HINT_PUBLISHED,
    &HINT_WHOLE,
    &ACTION_TIME,
    &SAME_TICKET_TIME,
    &TEN_TICKETS_TIME,
    &GROWTH,
    &QUIET.gb_seconds,
    &BUSY.gb_seconds,
    &QUIET.dollars,
    &BUSY.dollars,
];

/// The names of the limits that these bounds do not measure, although this form of the command has to.
pub(crate) fn unmeasured(bounds: &[Bound], is_short: bool) -> Vec<&'static str> {
    let wanted = ALL.iter().filter(|limit| limit.is_stable || !is_short);
    let missing = wanted.filter(|limit| !bounds.iter().any(|bound| bound.is_of(limit)));
    missing.map(|limit| limit.name).collect()
}

/// The table of docs/performance.md.
pub(crate) fn markdown() -> String {
    let mut out = String::from("| what | at most | to become | kind | from |\n|---|---|---|---|---|\n");
    for Limit { name, at_most, target, unit, is_stable, from } in ALL {
        let target = if target < at_most { format!("{target}") } else { "–".to_owned() };
        let kind = if *is_stable { "stable" } else { "time" };
        let _ = writeln!(out, "| {name} | {at_most} {unit} | {target} | {kind} | {from} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_page_has_the_table_of_bounds() {
        let page = include_str!("../../../docs/performance.md");
        let table = markdown();
        assert!(page.contains(&table), "docs/performance.md must have this table:\n{table}");
    }

    #[test]
    fn each_limit_has_a_name_of_its_own_and_comes_down() {
        let names: BTreeSet<&str> = ALL.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), ALL.len());
        for limit in ALL {
            assert!(limit.target <= limit.at_most, "{}", limit.name);
        }
    }

    #[test]
    fn a_limit_that_is_not_measured_is_named() {
        let all = || ALL.iter().map(|limit| limit.measured(0.0));
        assert!(unmeasured(&all().collect::<Vec<_>>(), false).is_empty());
        let stable: Vec<_> = all().filter(|bound| bound.is_stable).collect();
        assert!(unmeasured(&stable, true).is_empty());
        assert!(unmeasured(&stable, false).contains(&GROWTH.name));
        assert_eq!(unmeasured(stable.get(1..).unwrap(), true), [ZIPPED_INGEST.name]);
    }
}
