//! An idle month, line by line, for 1, 10 and 100 organisations.

use super::templates::{Counts, counts};
use crate::cost::{LAMBDA_LOG_BYTES, PRICES};
use anyhow::Result;
use automations::store::SHARDS;
use automations::telemetry::metric::Metric;
use std::fmt::Write as _;

const ORGANISATIONS: [f64; 3] = [1.0, 10.0, 100.0];
/// Open tickets of an organisation, each of which is checked once a day.
const OPEN_TICKETS: f64 = 500.0;
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
const METRICS: [Metric; 5] = [
    Metric::OldestCheckAge,
    Metric::ReconcileLag,
    Metric::OutboxAge,
    Metric::OutboxBacklog,
    Metric::TokenDaysLeft,
];
/// A run of the reconciler, and one of event-enricher with the tickets that are due in a minute: estimates.
const RECONCILER_SECONDS: f64 = 0.1;
const ENRICHER_SECONDS: f64 = 0.5;
const MEMORY_GB: f64 = 0.25;
/// Bytes that a run logs itself, about: docs/logging.md.
const LOG_BYTES: f64 = 800.0;
/// What a check of a ticket without a change writes: an item of up to 2 KiB, and its entry in an index that moves.
const UNITS_OF_CHECK: f64 = 4.0;
/// An instance reads a token again after five minutes.
const TOKEN_READS: f64 = MINUTES / 5.0;

/// A line: what it is, and the dollars for each number of organisations.
struct Line(String, [f64; 3]);

/// The bill as a table of Markdown.
///
/// # Errors
/// If the templates cannot be counted.
pub(crate) fn markdown() -> Result<String> {
    let counts = counts()?;
    let (lines, optional) = (lines(&counts), optional(&counts));
    let mut total = [0.0; 3];
    for Line(_, dollars) in &lines {
        total.iter_mut().zip(dollars).for_each(|(sum, dollars)| *sum += dollars);
    }
    let mut out = String::from("| dollars a month, idle | 1 organisation | 10 | 100 |\n|---|---|---|---|\n");
    let total = Line("**all**".to_owned(), total);
    for Line(name, [one, ten, hundred]) in lines.iter().chain([&total]).chain(&optional) {
        writeln!(out, "| {name} | {one:.2} | {ten:.2} | {hundred:.2} |")?;
    }
    Ok(out)
}

fn lines(counts: &Counts) -> Vec<Line> {
    let each = |dollars: f64| ORGANISATIONS.map(|organisations| organisations * dollars);
    let alarms = f64::from(counts.alarms) * PRICES.alarm;
    let metrics = f64::from(u32::try_from(METRICS.len()).unwrap_or(u32::MAX));
    let receives = POLLERS * HOURS * 3_600.0 / POLL_SECONDS;
    let polling =
        receives * (f64::from(counts.queues) * PRICES.sqs + f64::from(counts.fifo_queues) * PRICES.sqs_fifo);
    let runs = f64::from(counts.schedules) * MINUTES;
    let run = |seconds: f64| seconds * MEMORY_GB * PRICES.lambda_gb_second + PRICES.lambda_request;
    // A query of an index costs half a unit at least, and the list of organisations is read consistently.
    let sweep = runs * (f64::from(SHARDS) * 0.5 + 1.0) * PRICES.read_unit;
    let checks = ORGANISATIONS.map(|organisations| organisations * OPEN_TICKETS * DAYS);
    let batches = checks.map(|checks| checks.min(runs));
    let checked = checks.map(|checks| checks * (UNITS_OF_CHECK * PRICES.write_unit + PRICES.read_unit));
    let log = (LOG_BYTES + LAMBDA_LOG_BYTES) / 1e9 * PRICES.log_gb;
    vec![
        Line(
            format!("secrets: {} for an organisation", counts.secrets),
            each(f64::from(counts.secrets) * PRICES.secret),
        ),
        Line(
            "requests to Secrets Manager: each token every 5 minutes".to_owned(),
            each(TOKEN_READS * PRICES.secret_read),
        ),
        Line(format!("alarms: {}", counts.alarms), [alarms; 3]),
        Line(
            format!("composite alarms: {}", counts.composite_alarms),
            [f64::from(counts.composite_alarms) * PRICES.composite_alarm; 3],
        ),
        Line(
            format!("metrics of our own: {metrics} of {}", Metric::all().len()),
            [metrics * PRICES.metric; 3],
        ),
        Line(
            format!(
                "polling of {} queues: {:.0} requests each",
                counts.queues.saturating_add(counts.fifo_queues),
                receives
            ),
            [polling; 3],
        ),
        Line(format!("the schedule: {runs:.0} runs"), [runs * PRICES.schedule; 3]),
        Line("Lambda: reconciler".to_owned(), [runs * run(RECONCILER_SECONDS); 3]),
        Line(
            "Lambda: daily checks of 500 open tickets of each".to_owned(),
            batches.map(|batches| batches * run(ENRICHER_SECONDS)),
        ),
        Line("DynamoDB: reconciler".to_owned(), [sweep; 3]),
        Line("DynamoDB: daily checks".to_owned(), checked),
        Line("logs".to_owned(), batches.map(|batches| (runs + batches) * log)),
    ]
}

fn optional(counts: &Counts) -> Vec<Line> {
    let each = |dollars: f64| ORGANISATIONS.map(|organisations| organisations * dollars);
    let writer = f64::from(counts.writer_secrets) * PRICES.secret;
    let edge = f64::from(counts.web_acls) * PRICES.web_acl + f64::from(counts.web_rules) * PRICES.web_rule;
    vec![
        Line("optional: `dashboard.yaml`".to_owned(), [f64::from(counts.dashboards) * PRICES.dashboard; 3]),
        Line(format!("optional: `edge.yaml`, a web ACL with {} rules", counts.web_rules), [edge; 3]),
        Line("optional: `key.yaml`, without its requests".to_owned(), [PRICES.key; 3]),
        Line("optional: `SeparateWriter`".to_owned(), each(writer)),
        Line("optional: `--dedicated-kms-key` for each".to_owned(), each(PRICES.key)),
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
        let of = |lines: &[Line], start: &str| lines.iter().find(|line| line.0.starts_with(start)).unwrap().1;
        let close = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.005);
        let lines = lines(&counts());
        assert!(close(of(&lines, "secrets"), [1.2, 12.0, 120.0]));
        assert!(close(of(&lines, "alarms"), [4.0; 3]));
        // D2 of the AWS facts: 657,000 requests a queue.
        assert!(close(of(&lines, "polling"), [0.657 * (0.4 + 2.5); 3]), "{:?}", of(&lines, "polling"));
        let all: f64 = lines.iter().map(|line| line.1[0]).sum();
        assert!((6.0..12.0).contains(&all), "D3 of the AWS facts says 6 to 10 with free tiers: {all}");
        assert!(close(of(&optional(&counts()), "optional: `SeparateWriter`"), [0.8, 8.0, 80.0]));
    }
}
