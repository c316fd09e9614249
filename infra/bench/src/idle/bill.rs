//! An idle month, line by line, for 1, 10 and 100 organisations.

use super::templates::{Counts, counts};
use crate::bounds::CHECK_WRITES;
use crate::prices::{self, Dollars};
use crate::{rechecks, template};
use anyhow::Result;
use automations::store::SHARDS;
use automations::telemetry::metric::{LoggedMetric, Metric};
use std::fmt::Write as _;

const ORGANISATIONS: [f64; 3] = [1.0, 10.0, 100.0];
/// Open tickets of an organisation, each of which is checked once a day.
pub(crate) const OPEN_TICKETS: f64 = 500.0;
/// Hours of a month, as AWS counts them.
const HOURS: f64 = 730.0;
const MINUTES: f64 = HOURS * 60.0;
const DAYS: f64 = HOURS / 24.0;
/// Lambda polls a queue with five pollers, also while it is empty, and each request waits for up to 20 seconds (AWS Lambda Developer Guide,
/// "Configuring scaling behavior for SQS event source mappings"; AWS Compute Blog, "Understanding how AWS Lambda scales with
/// Amazon SQS standard queues").
const POLLERS: f64 = 5.0;
const POLL_SECONDS: f64 = 20.0;
/// The metrics that are written in an hour without a webhook, by the reconciler and at the read of a token.
const METRICS: [Metric; 2] = [Metric::ReconcileLag, Metric::TokenDaysLeft];
/// A turn of regular checks comes once in this time.
const TURN_MINUTES: f64 = 10.0;
/// Hints of a full batch.
const BATCH: f64 = 100.0;
/// A run of the reconciler, and one of event-enricher with the tickets of a turn: estimates.
const RECONCILER_SECONDS: f64 = 0.1;
const ENRICHER_SECONDS: f64 = 0.5;
/// Bytes that a run logs itself, about: docs/logging.md.
const LOG_BYTES: f64 = 800.0;
/// An instance reads a token again after five minutes.
const TOKEN_READS: f64 = MINUTES / 5.0;

/// A line: what it is, and the dollars for each number of organisations.
struct Line<const N: usize>(String, [Dollars; N]);

/// The bill as a table of Markdown.
///
/// # Errors
/// If the templates cannot be counted.
pub(crate) fn markdown() -> Result<String> {
    let counts = counts()?;
    let memory_gb = template::read()?.memory_mb / 1_024.0;
    let (lines, optional) = (lines(&counts, memory_gb, ORGANISATIONS), optional(&counts));
    let mut out = String::from("| dollars a month, idle | 1 organisation | 10 | 100 |\n|---|---|---|---|\n");
    let total = total(&lines);
    let [first, ..] = total;
    let total = Line(format!("**all** ({})", first.note()), total);
    for Line(name, dollars) in lines.iter().chain([&total]).chain(&optional) {
        let [one, ten, hundred] = dollars.map(Dollars::amount);
        writeln!(out, "| {name} | {one:.2} | {ten:.2} | {hundred:.2} |")?;
    }
    Ok(out)
}

/// What an idle month costs with these numbers of organisations.
///
/// # Errors
/// If the templates cannot be counted.
pub(crate) fn totals<const N: usize>(organisations: [f64; N]) -> Result<[Dollars; N]> {
    let memory_gb = template::read()?.memory_mb / 1_024.0;
    Ok(total(&lines(&counts()?, memory_gb, organisations)))
}

fn total<const N: usize>(lines: &[Line<N>]) -> [Dollars; N] {
    std::array::from_fn(|column| {
        lines.iter().filter_map(|Line(_, dollars)| dollars.get(column).copied()).sum()
    })
}

