//! What `CloudWatch` has of a stack: the alarms that sound, and the age of the oldest message of each queue.

use super::AlarmState;
use crate::stack_resources;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    AlarmType, Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, StateValue,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A message is retried at the latest after 15 minutes, so its age was reported in this time.
const WINDOW: Duration = Duration::from_mins(20);
/// `GetMetricData` takes this many queries (Amazon `CloudWatch` API Reference).
const QUERIES: usize = 500;

/// The stack's alarms that sound, by name. Others of the account are left out.
pub(super) async fn sounding(
    cloudwatch: &Client,
    cloudformation: &aws_sdk_cloudformation::Client,
    stack: &str,
) -> Result<Vec<AlarmState>> {
    let mut names = BTreeSet::new();
    for kind in ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"] {
        names.extend(stack_resources::of_type(cloudformation, stack, kind).await?);
    }
    let request = cloudwatch.describe_alarms().state_value(StateValue::Alarm);
    let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
    let mut pages = request.into_paginator().send();
    let mut alarms = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.context("the profile needs cloudwatch:DescribeAlarms")?;
        for alarm in page.metric_alarms() {
            let since = alarm.state_updated_timestamp();
            alarms.extend(of_stack(&names, alarm.alarm_name(), since, alarm.alarm_description()));
        }
        for alarm in page.composite_alarms() {
            let since = alarm.state_updated_timestamp();
            alarms.extend(of_stack(&names, alarm.alarm_name(), since, alarm.alarm_description()));
        }
    }
    alarms.sort_by(|left, right| left.alarm.cmp(&right.alarm));
    Ok(alarms)
}

fn of_stack(
    names: &BTreeSet<String>,
    name: Option<&str>,
    since: Option<&DateTime>,
    description: Option<&str>,
) -> Option<AlarmState> {
    let alarm = name.filter(|name| names.contains(*name))?.to_owned();
    let since = since.and_then(|since| u64::try_from(since.secs()).ok()).map(Timestamp::from_seconds);
    Some(AlarmState { alarm, since, section: description.and_then(section) })
}

/// The section of the runbook in an alarm's description, which says `See docs/runbook.md, "Token expired"`.
pub(super) fn section(description: &str) -> Option<String> {
    let (_, rest) = description.split_once("docs/runbook.md, \"")?;
    Some(rest.split_once('"')?.0.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The age in seconds of the oldest message of each of these queues that has any.
pub(super) async fn oldest(
    cloudwatch: &Client,
    stack: &str,
    queues: &[String],
    now: Timestamp,
) -> Result<BTreeMap<String, u64>> {
    let own = queues.iter().map(|queue| {
        (queue.clone(), metric("AWS/SQS", "ApproximateAgeOfOldestMessage", Some(("QueueName", queue))))
    });
    // SQS's metric leaves out messages of a standard queue that were received three times (Amazon SQS Developer Guide, "Available
    // CloudWatch metrics"): the functions report the age of what they retry.
    let retried = (format!("{stack}-hints"), metric(stack, "RetriedMessageAge", Some(("Source", "hints"))));
    let wanted: Vec<(String, Metric)> = own.chain([retried]).collect();
    let mut oldest: BTreeMap<String, u64> = BTreeMap::new();
    for (chunk, wanted) in wanted.chunks(QUERIES).enumerate() {
        let query = |(index, (_, metric)): (usize, &(String, Metric))| {
            let stat = MetricStat::builder().metric(metric.clone()).period(60).stat("Maximum").build();
            MetricDataQuery::builder().id(format!("q{index}")).metric_stat(stat).build()
        };
        let seconds = |at: Timestamp| DateTime::from_secs(i64::try_from(at.as_seconds()).unwrap_or_default());
        let request =
            cloudwatch.get_metric_data().start_time(seconds(now.earlier(WINDOW))).end_time(seconds(now));
        let request = request.set_metric_data_queries(Some(wanted.iter().enumerate().map(query).collect()));
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.with_context(|| format!("the profile needs cloudwatch:GetMetricData (part {chunk})"))?;
            for result in page.metric_data_results() {
                let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
                let Some((queue, metric)) = index.and_then(|index| wanted.get(index)) else { continue };
                // SQS's own age is of now, so the last one counts; a retried message reports once in its delay.
                let age = if metric.namespace() == Some("AWS/SQS") { last(result) } else { greatest(result) };
                let Some(age) = age else { continue };
                let known = oldest.entry(queue.clone()).or_default();
                *known = age.max(*known);
            }
        }
    }
    oldest.retain(|_, age| *age > 0);
    Ok(oldest)
}

pub(super) fn metric(namespace: &str, name: &str, dimension: Option<(&str, &str)>) -> Metric {
    let dimension = dimension.map(|(name, value)| Dimension::builder().name(name).value(value).build());
    let metric = Metric::builder().namespace(namespace).metric_name(name);
    metric.set_dimensions(dimension.map(|dimension| vec![dimension])).build()
}

/// The value of the latest time: `CloudWatch` lists it first.
fn last(result: &MetricDataResult) -> Option<u64> {
    result.values().first().and_then(|value| seconds(*value))
}

fn greatest(result: &MetricDataResult) -> Option<u64> {
    result.values().iter().filter_map(|value| seconds(*value)).max()
}

fn seconds(value: f64) -> Option<u64> {
    Duration::try_from_secs_f64(value).ok().map(|age| age.as_secs())
}
