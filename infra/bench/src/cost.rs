//! The cost of a million webhooks, by component and memory size, from what each part of their way uses.
//!
//! An invocation's duration is CPU time and waiting time, which is the measured duration minus the CPU time. CPU time grows
//! with less memory, because Lambda assigns CPU in proportion to memory.

use crate::environment::Usage;
use crate::metrics::{from_u64, ms};
use crate::prices::{self, Dollars};
use crate::report::Table;

const MILLION: f64 = 1_000_000.0;
/// "At 1,769 MB, a function has the equivalent of one vCPU" (AWS Lambda Developer Guide, "Configure memory").
const FULL_CPU_MB: f64 = 1_769.0;
const MEMORY_MB: [f64; 4] = [128.0, 256.0, 512.0, 1_024.0];

/// What a function used for a part of the way.
#[derive(Debug)]
pub(crate) struct Part {
    /// The function.
    pub(crate) name: &'static str,
    /// What its invocations used.
    pub(crate) usage: Usage,
    /// Their number.
    pub(crate) invocations: f64,
    /// Requests to receive their messages, and as many to delete them.
    pub(crate) polls: f64,
    /// Where their messages come from.
    pub(crate) source: Source,
    /// How much of all this one webhook causes.
    pub(crate) share: f64,
}

/// Where a function's messages come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Source {
    /// The function URL.
    Url,
    /// The queue of hints.
    Hints,
    /// The queue of hints, to which the reconciler sent them in this many requests.
    Reconciler {
        /// Requests.
        sends: f64,
    },
    /// A handler's FIFO queue, to which the topic delivers.
    Events,
    /// The FIFO queue of actions.
    Actions,
}

/// What a webhook's whole way takes, without re-checks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
    pub(crate) requests: f64,
    pub(crate) calls: f64,
    pub(crate) log_bytes: f64,
    pub(crate) gb_seconds: f64,
}

/// The sums at this memory size, without re-checks.
pub(crate) fn sums(parts: &[Part], memory_mb: f64) -> Sums {
    let way = || parts.iter().filter(|part| !matches!(part.source, Source::Reconciler { .. }));
    let sum = |of: &dyn Fn(&Part) -> f64| way().map(|part| part.share * of(part)).sum();
    Sums {
        write_units: sum(&|part| part.usage.write_units()),
        read_units: sum(&|part| part.usage.read_units()),
        requests: sum(&|part| from_u64(part.usage.requests)),
        calls: sum(&|part| part.usage.all_calls()),
        log_bytes: sum(&Part::log_bytes),
        gb_seconds: sum(&|part| part.gb_seconds(memory_mb)),
    }
}

/// The price of a million webhooks at this memory size, with everything.
pub(crate) fn million(parts: &[Part], memory_mb: f64) -> Dollars {
    components(parts, memory_mb).into_iter().map(|(_, dollars)| dollars).sum()
}

/// What each part takes for one webhook.
pub(crate) fn parts_table(quiet: &[Part], busy: &[Part]) -> Table {
    let columns = [
        "for one webhook",
        "took ms",
        "CPU ms",
        "API requests",
        "AWS calls",
        "write units",
        "read units",
        "log bytes",
    ];
    let note = "A stage change, one event, two actions. Quiet: each message is a batch of its own. Log bytes are of our own lines.";
    let mut table = Table::new("a webhook's whole way", &columns, note);
    for (name, parts) in [("quiet", quiet), ("busy", busy)] {
        for part in parts {
            let columns = part.usage.columns().map(|value| value * part.share);
            table.row(
                format!("{name}: {}", part.name),
                columns.into_iter().chain([part.share * part.log_bytes()]),
            );
        }
        let Sums { write_units, read_units, requests, calls, log_bytes, .. } = sums(parts, 0.0);
        let numbers = [f64::NAN, f64::NAN, requests, calls, write_units, read_units, log_bytes];
        table.row(format!("{name}: all but re-checks"), numbers);
    }
    table
}

/// Dollars for a million webhooks by component and memory size.
pub(crate) fn table(name: &str, parts: &[Part]) -> Table {
    let note = "Per webhook one changed ticket, one event, one handler, two actions, and the re-checks. arm64, ap-southeast-2.";
    let columns = ["component", "128 MB", "256 MB", "512 MB", "1024 MB"];
    let all = MEMORY_MB.map(|memory| million(parts, memory));
    let [verified, ..] = all;
    let title = format!("US dollars per million webhooks, {name} ({})", verified.note());
    let mut table = Table::new(&title, &columns, note);
    let [first, ..] = MEMORY_MB;
    for (position, (component, _)) in components(parts, first).into_iter().enumerate() {
        let dollars = MEMORY_MB.map(|memory| {
            components(parts, memory).get(position).map_or(f64::NAN, |(_, dollars)| dollars.amount())
        });
        table.row(component, dollars);
    }
    table.row(format!("total, {}", verified.note()), all.map(Dollars::amount));
    table
}

