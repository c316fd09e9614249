//! The functions at work, each for itself: how fast, with how many requests and calls, at how much CPU.

use crate::events::{actions, events, hints, request};
use crate::lambda::Instance;
use crate::metrics::{large, ms, number};
use crate::report::{Bound, Table};
use crate::stage::{AWS_TIME, Bench, Used};
use anyhow::Result;
use axum::body::Bytes;
use std::fmt::Write as _;
use std::time::Duration;

const BATCH: usize = 100;
/// The AWS calls that 100 changed tickets need: `BatchGetItem` takes 100 keys, `TransactWriteItems` 100 items, of which a
/// ticket needs two (snapshot and journal) and then one (its outbox emptied), `PutEvents` 10 events. 1 + 2 + 1 + 10.
const LEAST_CALLS: f64 = 14.0;

/// What one message of each stage uses; the cost model is made of it.
#[derive(Debug, Default)]
pub(crate) struct Stages {
    /// A webhook at the door.
    pub(crate) ingest: Used,
    /// A batch of one hint, and of 100, each on a changed ticket.
    pub(crate) enricher: [Used; 2],
    /// A batch of one event, and of ten.
    pub(crate) handler: [Used; 2],
    /// A batch of one action, and of ten.
    pub(crate) worker: [Used; 2],
}

/// The enricher's batches at several distances of the API.
pub(crate) async fn enricher(stage: &Bench, distances: &[u64]) -> Result<(Table, Vec<Bound>)> {
    let columns = [
        "event-enricher, a batch of 100",
        "API ms",
        "took ms",
        "hints/s",
        "API requests",
        "AWS calls",
        "CPU ms",
    ];
    let note = "One instance; AWS answers after 5 ms. Names of workflows and labels are known.";
    let mut table = Table::new("batches of hints", &columns, note);
    let mut bounds = Vec::new();
    let tickets = stage.vendor.tickets(BATCH, 20).await?;
    let few: Vec<String> = tickets.iter().take(10).cycle().take(BATCH).cloned().collect();
    for (value, &distance) in (1..).zip(distances) {
        stage.aws.forget();
        stage.answer_after(Duration::from_millis(distance), AWS_TIME);
        let mut instance = warmed(stage).await?;
        let all = [hints(&tickets)?];
        let row = |name: &str, used: &Used| {
            let rate = number(BATCH) / used.took.as_secs_f64();
            let metrics =
                [large(distance), ms(used.took), rate, large(used.requests), large(used.all_calls())];
            (name.to_owned(), metrics.into_iter().chain([ms(used.cpu)]).collect::<Vec<_>>())
        };
        let seen = stage.used(&mut instance, &all).await?;
        let (name, metrics) = row("100 tickets, first seen", &seen);
        table.row(name, metrics);
        stage.vendor.change(&tickets, value).await?;
        let changed = stage.used(&mut instance, &all).await?;
        let (name, metrics) = row("100 tickets, all changed", &changed);
        table.row(name, metrics);
        let same = stage.used(&mut instance, &all).await?;
        let (name, metrics) = row("100 tickets, unchanged", &same);
        table.row(name, metrics);
        let on_few = stage.used(&mut instance, &[hints(&few)?]).await?;
        let (name, metrics) = row("10 tickets, unchanged", &on_few);
        table.row(name, metrics);
        if distance == distances.last().copied().unwrap_or_default() {
            bounds = vec![
                Bound::stable(
                    "API requests, 100 hints on 100 tickets",
                    large(changed.requests),
                    4.0,
                    "requests",
                ),
                Bound::stable(
                    "API requests, 100 hints on 10 tickets",
                    large(on_few.requests),
                    1.0,
                    "requests",
                ),
                Bound::stable(
                    "AWS calls, 100 changed tickets (least 14)",
                    large(changed.all_calls()),
                    LEAST_CALLS * 1.2,
                    "calls",
                ),
            ];
        }
        // Where nobody is far away, a round trip is nothing to compare with.
        if distance == 200 {
            let trip = stage.vendor.round_trip(&tickets).await?;
            bounds.push(Bound::timed(
                "event-enricher: 100 changed tickets, API at 200 ms",
                ms(changed.took) / ms(trip),
                2.5,
                "× one API round trip",
            ));
        }
    }
    Ok((table, bounds))
}

