//! The enricher's batches: changed tickets, unchanged ones, and checks that find nothing.

use crate::bounds;
use crate::environment::{AWS_LATENCY, Environment, Usage};
use crate::events::{checks, hints};
use crate::lambda::Instance;
use crate::metrics::{from_u64, ms};
use crate::report::{Bound, Table};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const BATCH: usize = 100;

/// Batches of hints. The bounds on durations need an API that has a latency.
pub(crate) async fn measure(environment: &Environment, api_latency: Duration) -> Result<(Table, Vec<Bound>)> {
    environment.aws.clear();
    environment.set_latency(api_latency, AWS_LATENCY);
    let tickets = environment.vendor.tickets(BATCH, 20).await?;
    let one = tickets.get(..1).context("no ticket")?;
    let few: Vec<String> = tickets.iter().take(10).cycle().take(BATCH).cloned().collect();
    let mut instance = warm(environment).await?;
    instance.invoke(&hints(&tickets)?).await?;
    environment.vendor.change(&tickets, 0).await?;
    let changed = environment.measure(&mut instance, &[hints(&tickets)?]).await?;
    let repeated = environment.measure(&mut instance, &[hints(&few)?]).await?;
    environment.vendor.change(one, 1).await?;
    let single = environment.measure(&mut instance, &[hints(one)?]).await?;
    let checked = environment.measure(&mut instance, &[checks(&tickets)?]).await?;
    let check = environment.measure(&mut instance, &[checks(one)?]).await?;
    let note = format!(
        "One warm instance; AWS responds after 5 ms, the API after {} ms. Calls for 100 changed tickets:",
        api_latency.as_millis()
    );
    let columns =
        ["batch of hints", "took ms", "CPU ms", "API requests", "AWS calls", "write units", "read units"];
    let mut table = Table::new("event-enricher", &columns, &note);
    for (operation, count) in &changed.calls {
        let _ = write!(table.note, " {count} {operation}");
    }
    let rows = [
        ("100 changed tickets", &changed),
        ("100 hints on 10 unchanged tickets", &repeated),
        ("1 changed ticket", &single),
        ("100 checks that find nothing", &checked),
        ("1 check that finds nothing", &check),
    ];
    for (name, usage) in rows {
        table.row(name, usage.columns());
    }
    let mut bounds = vec![
        bounds::REQUESTS_HUNDRED.measured(from_u64(changed.requests)),
        bounds::REQUESTS_TEN.measured(from_u64(repeated.requests)),
        bounds::CALLS_HUNDRED.measured(changed.all_calls()),
        bounds::WRITES_HUNDRED.measured(changed.write_units()),
        bounds::WRITES_ONE.measured(single.write_units()),
        bounds::INDEX_ONE.measured(single.index_units()),
        bounds::CHECK_WRITES.measured(check.write_units()),
        bounds::CHECKS_WRITES.measured(checked.write_units()),
        bounds::CHECK_CALLS.measured(check.all_calls()),
        bounds::CHECKS_CALLS.measured(checked.all_calls()),
        bounds::CHECKS_REQUESTS.measured(from_u64(checked.requests)),
    ];
    if !api_latency.is_zero() {
        let round_trip = environment.vendor.round_trip(&tickets).await?;
        bounds.push(bounds::HUNDRED_TIME.measured(ms(changed.duration) / ms(round_trip)));
        bounds.extend(one_hint(environment, &mut instance, one).await?);
    }
    Ok((table, bounds))
}

/// How long one hint on a changed ticket takes if Salestrekker responds at once: the median of some.
async fn one_hint(
    environment: &Environment,
    instance: &mut Instance,
    ticket: &[String],
) -> Result<[Bound; 2]> {
    environment.set_latency(Duration::ZERO, AWS_LATENCY);
    let (mut published, mut whole) = (Vec::new(), Vec::new());
    for round in 0..15 {
        environment.vendor.change(ticket, round).await?;
        let event = hints(ticket)?;
        let start = Instant::now();
        let invocation = instance.invoke(&event).await?;
        let at = environment.aws.published_at().context("no event was published")?;
        published.push(ms(at.saturating_duration_since(start)));
        whole.push(ms(invocation.duration));
    }
    let [published, whole] = [published, whole].map(|times| crate::metrics::median(&times));
    Ok([bounds::HINT_PUBLISHED.measured(published), bounds::HINT_WHOLE.measured(whole)])
}

/// An enricher that has processed one batch: it has its connections and knows the names of workflows and labels.
pub(crate) async fn warm(environment: &Environment) -> Result<Instance> {
    let mut instance = environment.start("event-enricher").await?;
    let event = hints(&environment.vendor.tickets(BATCH, 20).await?)?;
    instance.invoke(&event).await?;
    Ok(instance)
}

impl Usage {
    /// The columns of a row: duration and CPU in ms, API requests, AWS calls, write and read units.
    pub(crate) fn columns(&self) -> [f64; 6] {
        [
            ms(self.duration),
            ms(self.cpu),
            from_u64(self.requests),
            self.all_calls(),
            self.write_units(),
            self.read_units(),
        ]
    }
}
