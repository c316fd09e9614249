//! Which quota binds first at 100, 1,000 and 10,000 webhooks a second, in a busy system.

use super::{ACTIONS, Load};
use crate::bounds;
use crate::template::Settings;
use automations::salestrekker::Limits;
use automations::store::SHARDS;
use std::fmt::Write as _;

const RATES: [f64; 3] = [100.0, 1_000.0, 10_000.0];
/// Organisations that the webhooks are of: an instance reads each one's token every five minutes.
const ORGANISATIONS: f64 = 100.0;
const TOKEN_SECONDS: f64 = 300.0;
/// The largest concurrency of an account that the forecast asks for: its default.
const CONCURRENCY: f64 = 1_000.0;

/// A quota, and what a webhook takes of it.
struct Quota {
    name: String,
    most: f64,
    /// Taken by one webhook a second.
    need: f64,
    /// Where it is documented.
    source: &'static str,
    /// Whether it was read there, for this region.
    is_verified: bool,
    /// Whether it is AWS's; the others are settings of ours.
    is_of_aws: bool,
}

impl Quota {
    fn used(&self, rate: f64) -> f64 {
        rate * self.need / self.most
    }
}

/// Concurrent invocations of action-worker that one webhook a second takes.
fn worker_concurrency(settings: &Settings) -> f64 {
    ACTIONS * bounds::TEN_TICKETS_TIME.at_most / 1_000.0 / settings.actions
}

/// Settings of ours that bind like a quota.
fn own(load: &Load, settings: &Settings) -> [Quota; 2] {
    let ours = |name: String, most, need, source| Quota {
        name,
        most,
        need,
        source,
        is_verified: true,
        is_of_aws: false,
    };
    let pace = f64::from(Limits::default().requests_per_second.get());
    [
        ours(
            "`MaximumConcurrency` of action-worker".to_owned(),
            settings.maximum_concurrency,
            worker_concurrency(settings),
            "template.yaml; up to 1,000",
        ),
        ours(
            format!("requests a second to Salestrekker: {pace} an instance, one organisation"),
            pace * settings.maximum_concurrency * 2.0,
            load.requests,
            "`ApiLimits` and `MaximumConcurrency`; Salestrekker publishes no limit",
        ),
    ]
}

fn of_aws(load: &Load, settings: &Settings) -> Vec<Quota> {
    let aws = |name: &str, most, need, source, is_verified| Quota {
        name: name.to_owned(),
        most,
        need,
        source,
        is_verified,
        is_of_aws: true,
    };
    vec![
        aws(
            "Lambda: concurrent executions of the account",
            CONCURRENCY,
            load.seconds,
            "Lambda Developer Guide, \"Lambda quotas\"",
            true,
        ),
        aws(
            "Lambda: requests a second of a function URL, ten for each of its concurrency",
            10.0 * CONCURRENCY,
            1.0,
            "Lambda Developer Guide, \"Creating and managing Lambda function URLs\"; only quoted elsewhere",
            false,
        ),
        aws(
            "Lambda: concurrent batches of one SQS queue (actions)",
            1_250.0,
            worker_concurrency(settings),
            "Lambda Developer Guide, \"Configuring scaling behavior for SQS event source mappings\"",
            true,
        ),
        aws(
            "SQS FIFO: requests a second of each API action (actions sent)",
            9_000.0,
            bounds::HANDLER_CALLS.at_most,
            "SQS Developer Guide, \"Amazon SQS message quotas\"; the number is of an announcement of October 2023",
            false,
        ),
        aws(
            "SNS FIFO: messages a second of the account",
            3_000.0,
            1.0,
            "General Reference, \"Amazon SNS endpoints and quotas\"; not read for this region",
            false,
        ),
        aws(
            "SNS FIFO: bytes a second of a topic",
            30e6,
            bounds::EVENT_BYTES.at_most,
            "General Reference, \"Amazon SNS endpoints and quotas\"",
            false,
        ),
        aws(
            "DynamoDB: write units a second of a table",
            40_000.0,
            load.write_units,
            "DynamoDB Developer Guide, \"Quotas in Amazon DynamoDB\"; read for another region",
            false,
        ),
        aws(
            "DynamoDB: write units a second of a new table, until it was used more",
            4_000.0,
            load.write_units,
            "AWS re:Post, \"Why is my on-demand DynamoDB table being throttled?\"",
            true,
        ),
        aws(
            &format!("DynamoDB: write units a second of the {SHARDS} partitions of a day's journal"),
            1_000.0 * f64::from(SHARDS),
            load.index_units,
            "AWS re:Post, \"Why is my on-demand DynamoDB table being throttled?\"",
            true,
        ),
        aws(
            &format!("Secrets Manager: reads a second, {ORGANISATIONS} organisations"),
            10_000.0,
            load.seconds * ORGANISATIONS / TOKEN_SECONDS,
            "AWS What's New of March 2025",
            true,
        ),
    ]
}

/// The table, and which quota of AWS binds first.
pub(super) fn markdown(load: &Load, settings: &Settings) -> String {
    let quotas: Vec<Quota> = of_aws(load, settings).into_iter().chain(own(load, settings)).collect();
    let mut out = String::from(
        "| quota, webhooks a second | at most | 100 | 1,000 | 10,000 | documented in | verified |\n|---|---|---|---|---|---|---|\n",
    );
    for quota in &quotas {
        let [few, some, many] = RATES.map(|rate| quota.used(rate) * 100.0);
        let Quota { name, most, source, is_verified, .. } = quota;
        let is_verified = if *is_verified { "yes" } else { "no" };
        let _ = writeln!(
            out,
            "| {name} | {most} | {few:.1} % | {some:.0} % | {many:.0} % | {source} | {is_verified} |"
        );
    }
    out.push('\n');
    for rate in RATES {
        let by_use = |a: &&Quota, b: &&Quota| a.used(rate).total_cmp(&b.used(rate));
        let Some(first) = quotas.iter().filter(|quota| quota.is_of_aws).max_by(by_use) else { continue };
        let exceeded = quotas.iter().filter(|quota| quota.is_of_aws && quota.used(rate) > 1.0).count();
        let _ = writeln!(
            out,
            "- At {rate} a second, {exceeded} of AWS's quotas are exceeded; first binds: {} ({:.0} %).",
            first.name,
            first.used(rate) * 100.0
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template;

    #[test]
    fn the_first_to_bind_is_the_quota_of_aws_that_is_used_most() {
        let settings = template::read().unwrap();
        let load = Load { write_units: 1.0, index_units: 1.0, requests: 1_000.0, seconds: 0.01 };
        let text = |load: &Load| markdown(load, &settings);
        let hot = Load { index_units: 1_600.0, ..load };
        assert!(text(&hot).contains(
            "first binds: DynamoDB: write units a second of the 16 partitions of a day's journal (1000 %)"
        ));
        let many = Load { write_units: 400.0, ..load };
        assert!(text(&many).contains(
            "first binds: DynamoDB: write units a second of a new table, until it was used more (1000 %)"
        ));
        assert!(!text(&load).contains("first binds: requests a second to Salestrekker"), "that is ours");
    }

    #[test]
    fn use_grows_with_the_rate() {
        let load = Load { write_units: 10.0, index_units: 1.0, requests: 1.0, seconds: 0.1 };
        let settings = template::read().unwrap();
        for quota in of_aws(&load, &settings).into_iter().chain(own(&load, &settings)) {
            assert!(
                (quota.used(1_000.0) - 10.0 * quota.used(100.0)).abs() < 1e-9 && quota.need > 0.0,
                "{}",
                quota.name
            );
        }
    }
}