fn lines<const N: usize>(counts: &Counts, memory_gb: f64, organisations: [f64; N]) -> Vec<Line<N>> {
    let each = |dollars: Dollars| organisations.map(|organisations| dollars.times(organisations));
    let logged: usize = LoggedMetric::all().iter().map(|metric| metric.series().len()).sum();
    let all_metrics = Metric::all().len().saturating_add(logged);
    let metrics = f64::from(u32::try_from(METRICS.len()).unwrap_or(u32::MAX));
    let receives = POLLERS * HOURS * 3_600.0 / POLL_SECONDS;
    let polling = prices::SQS
        .of(receives * f64::from(counts.queues))
        .plus(prices::SQS_FIFO.of(receives * f64::from(counts.fifo_queues)));
    let runs = f64::from(counts.schedules) * MINUTES;
    let run =
        |seconds: f64| prices::LAMBDA_GB_SECOND.of(seconds * memory_gb).plus(prices::LAMBDA_REQUEST.of(1.0));
    // A query of an index costs half a unit at least; the list of organisations and the cursor are read consistently.
    let sweep = prices::READ_UNIT.of(runs * (f64::from(SHARDS) * 0.5 + 2.0));
    // A turn asks for two slots, and for the changes of some hours in every shard of the journal; then the cursor moves.
    let queries = 2.0 + rechecks::count() * f64::from(SHARDS);
    let turn = prices::READ_UNIT.of(queries * 0.5).plus(prices::WRITE_UNIT.of(1.0));
    let checks = organisations.map(|organisations| organisations * OPEN_TICKETS * DAYS);
    let turns = MINUTES / TURN_MINUTES;
    let batches = checks.map(|checks| (turns * (checks / turns / BATCH).ceil()).min(checks));
    let check = prices::WRITE_UNIT.of(CHECK_WRITES.at_most).plus(prices::READ_UNIT.of(1.0));
    let log = prices::LOG_GB.of(LOG_BYTES / 1e9);
    vec![
        Line(
            format!("secrets: {} for an organisation", counts.secrets),
            each(prices::SECRET.of(f64::from(counts.secrets))),
        ),
        Line(
            "requests to Secrets Manager: each token every 5 minutes".to_owned(),
            each(prices::SECRET_READ.of(TOKEN_READS)),
        ),
        Line(format!("alarms: {}", counts.alarms), [prices::ALARM.of(f64::from(counts.alarms)); N]),
        Line(
            format!("composite alarms: {}", counts.composite_alarms),
            [prices::COMPOSITE_ALARM.of(f64::from(counts.composite_alarms)); N],
        ),
        Line(format!("metrics of our own: {metrics} of {all_metrics}"), [prices::METRIC.of(metrics); N]),
        Line(
            format!(
                "polling of {} queues: {:.0} requests each",
                counts.queues.saturating_add(counts.fifo_queues),
                receives
            ),
            [polling; N],
        ),
        Line(format!("the schedule: {runs:.0} runs"), [prices::SCHEDULE.of(runs); N]),
        Line("Lambda: reconciler".to_owned(), [run(RECONCILER_SECONDS).times(runs); N]),
        Line(
            "Lambda: daily checks of 500 open tickets of each".to_owned(),
            batches.map(|batches| run(ENRICHER_SECONDS).times(batches)),
        ),
        Line("DynamoDB: reconciler".to_owned(), [sweep.plus(turn.times(turns)); N]),
        Line("DynamoDB: daily checks".to_owned(), checks.map(|checks| check.times(checks))),
        Line("logs".to_owned(), batches.map(|batches| log.times(runs + batches))),
    ]
}

fn optional(counts: &Counts) -> Vec<Line<3>> {
    let each = |dollars: Dollars| ORGANISATIONS.map(|organisations| dollars.times(organisations));
    let writer = prices::SECRET.of(f64::from(counts.writer_secrets));
    let edge =
        prices::WEB_ACL.of(f64::from(counts.web_acls)).plus(prices::WEB_RULE.of(f64::from(counts.web_rules)));
    let dashboards = prices::DASHBOARD.of(f64::from(counts.dashboards));
    vec![
        Line("optional: `dashboard.yaml`".to_owned(), [dashboards; 3]),
        Line(format!("optional: `edge.yaml`, a web ACL with {} rules", counts.web_rules), [edge; 3]),
        Line("optional: `key.yaml`, without its requests".to_owned(), [prices::KEY.of(1.0); 3]),
        Line("optional: `SeparateWriter`".to_owned(), each(writer)),
        Line("optional: `--dedicated-kms-key` for each".to_owned(), each(prices::KEY.of(1.0))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        Counts {
            alarms: 40,
            composite_alarms: 1,
            queues: 1,
            fifo_queues: 5,
            schedules: 1,
            secrets: 3,
            writer_secrets: 2,
            dashboards: 1,
            web_acls: 1,
            web_rules: 2,
        }
    }

    #[test]
    fn secrets_grow_with_organisations_and_alarms_and_polling_do_not() {
        let of = |lines: &[Line<3>], start: &str| {
            lines.iter().find(|line| line.0.starts_with(start)).unwrap().1.map(Dollars::amount)
        };
        let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.005);
        let lines = lines(&counts(), 0.25, ORGANISATIONS);
        assert!(close(of(&lines, "secrets"), [1.2, 12.0, 120.0]));
        assert!(close(of(&lines, "alarms"), [4.0; 3]));
        // D2 of the AWS facts: 657,000 requests a queue.
        assert!(close(of(&lines, "polling"), [0.657 * (0.4 + 2.5); 3]), "{:?}", of(&lines, "polling"));
        let all = total(&lines)[0].amount();
        assert!((6.0..12.0).contains(&all), "D3 of the AWS facts says 6 to 10 with free tiers: {all}");
        assert!(close(of(&optional(&counts()), "optional: `SeparateWriter`"), [0.8, 8.0, 80.0]));
    }
}
