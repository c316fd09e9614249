//! How cost grows: with the number of hints, of distinct tickets, and with the size of a ticket.

use crate::events::hints;
use crate::metrics::{at, large, ms, number};
use crate::pipeline::warmed;
use crate::report::{Bound, Table};
use crate::stage::{Bench, Used};
use anyhow::Result;
use axum::body::Bytes;
use std::time::Duration;

const BATCH: usize = 100;
const COLUMNS: [&str; 7] =
    ["", "took ms", "CPU µs each", "API requests", "AWS calls", "calls each", "peak MiB"];

/// From one hint to `most`, each on a ticket of its own that was never seen.
pub(crate) async fn hints_and_tickets(stage: &Bench, most: usize) -> Result<(Vec<Table>, Vec<Bound>)> {
    stage.answer_after(Duration::ZERO, Duration::ZERO);
    let tickets = stage.vendor.tickets(most, 20).await?;
    let note = "One instance, batches of at most 100, nobody far away.";
    let mut by_hints = Table::new("more hints, each on a ticket never seen", &COLUMNS, note);
    let mut small = f64::NAN;
    let mut ends = f64::NAN;
    for count in sizes(most) {
        // What is small is done several times: one batch alone is mostly noise.
        let times = if count <= BATCH { 15 } else { 1 };
        let mut instance = warmed(stage).await?;
        let batches = batches(tickets.iter().take(count))?;
        let mut all: Vec<Used> = Vec::new();
        for _ in 0..times {
            stage.aws.forget();
            all.push(stage.used(&mut instance, &batches).await?);
        }
        let cpu: Vec<f64> = all.iter().map(|used| ms(used.cpu) * 1_000.0 / number(count)).collect();
        let cpu = at(0.5, &cpu);
        if count == BATCH {
            small = cpu;
        }
        ends = cpu;
        let Some(used) = all.last() else { continue };
        row(&mut by_hints, &format!("{count} hints"), used, cpu, count, instance.peak_kib()?);
    }
    let mut by_tickets = Table::new(&format!("{most} hints on so many tickets"), &COLUMNS, note);
    for count in sizes(most) {
        stage.aws.forget();
        let mut instance = warmed(stage).await?;
        let batches = batches(tickets.iter().take(count).cycle().take(most))?;
        let used = stage.used(&mut instance, &batches).await?;
        let cpu = ms(used.cpu) * 1_000.0 / number(most);
        row(&mut by_tickets, &format!("{count} tickets"), &used, cpu, most, instance.peak_kib()?);
    }
    let flat = Bound::timed(format!("CPU of a hint among {most}, to one among 100"), ends / small, 1.1, "×");
    Ok((vec![by_hints, by_tickets], vec![flat]))
}

/// Batches of 25 tickets of growing size.
pub(crate) async fn ticket_sizes(stage: &Bench) -> Result<Table> {
    stage.answer_after(Duration::ZERO, Duration::ZERO);
    let note = "25 tickets never seen, one API request. The size is in what the enricher asks for and does not keep.";
    let mut table = Table::new("larger tickets", &COLUMNS, note);
    for bytes in [1_000, 10_000, 100_000, 500_000] {
        stage.aws.forget();
        let tickets = stage.vendor.tickets(25, bytes).await?;
        let mut instance = warmed(stage).await?;
        let used = stage.used(&mut instance, &[hints(&tickets)?]).await?;
        let cpu = ms(used.cpu) * 1_000.0 / 25.0;
        row(&mut table, &format!("{bytes} bytes each"), &used, cpu, 25, instance.peak_kib()?);
    }
    Ok(table)
}

fn row(table: &mut Table, name: &str, used: &Used, cpu: f64, count: usize, peak_kib: u64) {
    let calls = large(used.all_calls());
    let metrics =
        [ms(used.took), cpu, large(used.requests), calls, calls / number(count), large(peak_kib) / 1_024.0];
    table.row(name, metrics);
}

fn batches<'a>(tickets: impl Iterator<Item = &'a String>) -> Result<Vec<Bytes>> {
    let tickets: Vec<String> = tickets.cloned().collect();
    tickets.chunks(BATCH).map(hints).collect()
}

/// 1, 10, 100 and so on, as far as `most`.
fn sizes(most: usize) -> Vec<usize> {
    std::iter::successors(Some(1_usize), |size| size.checked_mul(10))
        .take_while(|size| *size <= most)
        .collect()
}
