//! Starts, first and warm invocations, memory and sizes, beside the smallest functions that there can be.

use crate::events::{actions, events, hints, request};
use crate::metrics::{at, ms, number};
use crate::report::{Bound, Table};
use crate::stage::Bench;
use anyhow::{Context as _, Result};
use axum::body::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

/// Every function, and the echo that it is compared with.
const FUNCTIONS: [(&str, &str); 8] = [
    ("echo-http", "echo-http"),
    ("webhook-ingest", "echo-http"),
    ("echo-event", "echo-event"),
    ("event-enricher", "echo-event"),
    ("follow-up-on-settlement", "echo-event"),
    ("action-worker", "echo-event"),
    ("reconciler", "echo-event"),
    ("credential-rotator", "echo-event"),
];
const MB: f64 = 1_000_000.0;

/// The medians of a number of starts of every function, interleaved, so that a noisy moment is everybody's.
pub(crate) async fn starts(stage: &Bench, rounds: usize) -> Result<(Table, Vec<Bound>)> {
    let tickets = stage.vendor.tickets(1, 20).await?;
    let mut ready: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut first: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for (function, _) in FUNCTIONS {
            stage.aws.forget();
            let mut instance = stage.start(function).await?;
            ready.entry(function).or_default().push(ms(instance.ready_after));
            if let Some(event) = first_event(function, &tickets, round)? {
                let invoked = instance.invoke(&event).await?;
                first.entry(function).or_default().push(ms(invoked.took));
            }
        }
    }
    let columns = ["function", "median ms", "min", "max", "× echo", "first invocation ms"];
    let note = "From the start of the process to its first question for work. A first invocation makes its connections.";
    let mut table = Table::new(&format!("starts ({rounds} of each, interleaved)"), &columns, note);
    let median = |function: &str| ready.get(function).map_or(f64::NAN, |all| at(0.5, all));
    for (function, echo) in FUNCTIONS {
        let Some(all) = ready.get(function) else { continue };
        let first = first.get(function).map_or(f64::NAN, |all| at(0.5, all));
        let ratio = at(0.5, all) / median(echo);
        table.row(function, [at(0.5, all), at(0.0, all), at(1.0, all), ratio, first]);
    }
    let bound = |function: &str, echo: &str, most| {
        Bound::timed(format!("{function}: start"), median(function) / median(echo), most, "× echo")
    };
    let bounds = vec![
        bound("webhook-ingest", "echo-http", 3.0),
        bound("event-enricher", "echo-event", 5.0),
        bound("action-worker", "echo-event", 5.0),
    ];
    Ok((table, bounds))
}

/// Warm invocations of the door, interleaved with the echo's.
pub(crate) async fn warm(stage: &Bench, invocations: usize) -> Result<(Table, Vec<Bound>)> {
    let (visit, webhook) = (request("GET", ""), request("POST", r#"{"id": "t-1"}"#));
    let mut echo = stage.start("echo-http").await?;
    let mut ingest = stage.start("webhook-ingest").await?;
    let mut took: [Vec<f64>; 3] = Default::default();
    let [of_echo, of_visit, of_webhook] = &mut took;
    ingest.invoke(&webhook).await?;
    for _ in 0..invocations {
        of_echo.push(ms(echo.invoke(&visit).await?.took));
        of_visit.push(ms(ingest.invoke(&visit).await?.took));
        of_webhook.push(ms(ingest.invoke(&webhook).await?.took));
    }
    let note = "A GET with the right token does all that a webhook does but for the queue. The queue answers at once.";
    let columns = ["invocation", "p50 ms", "p99 ms", "p50 × echo"];
    let mut table =
        Table::new(&format!("warm invocations ({invocations} of each, interleaved)"), &columns, note);
    let names = ["echo-http", "webhook-ingest, GET", "webhook-ingest, webhook with its SQS call"];
    let [echo, visit, _] = &took;
    let ratio = at(0.5, visit) / at(0.5, echo);
    for (name, times) in names.into_iter().zip(&took) {
        table.row(name, [at(0.5, times), at(0.99, times), at(0.5, times) / at(0.5, echo)]);
    }
    Ok((table, vec![Bound::timed("webhook-ingest: warm, without SQS", ratio, 1.5, "× echo")]))
}

/// The most memory of each function after batches of 100 messages, and the sizes of its binary and its package.
pub(crate) async fn sizes(stage: &Bench) -> Result<(Table, Vec<Bound>)> {
    let tickets = stage.vendor.tickets(100, 20).await?;
    let columns = ["function", "binary MB", "zipped MB", "peak MiB"];
    let note = "Memory is VmHWM after three batches of 100 messages, where the function takes batches.";
    let mut table = Table::new("sizes and memory", &columns, note);
    let mut bounds = Vec::new();
    for (function, _) in FUNCTIONS {
        let bytes = fs::read(stage.binary(function)).with_context(|| format!("{function} is not built"))?;
        let (own, zipped) = (number(bytes.len()) / MB, number(zipped(&bytes)?) / MB);
        stage.aws.forget();
        let mut instance = stage.start(function).await?;
        for round in 0..3 {
            stage.vendor.change(&tickets, round).await?;
            if let Some(event) = full_event(function, &tickets, round)? {
                instance.invoke(&event).await?;
            }
        }
        let peak = number(usize::try_from(instance.peak_kib()?)?) / 1_024.0;
        table.row(function, [own, zipped, peak]);
        if !function.starts_with("echo") {
            let most = if function == "webhook-ingest" { 3.0 } else { 5.0 };
            bounds.push(Bound::stable(format!("{function}: zipped"), zipped, most, "MB"));
            bounds.push(Bound::stable(format!("{function}: peak memory"), peak, 32.0, "MiB"));
        }
    }
    Ok((table, bounds))
}

/// What a function is sent first; nothing where all that it could do is outside of the stage.
fn first_event(function: &str, tickets: &[String], round: usize) -> Result<Option<Bytes>> {
    Ok(match function {
        "echo-http" => Some(request("POST", "{}")),
        "webhook-ingest" => Some(request("POST", r#"{"id": "t-1"}"#)),
        "event-enricher" => Some(hints(tickets)?),
        "follow-up-on-settlement" => Some(events(1)),
        "action-worker" => Some(actions(tickets, round)?),
        "echo-event" | "reconciler" => Some(Bytes::from_static(b"{}")),
        _ => None,
    })
}

fn full_event(function: &str, tickets: &[String], round: u32) -> Result<Option<Bytes>> {
    let events = || events(tickets.len());
    Ok(match function {
        "event-enricher" => Some(hints(tickets)?),
        "follow-up-on-settlement" | "echo-event" => Some(events()),
        "action-worker" => Some(actions(tickets, usize::try_from(round)?)?),
        _ => first_event(function, tickets, 0)?,
    })
}

/// The size of a package with this file in it: the file deflated, without the few bytes around it.
fn zipped(bytes: &[u8]) -> Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
