//! Usage of each function of the pipeline: the enricher's batches, and the inputs of the cost model.

use crate::environment::{AWS_LATENCY, Environment, Usage};
use crate::events::{actions, events, hints, request};
use crate::lambda::Instance;
use crate::metrics::{from_u64, ms};
use crate::report::{Bound, Table};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const BATCH: usize = 100;
/// The AWS calls that 100 changed tickets need: `BatchGetItem` takes 100 keys, `TransactWriteItems` 100 items, of which a
/// ticket needs two (snapshot and journal) and then one (its outbox emptied), `PublishBatch` 10 events. 1 + 2 + 1 + 10.
const MIN_CALLS: f64 = 14.0;
/// The latency of the API in the cost model.
const API_LATENCY: Duration = Duration::from_millis(200);

/// Usage of each function with a single message and with a full batch.
#[derive(Debug, Default)]
pub(crate) struct CostInputs {
    /// One webhook.
    pub(crate) ingest: Usage,
    /// A batch of 1 hint and of 100, each on a changed ticket.
    pub(crate) enricher: [Usage; 2],
    /// A batch of 1 event and of 10.
    pub(crate) handler: [Usage; 2],
    /// A batch of 1 action and of 10.
    pub(crate) worker: [Usage; 2],
}

/// Batches of 100 hints. The bound on the duration needs an API that has a latency.
pub(crate) async fn enricher(
    environment: &Environment,
    api_latency: Duration,
) -> Result<(Table, Vec<Bound>)> {
    environment.aws.clear();
    environment.set_latency(api_latency, AWS_LATENCY);
    let tickets = environment.vendor.tickets(BATCH, 20).await?;
    let few: Vec<String> = tickets.iter().take(10).cycle().take(BATCH).cloned().collect();
    let mut instance = warm_enricher(environment).await?;
    instance.invoke(&hints(&tickets)?).await?;
    environment.vendor.change(&tickets, 1).await?;
    let changed = environment.measure(&mut instance, &[hints(&tickets)?]).await?;
    let repeated = environment.measure(&mut instance, &[hints(&few)?]).await?;
    let note = format!(
        "One warm instance; AWS responds after 5 ms, the API after {} ms. Calls for 100 changed tickets:",
        api_latency.as_millis()
    );
    let columns = ["batch of 100 hints", "took ms", "API requests", "AWS calls"];
    let mut table = Table::new("event-enricher", &columns, &note);
    for (operation, count) in &changed.calls {
        let _ = write!(table.note, " {count} {operation}");
    }
    for (name, usage) in [("100 changed tickets", &changed), ("10 unchanged tickets", &repeated)] {
        table.row(name, [ms(usage.duration), from_u64(usage.requests), from_u64(usage.all_calls())]);
    }
    let (of_hundred, of_ten) = (from_u64(changed.requests), from_u64(repeated.requests));
    let calls = from_u64(changed.all_calls());
    let mut bounds = vec![
        Bound::stable("API requests, 100 hints on 100 tickets", of_hundred, 4.0, "requests"),
        Bound::stable("API requests, 100 hints on 10 tickets", of_ten, 1.0, "requests"),
        Bound::stable("AWS calls, 100 changed tickets (minimum 14)", calls, MIN_CALLS * 1.2, "calls"),
    ];
    if !api_latency.is_zero() {
        let round_trip = environment.vendor.round_trip(&tickets).await?;
        let name = format!("event-enricher: 100 changed tickets, API at {} ms", api_latency.as_millis());
        let ratio = ms(changed.duration) / ms(round_trip);
        bounds.push(Bound::timed(name, ratio, 2.5, "× one API round trip"));
    }
    Ok((table, bounds))
}

/// Measures each function with a single message and with a full batch.
pub(crate) async fn cost_inputs(environment: &Environment) -> Result<(Table, CostInputs)> {
    environment.aws.clear();
    environment.set_latency(API_LATENCY, AWS_LATENCY);
    let tickets = environment.vendor.tickets(BATCH, 20).await?;
    let range = |from: usize, to: usize| tickets.get(from..to).unwrap_or_default();
    let mut inputs = CostInputs::default();
    let mut ingest = environment.start("webhook-ingest").await?;
    let webhook = request("POST", r#"{"id": "t-1"}"#);
    ingest.invoke(&webhook).await?;
    inputs.ingest = per_message(&environment.measure(&mut ingest, &vec![webhook; 20]).await?, 20);
    let mut enricher = warm_enricher(environment).await?;
    enricher.invoke(&hints(&tickets)?).await?;
    environment.vendor.change(range(0, 1), 1).await?;
    let single = environment.measure(&mut enricher, &[hints(range(0, 1))?]).await?;
    environment.vendor.change(&tickets, 2).await?;
    inputs.enricher = [single, environment.measure(&mut enricher, &[hints(&tickets)?]).await?];
    let mut handler = environment.start("follow-up-on-settlement").await?;
    handler.invoke(&events(1)).await?;
    let single = environment.measure(&mut handler, &[events(1)]).await?;
    inputs.handler = [single, environment.measure(&mut handler, &[events(10)]).await?];
    let mut worker = environment.start("action-worker").await?;
    worker.invoke(&actions(range(90, 91), 0)?).await?;
    let single = environment.measure(&mut worker, &[actions(range(20, 21), 1)?]).await?;
    inputs.worker = [single, environment.measure(&mut worker, &[actions(range(0, 10), 2)?]).await?];
    Ok((inputs_table(&inputs), inputs))
}

fn inputs_table(inputs: &CostInputs) -> Table {
    let columns = ["batch", "took ms", "CPU ms", "write units", "read units", "log bytes"];
    let note = "Per batch, one warm instance; AWS responds after 5 ms, the API after 200 ms. An action adds a label.";
    let mut table = Table::new("inputs of the cost model", &columns, note);
    let rows: [(&str, &Usage); 7] = [
        ("webhook-ingest, 1 webhook", &inputs.ingest),
        ("event-enricher, 1 changed ticket", &inputs.enricher[0]),
        ("event-enricher, 100 changed tickets", &inputs.enricher[1]),
        ("follow-up-on-settlement, 1 event", &inputs.handler[0]),
        ("follow-up-on-settlement, 10 events", &inputs.handler[1]),
        ("action-worker, 1 action", &inputs.worker[0]),
        ("action-worker, 10 actions on 10 tickets", &inputs.worker[1]),
    ];
    for (name, usage) in rows {
        let [write, read] = ["write", "read"].map(|kind| from_u64(usage.units_of(kind)));
        table.row(name, [ms(usage.duration), ms(usage.cpu), write, read, from_u64(usage.logged)]);
    }
    table
}

/// An enricher that has processed one batch: it has its connections and knows the names of workflows and labels.
pub(crate) async fn warm_enricher(environment: &Environment) -> Result<Instance> {
    let mut instance = environment.start("event-enricher").await?;
    let event = hints(&environment.vendor.tickets(BATCH, 20).await?)?;
    instance.invoke(&event).await?;
    Ok(instance)
}

fn per_message(usage: &Usage, count: u32) -> Usage {
    let each = |number: u64| number.checked_div(u64::from(count)).unwrap_or_default();
    let each_of = |counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(name, number)| (name.clone(), each(*number))).collect()
    };
    Usage {
        duration: usage.duration.checked_div(count).unwrap_or_default(),
        cpu: usage.cpu.checked_div(count).unwrap_or_default(),
        requests: each(usage.requests),
        calls: each_of(&usage.calls),
        units: each_of(&usage.units),
        logged: each(usage.logged),
    }
}