/// Each stage with one message and with a full batch; AWS answers after 5 ms, the API after 200 ms.
pub(crate) async fn stages(stage: &Bench) -> Result<(Table, Stages)> {
    stage.aws.forget();
    stage.answer_after(Duration::from_millis(200), AWS_TIME);
    let tickets = stage.vendor.tickets(BATCH, 20).await?;
    let ten = tickets.get(..10).unwrap_or_default();
    let one = tickets.get(..1).unwrap_or_default();
    let mut stages = Stages::default();
    let mut ingest = stage.start("webhook-ingest").await?;
    let webhook = request("POST", r#"{"id": "t-1"}"#);
    ingest.invoke(&webhook).await?;
    stages.ingest = per(&stage.used(&mut ingest, &vec![webhook; 20]).await?, 20);
    let mut enricher = warmed(stage).await?;
    enricher.invoke(&hints(&tickets)?).await?;
    stage.vendor.change(one, 1).await?;
    let single = stage.used(&mut enricher, &[hints(one)?]).await?;
    stage.vendor.change(&tickets, 2).await?;
    stages.enricher = [single, stage.used(&mut enricher, &[hints(&tickets)?]).await?];
    let mut handler = stage.start("follow-up-on-settlement").await?;
    handler.invoke(&events(1)).await?;
    let single = stage.used(&mut handler, &[events(1)]).await?;
    stages.handler = [single, stage.used(&mut handler, &[events(10)]).await?];
    let mut worker = stage.start("action-worker").await?;
    worker.invoke(&actions(tickets.get(90..91).unwrap_or_default(), 0)?).await?;
    let single = stage.used(&mut worker, &[actions(tickets.get(20..21).unwrap_or_default(), 1)?]).await?;
    stages.worker = [single, stage.used(&mut worker, &[actions(ten, 2)?]).await?];
    let columns = [
        "batch",
        "took ms",
        "messages/s",
        "CPU ms each",
        "API requests each",
        "AWS calls each",
        "log bytes each",
    ];
    let note = "One instance; AWS answers after 5 ms, the API after 200 ms. An action adds a label: read, written, read back.";
    let mut table = Table::new("stage by stage", &columns, note);
    let rows: [(&str, &Used, usize); 7] = [
        ("webhook-ingest, 1 webhook", &stages.ingest, 1),
        ("event-enricher, 1 changed ticket", &stages.enricher[0], 1),
        ("event-enricher, 100 changed tickets", &stages.enricher[1], BATCH),
        ("follow-up-on-settlement, 1 event", &stages.handler[0], 1),
        ("follow-up-on-settlement, 10 events", &stages.handler[1], 10),
        ("action-worker, 1 action", &stages.worker[0], 1),
        ("action-worker, 10 actions on 10 tickets", &stages.worker[1], 10),
    ];
    for (name, used, count) in rows {
        let each = number(count);
        let metrics = [
            ms(used.took),
            each / used.took.as_secs_f64(),
            ms(used.cpu) / each,
            large(used.requests) / each,
            large(used.all_calls()) / each,
            large(used.logged) / each,
        ];
        table.row(name, metrics);
    }
    let mut calls = String::from(" AWS calls of 100 changed tickets:");
    for (operation, count) in &stages.enricher[1].calls {
        let _ = write!(calls, " {count} {operation}");
    }
    table.note.push_str(&calls);
    Ok((table, stages))
}

/// An enricher that has worked on one ticket, so that it knows names and has its connections.
pub(crate) async fn warmed(stage: &Bench) -> Result<Instance> {
    let mut instance = stage.start("event-enricher").await?;
    let event: Bytes = hints(&stage.vendor.tickets(BATCH, 20).await?)?;
    instance.invoke(&event).await?;
    Ok(instance)
}

fn per(used: &Used, count: u32) -> Used {
    let each = |number: &u64| number.checked_div(u64::from(count)).unwrap_or_default();
    let map = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(name, number)| (name.clone(), each(number))).collect()
    };
    Used {
        took: used.took.checked_div(count).unwrap_or_default(),
        cpu: used.cpu.checked_div(count).unwrap_or_default(),
        requests: each(&used.requests),
        calls: map(&used.calls),
        units: map(&used.units),
        logged: each(&used.logged),
    }
}
