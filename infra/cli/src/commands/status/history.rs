//! The last day of a stack as `CloudWatch` has it, for charts: what each queue received, and what came in and went out.

use super::alarms::metric;
use anyhow::{Context as _, Result};
use automations::clock::Timestamp;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Metric, MetricDataQuery, MetricDataResult, MetricStat};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back.
const WINDOW: Duration = Duration::from_hours(24);
/// Seconds of one value.
const PERIOD: u32 = 1_800;
/// Values of a series.
const VALUES: usize = 48;
/// `GetMetricData` takes this many queries (Amazon `CloudWatch` API Reference).
const QUERIES: usize = 500;

/// What is counted beside the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Counted {
    /// Requests to webhook-ingest.
    Webhooks,
    /// Events that the topic accepted.
    Events,
    /// Messages that a function dead-lettered.
    DeadLetters,
}

/// A value for each half hour of the last day, the oldest first; 0 if there is none.
pub(crate) type Series = Vec<u64>;

/// The last day.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    /// By queue: messages that were sent to it.
    pub(crate) sent: BTreeMap<String, Series>,
    /// The others.
    pub(crate) counted: BTreeMap<Counted, Series>,
}

/// Whose series a query is.
#[derive(Debug, Clone)]
enum Of {
    Queue(String),
    Counted(Counted),
}

/// Reads the last day, up to the last half hour that is over or begun.
pub(super) async fn read(client: &Client, stack: &str, queues: &[String], now: Timestamp) -> Result<History> {
    let of_queues = queues.iter().map(|queue| {
        (Of::Queue(queue.clone()), metric("AWS/SQS", "NumberOfMessagesSent", Some(("QueueName", queue))))
    });
    let function = format!("{stack}-webhook-ingest");
    let topic = format!("{stack}-events.fifo");
    let others = [
        (Counted::Webhooks, metric("AWS/Lambda", "UrlRequestCount", Some(("FunctionName", &function)))),
        (Counted::Events, metric("AWS/SNS", "NumberOfMessagesPublished", Some(("TopicName", &topic)))),
        (Counted::DeadLetters, metric(stack, "MessagesDeadLettered", None)),
    ];
    let others = others.map(|(counted, metric)| (Of::Counted(counted), metric));
    let wanted: Vec<(Of, Metric)> = of_queues.chain(others).collect();
    let period = i32::try_from(PERIOD).unwrap_or(i32::MAX);
    let end = Timestamp::from_seconds(now.as_seconds().next_multiple_of(u64::from(PERIOD)));
    let start = end.earlier(WINDOW);
    let mut history = History::default();
    for wanted in wanted.chunks(QUERIES) {
        let query = |(index, (_, metric)): (usize, &(Of, Metric))| {
            let sums = MetricStat::builder().metric(metric.clone()).period(period).stat("Sum").build();
            MetricDataQuery::builder().id(format!("q{index}")).metric_stat(sums).build()
        };
        let time = |at: Timestamp| DateTime::from_secs(i64::try_from(at.as_seconds()).unwrap_or_default());
        let queries = wanted.iter().enumerate().map(query).collect();
        let request = client.get_metric_data().start_time(time(start)).end_time(time(end));
        let mut pages = request.set_metric_data_queries(Some(queries)).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.context("the profile needs cloudwatch:GetMetricData")?;
            for result in page.metric_data_results() {
                let index = result.id().and_then(|id| id.strip_prefix('q')?.parse::<usize>().ok());
                let Some((of, _)) = index.and_then(|index| wanted.get(index)) else { continue };
                let series = match of {
                    Of::Queue(queue) => history.sent.entry(queue.clone()).or_default(),
                    Of::Counted(counted) => history.counted.entry(*counted).or_default(),
                };
                add(series, result, start);
            }
        }
    }
    Ok(history)
}

/// Puts the values of a response where their times are.
fn add(series: &mut Series, result: &MetricDataResult, start: Timestamp) {
    series.resize(VALUES, 0);
    for (at, value) in result.timestamps().iter().zip(result.values()) {
        let seconds = u64::try_from(at.secs()).unwrap_or_default().saturating_sub(start.as_seconds());
        let index = seconds.checked_div(u64::from(PERIOD)).and_then(|index| usize::try_from(index).ok());
        let Some(place) = index.and_then(|index| series.get_mut(index)) else { continue };
        // Sums of counts are whole numbers.
        *place = Duration::try_from_secs_f64(*value).map_or(0, |whole| whole.as_secs());
    }
}

/// What the last hour has, as the last value may be of a few minutes only.
pub(crate) fn last_hour(series: &Series) -> u64 {
    series.iter().rev().take(2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_their_times_are_and_the_rest_is_nothing() {
        let start = Timestamp::from_seconds(1_800_000);
        let at = |seconds: i64| DateTime::from_secs(1_800_000 + seconds);
        let result = MetricDataResult::builder()
            .set_timestamps(Some(vec![at(47 * 1_800), at(1_800), at(0), at(90_000)]))
            .set_values(Some(vec![3.0, 2.0, 1.0, 9.0]))
            .build();
        let mut series = Series::new();
        add(&mut series, &result, start);
        assert_eq!(
            (series.len(), series[0], series[1], series[47], series.iter().sum::<u64>()),
            (48, 1, 2, 3, 6)
        );
        assert_eq!(last_hour(&series), 3);
        add(&mut series, &MetricDataResult::builder().build(), start);
        assert_eq!(series.iter().sum::<u64>(), 6, "a further page adds nothing");
    }
}
