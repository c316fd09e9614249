//! What actions take: one, ten on one ticket, ten on ten tickets, and a label with a created ticket.

use crate::bounds::{self, Limit};
use crate::environment::{AWS_LATENCY, Environment, Usage};
use crate::events::{actions, batch, labelled};
use crate::metrics::{from_u64, ms};
use crate::report::{Bound, Table};
use crate::whole_way;
use anyhow::{Context as _, Result};
use std::time::Duration;

/// The limits of a row on requests, write units, and time.
type Limits = (&'static Limit, &'static Limit, Option<&'static Limit>);

/// Batches of actions. The bounds on durations need an API that has a latency.
pub(crate) async fn measure(environment: &Environment, api_latency: Duration) -> Result<(Table, Vec<Bound>)> {
    environment.aws.clear();
    environment.set_latency(api_latency, AWS_LATENCY);
    let tickets = environment.vendor.tickets(14, 20).await?;
    let range = |from: usize, to: usize| tickets.get(from..to).context("no ticket");
    let labels: Vec<String> = (0..10).map(|number| format!("Label {number}")).collect();
    environment.vendor.add_labels(&labels).await?;
    let same_ticket: Vec<_> = tickets.iter().take(1).cycle().zip(labels.iter().map(String::as_str)).collect();
    let first = whole_way::decided(environment, range(13, 14)?).await?;
    let decided = whole_way::decided(environment, range(1, 2)?).await?;
    let mut worker = environment.start("action-worker").await?;
    // From here on, it knows the names of labels and workflows.
    worker.invoke(&batch(&first)).await?;
    let mut take = async |event| environment.measure(&mut worker, &[event]).await;
    let one = take(actions(labelled(range(0, 1)?), 1)?).await?;
    let on_same = take(actions(same_ticket, 2)?).await?;
    let on_ten = take(actions(labelled(range(3, 13)?), 3)?).await?;
    let created = take(batch(&decided)).await?;
    let note = format!(
        "One warm instance, one batch each; AWS responds after 5 ms, the API after {} ms. An action adds a label.",
        api_latency.as_millis()
    );
    let columns =
        ["action-worker", "took ms", "CPU ms", "API requests", "AWS calls", "write units", "read units"];
    let mut table = Table::new("action-worker", &columns, &note);
    let rows: [(&str, Usage, Limits); 4] = [
        ("1 action", one, (&bounds::ACTION_REQUESTS, &bounds::ACTION_WRITES, Some(&bounds::ACTION_TIME))),
        (
            "10 actions on one ticket",
            on_same,
            (&bounds::SAME_TICKET_REQUESTS, &bounds::SAME_TICKET_WRITES, Some(&bounds::SAME_TICKET_TIME)),
        ),
        (
            "10 actions on 10 tickets",
            on_ten.clone(),
            (&bounds::TEN_TICKETS_REQUESTS, &bounds::TEN_TICKETS_WRITES, Some(&bounds::TEN_TICKETS_TIME)),
        ),
        ("a label and a created ticket", created, (&bounds::CREATE_REQUESTS, &bounds::CREATE_WRITES, None)),
    ];
    let mut bounds = vec![bounds::ACTION_CALLS.measured(on_ten.all_calls() / 10.0)];
    for (name, usage, (requests, writes, time)) in &rows {
        table.row(*name, usage.columns());
        bounds.push(requests.measured(from_u64(usage.requests)));
        bounds.push(writes.measured(usage.write_units()));
        let time = time.filter(|_| !api_latency.is_zero());
        bounds.extend(time.map(|time| time.measured(ms(usage.duration))));
    }
    Ok((table, bounds))
}
