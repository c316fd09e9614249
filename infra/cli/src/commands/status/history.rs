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

/// The last day of a handler.
#[derive(Debug, Clone, Default)]
pub(crate) struct HandlerDay {
    /// Events on which it decided.
    pub(crate) decided: Series,
    /// Events that it could not process.
    pub(crate) dead_lettered: Series,
}

/// Whose series a query is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Queue(String),
    Counted(Counted),
}

/// Reads the last day, up to the end of the half hour that has begun.
pub(super) async fn read(client: &Client, stack: &str, queues: &[String], now: Timestamp) -> Result<History> {
    let of_queues =
        queues.iter().map(|queue| (Of::Queue(queue.clone()), of_queue("NumberOfMessagesSent", queue)));
    let function = format!("{stack}-webhook-ingest");
    let topic = format!("{stack}-events.fifo");
    let others = [
        (Counted::Webhooks, metric("AWS/Lambda", "UrlRequestCount", Some(("FunctionName", &function)))),
        (Counted::Events, metric("AWS/SNS", "NumberOfMessagesPublished", Some(("TopicName", &topic)))),
        (Counted::DeadLetters, metric(stack, "MessagesDeadLettered", None)),
    ];
    let others = others.map(|(counted, metric)| (Of::Counted(counted), metric));
    let wanted: Vec<(Of, Metric)> = of_queues.chain(others).collect();
    let mut history = History::default();
    for (of, series) in series(client, &wanted, now).await? {
        match of {
            Of::Queue(queue) => history.sent.insert(queue, series),
            Of::Counted(counted) => history.counted.insert(counted, series),
        };
    }
    Ok(history)
}

/// Reads the last day of each of these handlers.
pub(super) async fn of_handlers(
    client: &Client,
    stack: &str,
    handlers: &[String],
    now: Timestamp,
) -> Result<BTreeMap<String, HandlerDay>> {
    let wanted = handlers.iter().flat_map(|handler| {
        let (own, dead) = (format!("{stack}-{handler}.fifo"), format!("{stack}-{handler}-dead-letters.fifo"));
        [
            ((handler.clone(), false), of_queue("NumberOfMessagesDeleted", &own)),
            ((handler.clone(), true), of_queue("NumberOfMessagesSent", &dead)),
        ]
    });
    let wanted: Vec<_> = wanted.collect();
    let mut days: BTreeMap<String, HandlerDay> = BTreeMap::new();
    for ((handler, is_dead), series) in series(client, &wanted, now).await? {
        let day = days.entry(handler).or_default();
        if is_dead { day.dead_lettered = series } else { day.decided = series }
    }
    Ok(days)
}

fn of_queue(name: &str, queue: &str) -> Metric {
    metric("AWS/SQS", name, Some(("QueueName", queue)))
}

/// The sums of these metrics, by half hour.
async fn series<Key: Ord + Clone>(
    client: &Client,
    wanted: &[(Key, Metric)],
    now: Timestamp,
) -> Result<BTreeMap<Key, Series>> {
    let period = i32::try_from(PERIOD).unwrap_or(i32::MAX);
    let end = Timestamp::from_seconds(now.as_seconds().next_multiple_of(u64::from(PERIOD)));
    let start = end.earlier(WINDOW);
    let mut all: BTreeMap<Key, Series> = BTreeMap::new();
    for wanted in wanted.chunks(QUERIES) {
        let query = |(index, (_, metric)): (usize, &(Key, Metric))| {
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
                let Some((key, _)) = index.and_then(|index| wanted.get(index)) else { continue };
                add(all.entry(key.clone()).or_default(), result, start);
            }
        }
    }
    Ok(all)
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
