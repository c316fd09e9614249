//! Start times and warm invocations compared with the smallest possible functions, package sizes and memory.

use crate::bounds::{self, Limit};
use crate::environment::Environment;
use crate::events::{actions, events, hints, labelled, request, webhook};
use crate::metrics::{from_u64, from_usize, median, ms};
use crate::report::{Bound, Table};
use anyhow::{Context as _, Result};
use axum::body::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;

/// The functions whose start time has a bound: name, baseline, and the limit as a multiple of the baseline's start.
const STARTS: [(&str, &str, &Limit); 3] = [
    ("webhook-ingest", "baseline-http", &bounds::START_INGEST),
    ("event-enricher", "baseline-event", &bounds::START),
    ("action-worker", "baseline-event", &bounds::START),
];
/// The functions whose size and memory have a bound.
const SIZES: [&str; 9] = [
    "webhook-ingest",
    "event-enricher",
    "follow-up-on-settlement",
    "digest-of-stalled-tickets", // the one handler that reads
    "action-worker",
    "reconciler",
    "credential-rotator",
    "alarm-notifier",
    "version-check",
];
/// Bytes of a megabyte.
const MB: f64 = 1_000_000.0;

/// The median start time of each function. Starts are interleaved, so that noise of the machine affects all alike.
pub(crate) async fn starts(environment: &Environment, rounds: usize) -> Result<(Table, Vec<Bound>)> {
    let mut times: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for function in ["baseline-http", "baseline-event"].into_iter().chain(STARTS.map(|(name, ..)| name)) {
            let instance = environment.start(function).await?;
            times.entry(function).or_default().push(ms(instance.ready_after));
        }
    }
    let note = "From the start of the process to its first request for an event.";
    let columns = ["function", "median ms", "× baseline"];
    let mut table = Table::new(&format!("starts ({rounds} of each, interleaved)"), &columns, note);
    let start = |function: &str| times.get(function).map_or(f64::NAN, |times| median(times));
    let mut bounds = Vec::new();
    for (function, baseline, limit) in STARTS {
        let ratio = start(function) / start(baseline);
        table.row(function, [start(function), ratio]);
        bounds.push(limit.of(function, ratio));
    }
    Ok((table, bounds))
}

/// Warm invocations of webhook-ingest, interleaved with the baseline's.
pub(crate) async fn warm(environment: &Environment, invocations: usize) -> Result<(Table, Vec<Bound>)> {
    let visit = request("GET", "");
    let mut baseline = environment.start("baseline-http").await?;
    let mut ingest = environment.start("webhook-ingest").await?;
    let (mut of_baseline, mut of_ingest) = (Vec::new(), Vec::new());
    ingest.invoke(&visit).await?;
    for _ in 0..invocations {
        of_baseline.push(ms(baseline.invoke(&visit).await?.duration));
        of_ingest.push(ms(ingest.invoke(&visit).await?.duration));
    }
    let note = "A GET with the right token does everything that a webhook does except for sending to SQS.";
    let title = format!("warm invocations ({invocations} of each, interleaved)");
    let mut table = Table::new(&title, &["function", "median ms", "× baseline"], note);
    let (baseline, ingest) = (median(&of_baseline), median(&of_ingest));
    let ratio = ingest / baseline;
    table.row("webhook-ingest, GET", [ingest, ratio]);
    Ok((table, vec![bounds::WARM_INGEST.measured(ratio)]))
}

/// Each function's zipped size, and its peak memory after three batches of 100 messages.
pub(crate) async fn sizes(environment: &Environment) -> Result<(Table, Vec<Bound>)> {
    let tickets = environment.vendor.tickets(100, 20).await?;
    let note = "Peak memory is VmHWM after three batches of 100 messages, if the function takes batches.";
    let mut table = Table::new("sizes and memory", &["function", "zipped MB", "peak MiB"], note);
    let mut bounds = Vec::new();
    for function in SIZES {
        let bytes =
            fs::read(environment.binary(function)).with_context(|| format!("{function} is not built"))?;
        let zipped = from_usize(zipped(&bytes)?) / MB;
        environment.aws.clear();
        let mut instance = environment.start(function).await?;
        for round in 0..3 {
            environment.vendor.change(&tickets, round).await?;
            if let Some(event) = event(function, &tickets, round)? {
                instance.invoke(&event).await?;
            }
        }
        let peak = from_u64(instance.peak_kib()?) / 1_024.0;
        table.row(function, [zipped, peak]);
        bounds.push(match function {
            "webhook-ingest" => bounds::ZIPPED_INGEST.measured(zipped),
            _ => bounds::ZIPPED.of(function, zipped),
        });
        bounds.push(bounds::PEAK_MEMORY.of(function, peak));
    }
    Ok((table, bounds))
}

/// The largest event that a function gets; none if the environment has nothing for it to work on.
fn event(function: &str, tickets: &[String], round: u32) -> Result<Option<Bytes>> {
    Ok(match function {
        "webhook-ingest" => Some(webhook("t-1")),
        "event-enricher" => Some(hints(tickets)?),
        "follow-up-on-settlement" => Some(events(tickets.len())),
        "action-worker" => Some(actions(labelled(tickets), usize::try_from(round)?)?),
        "reconciler" => Some(Bytes::from_static(b"{}")),
        _ => None,
    })
}

/// The size of a package with this file: the deflated file, without the ZIP headers.
fn zipped(bytes: &[u8]) -> Result<usize> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}
