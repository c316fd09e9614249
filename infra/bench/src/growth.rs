//! How the enricher's usage grows with the number of hints and with the size of a ticket.

use crate::bounds;
use crate::enricher;
use crate::environment::{Environment, Usage};
use crate::events::hints;
use crate::metrics::{from_u64, from_usize, median, ms};
use crate::report::{Bound, Table};
use anyhow::Result;
use axum::body::Bytes;
use std::time::Duration;

const BATCH: usize = 100;
const COLUMNS: [&str; 5] = ["", "CPU µs per hint", "API requests", "AWS calls", "peak MiB"];
/// The size of a large ticket, in bytes.
const LARGE_TICKET: usize = 500_000;

/// From one hint to `max`, each on its own new ticket; and 25 large tickets.
pub(crate) async fn measure(environment: &Environment, max: usize) -> Result<(Table, Vec<Bound>)> {
    environment.set_latency(Duration::ZERO, Duration::ZERO);
    let tickets = environment.vendor.tickets(max, 20).await?;
    let note = "One instance, batches of at most 100, no simulated latency. The size of a large ticket is in its name.";
    let mut table = Table::new("growth: hints, each on a new ticket", &COLUMNS, note);
    let mut cpu_of_batch = f64::NAN;
    let mut cpu_of_max = f64::NAN;
    for count in sizes(max) {
        // A single small batch is mostly noise, so it is repeated.
        let repetitions = if count <= BATCH { 15 } else { 1 };
        let name = format!("{count} hints");
        let cpu = row(&mut table, environment, &name, tickets.get(..count).unwrap_or_default(), repetitions)
            .await?;
        if count == BATCH {
            cpu_of_batch = cpu;
        }
        cpu_of_max = cpu;
    }
    let large = environment.vendor.tickets(25, LARGE_TICKET).await?;
    row(&mut table, environment, "25 hints, tickets of 500 KB", &large, 1).await?;
    Ok((table, vec![bounds::GROWTH.measured(cpu_of_max / cpu_of_batch)]))
}

/// Measures one new instance with these new tickets and adds a row; the median CPU time of a hint, in µs.
async fn row(
    table: &mut Table,
    environment: &Environment,
    name: &str,
    tickets: &[String],
    repetitions: u32,
) -> Result<f64> {
    let mut instance = enricher::warm(environment).await?;
    let batches: Vec<Bytes> = tickets.chunks(BATCH).map(hints).collect::<Result<_>>()?;
    let mut cpu = Vec::new();
    let mut last = Usage::default();
    for _ in 0..repetitions {
        environment.aws.clear();
        last = environment.measure(&mut instance, &batches).await?;
        cpu.push(ms(last.cpu) * 1_000.0 / from_usize(tickets.len()));
    }
    let cpu = median(&cpu);
    let peak_mib = from_u64(instance.peak_kib()?) / 1_024.0;
    table.row(name, [cpu, from_u64(last.requests), last.all_calls(), peak_mib]);
    Ok(cpu)
}

/// 1, 10, 100 and so on, up to `max`.
fn sizes(max: usize) -> Vec<usize> {
    std::iter::successors(Some(1_usize), |size| size.checked_mul(10))
        .take_while(|size| *size <= max)
        .collect()
}
