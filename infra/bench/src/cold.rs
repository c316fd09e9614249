//! The cold path of each function, with TLS on both sides of loopback: start, secrets, handshakes, and the first batch.

use crate::environment::{AWS_LATENCY, Environment, Usage};
use crate::events::{actions, events, hints, labelled, webhook};
use crate::metrics::{from_u64, median, ms};
use crate::report::Table;
use anyhow::{Context as _, Result};
use axum::body::Bytes;
use std::time::Duration;

const FUNCTIONS: [&str; 4] = ["webhook-ingest", "event-enricher", "follow-up-on-settlement", "action-worker"];
/// Starts of each, with and without TLS in turn.
const ROUNDS: u32 = 7;

/// A cold start.
#[derive(Debug)]
struct Start {
    ready: f64,
    first: Usage,
    second: Usage,
}

/// Starts each function with TLS and without, and gives it two batches of one message.
pub(crate) async fn measure(plain: &Environment, encrypted: &Environment) -> Result<Table> {
    let columns = [
        "function",
        "start ms",
        "first batch ms",
        "of it TLS",
        "CPU ms",
        "of it TLS",
        "handshakes",
        "secret reads",
        "AWS calls",
        "second batch ms",
    ];
    let note = "Medians; one message in a batch, on a ticket never seen; AWS responds after 5 ms, the API at once. Of it TLS: more than the \
                same start in turn without TLS. A handshake takes no time on a network here, and verifies a chain of one.";
    let mut table = Table::new(&format!("cold path with TLS ({ROUNDS} starts)"), &columns, note);
    for environment in [plain, encrypted] {
        environment.set_latency(Duration::ZERO, AWS_LATENCY);
        environment.aws.clear();
    }
    for function in FUNCTIONS {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            without.push(start(plain, function, round).await?);
            with.push(start(encrypted, function, round).await?);
        }
        let of = |starts: &[Start], value: fn(&Start) -> f64| {
            median(&starts.iter().map(value).collect::<Vec<_>>())
        };
        let [first, cpu]: [fn(&Start) -> f64; 2] =
            [|start| ms(start.first.duration), |start| ms(start.first.cpu)];
        let row = [
            of(&with, |start| start.ready),
            of(&with, first),
            of(&with, first) - of(&without, first),
            of(&with, cpu),
            of(&with, cpu) - of(&without, cpu),
            of(&with, |start| from_u64(start.first.handshakes)),
            of(&with, |start| start.first.calls_of("GetSecretValue")),
            of(&with, |start| start.first.all_calls()),
            of(&with, |start| ms(start.second.duration)),
        ];
        table.row(function, row);
    }
    Ok(table)
}

async fn start(environment: &Environment, function: &str, round: u32) -> Result<Start> {
    let tickets = environment.vendor.tickets(1, 20).await?;
    let mut instance = environment.start(function).await?;
    let ready = ms(instance.ready_after);
    let mut batch = async |serial: u32| {
        environment.vendor.change(&tickets, serial).await?;
        environment
            .measure(
                &mut instance,
                &[event(function, &tickets, round.saturating_mul(2).saturating_add(serial))?],
            )
            .await
    };
    Ok(Start { ready, first: batch(0).await?, second: batch(1).await? })
}

fn event(function: &str, tickets: &[String], serial: u32) -> Result<Bytes> {
    Ok(match function {
        "webhook-ingest" => webhook(tickets.first().context("no ticket")?),
        "event-enricher" => hints(tickets)?,
        "follow-up-on-settlement" => events(1),
        _ => actions(labelled(tickets), usize::try_from(serial)?.saturating_add(100))?,
    })
}