fn components(parts: &[Part], memory_mb: f64) -> Vec<(String, Dollars)> {
    let sum =
        |of: &dyn Fn(&Part) -> f64| parts.iter().map(|part| part.share * of(part)).sum::<f64>() * MILLION;
    let lambda = parts.iter().map(|part| {
        let dollars = prices::LAMBDA_GB_SECOND.of(part.gb_seconds(memory_mb));
        let dollars = dollars.plus(prices::LAMBDA_REQUEST.of(part.invocations));
        (format!("Lambda, {}", part.name), dollars.times(part.share * MILLION))
    });
    // Each message is sent, received and deleted.
    let sends = |part: &Part| part.usage.calls_of("SendMessageBatch");
    let hints = sum(&|part| match part.source {
        Source::Url => sends(part),
        Source::Hints => 2.0 * part.polls,
        Source::Reconciler { sends } => sends + 2.0 * part.polls,
        Source::Events | Source::Actions => 0.0,
    });
    // The topic's delivery of an event is a request to its queue.
    let events = MILLION + sum(&|part| if part.source == Source::Events { 2.0 * part.polls } else { 0.0 });
    let actions = sum(&|part| match part.source {
        Source::Events => sends(part),
        Source::Actions => 2.0 * part.polls,
        Source::Url | Source::Hints | Source::Reconciler { .. } => 0.0,
    });
    let written = sum(&|part| part.usage.write_units());
    let read = sum(&|part| part.usage.read_units());
    let logged = sum(&Part::log_bytes) / 1e9;
    let rest = [
        ("SQS, hints", prices::SQS.of(hints)),
        ("SQS FIFO, events for the handler", prices::SQS_FIFO.of(events)),
        ("SQS FIFO, actions", prices::SQS_FIFO.of(actions)),
        ("SNS FIFO, events", prices::PUBLISHED.of(MILLION).plus(prices::DELIVERED.of(MILLION))),
        ("DynamoDB, writes", prices::WRITE_UNIT.of(written)),
        ("DynamoDB, reads", prices::READ_UNIT.of(read)),
        ("CloudWatch Logs", prices::LOG_GB.of(logged)),
    ];
    lambda.chain(rest.map(|(name, dollars)| (name.to_owned(), dollars))).collect()
}

impl Part {
    fn gb_seconds(&self, memory_mb: f64) -> f64 {
        let working = ms(self.usage.cpu) / 1_000.0;
        let waiting = (ms(self.usage.duration) / 1_000.0 - working).max(0.0);
        (waiting + working * (FULL_CPU_MB / memory_mb).max(1.0)) * memory_mb / 1_024.0
    }

    /// Of our own lines: at `SystemLogLevel=WARN` Lambda writes none of an invocation that succeeds.
    fn log_bytes(&self) -> f64 {
        from_u64(self.usage.logged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn part(source: Source, duration: u64, cpu: u64) -> Part {
        let usage = Usage {
            duration: Duration::from_millis(duration),
            cpu: Duration::from_millis(cpu),
            units: [("write".to_owned(), 6)].into(),
            calls: [("SendMessageBatch".to_owned(), 2)].into(),
            logged: 100,
            ..Usage::default()
        };
        Part { name: "f", usage, invocations: 1.0, polls: 1.0, source, share: 0.5 }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn work_slows_with_less_memory_and_waiting_does_not() {
        let of = |duration, cpu, memory| part(Source::Url, duration, cpu).gb_seconds(memory);
        assert!(close(of(100, 0, 256.0), 2.0 * of(100, 0, 128.0)));
        assert!(close(of(100, 100, 256.0), of(100, 100, 128.0)), "twice the memory, half the time");
    }

    #[test]
    fn re_checks_are_in_the_dollars_and_not_in_the_way() {
        let way = [part(Source::Hints, 100, 0), part(Source::Actions, 100, 0)];
        let [hints, actions] = way;
        let checks = part(Source::Reconciler { sends: 1.0 }, 100, 0);
        let before = sums(std::slice::from_ref(&hints), 256.0);
        assert!(close(before.write_units, 3.0) && close(before.log_bytes, 50.0));
        let without = million(std::slice::from_ref(&hints), 256.0).amount();
        let parts = [hints, checks];
        assert!(close(sums(&parts, 256.0).write_units, 3.0));
        let more = million(&parts, 256.0).amount() - without;
        assert!(more > prices::WRITE_UNIT.of(3.0 * MILLION).amount(), "{more}");
        assert!(million(&[actions], 256.0).amount() > 0.0);
    }

    #[test]
    fn each_queue_is_paid_for_what_is_sent_received_and_deleted() {
        let of = |source, name: &str| {
            let found = components(&[part(source, 0, 0)], 256.0).into_iter().find(|(of, _)| of == name);
            found.unwrap().1.amount()
        };
        let dollars = |price: prices::Price, requests: f64| price.of(requests * MILLION).amount();
        assert!(close(of(Source::Url, "SQS, hints"), dollars(prices::SQS, 0.5 * 2.0)));
        assert!(close(of(Source::Hints, "SQS, hints"), dollars(prices::SQS, 0.5 * 2.0)));
        assert!(close(of(Source::Reconciler { sends: 1.0 }, "SQS, hints"), dollars(prices::SQS, 0.5 * 3.0)));
        let events = "SQS FIFO, events for the handler";
        assert!(close(of(Source::Events, events), dollars(prices::SQS_FIFO, 1.0 + 0.5 * 2.0)));
        assert!(close(of(Source::Events, "SQS FIFO, actions"), dollars(prices::SQS_FIFO, 0.5 * 2.0)));
        assert!(close(of(Source::Actions, "SQS FIFO, actions"), dollars(prices::SQS_FIFO, 0.5 * 2.0)));
    }

    #[test]
    fn a_table_of_dollars_says_that_a_price_in_it_is_not_verified() {
        let table = table("quiet", &[part(Source::Url, 1, 1)]);
        let is_verified = million(&[part(Source::Url, 1, 1)], 128.0).note();
        assert!(table.title.contains(is_verified), "{}", table.title);
    }
}
