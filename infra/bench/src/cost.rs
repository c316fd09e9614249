//! What a million webhooks cost in ap-southeast-2, by component, at chosen memory sizes.
//!
//! A duration is waiting and working. Waiting is what was measured by the clock less what was measured on the CPU; working
//! takes longer with less memory, as Lambda gives a function a CPU's share by its memory.

use crate::metrics::large;
use crate::pipeline::Stages;
use crate::report::Table;
use crate::stage::Used;

/// List prices in dollars, without free tiers, from aws.amazon.com/{lambda,sqs,dynamodb,eventbridge,cloudwatch}/pricing, as
/// remembered in November 2026; no page with Sydney's could be read then: check them before anything rests on them. Lambda's is
/// the one that `janritter/aws-lambda-live-tuner` on GitHub has for arm64 in ap-southeast-2.
const PRICES: Prices = Prices {
    lambda_gb_second: 0.000_013_333_4,
    lambda_request: 0.20 / MILLION,
    sqs: 0.40 / MILLION,
    sqs_fifo: 0.50 / MILLION,
    write_unit: 0.711_5 / MILLION,
    read_unit: 0.142_3 / MILLION,
    event: 1.00 / MILLION,
    log_gb: 0.67,
};
const MILLION: f64 = 1_000_000.0;
/// "At 1,769 MB, a function has the equivalent of one vCPU" (AWS Lambda Developer Guide, "Configure memory").
const WHOLE_CPU_MB: f64 = 1_769.0;
/// What Lambda itself logs of an invocation: its START, END and REPORT lines.
const LOGGED_BY_LAMBDA: f64 = 400.0;
const MEMORY_MB: [f64; 4] = [128.0, 256.0, 512.0, 1_024.0];

struct Prices {
    lambda_gb_second: f64,
    lambda_request: f64,
    sqs: f64,
    sqs_fifo: f64,
    write_unit: f64,
    read_unit: f64,
    event: f64,
    log_gb: f64,
}

/// What one webhook leads to.
struct Step<'a> {
    name: &'static str,
    used: &'a Used,
    /// Messages in the batch that was measured.
    batch: f64,
    /// Messages of this kind for a webhook.
    each: f64,
}

/// The tables: quiet (each message a batch of its own) and busy (full batches).
pub(crate) fn tables(stages: &Stages) -> Vec<Table> {
    // One webhook in this model changes one ticket, makes one event, which one handler answers with two actions.
    let step = |name, used, batch, each| Step { name, used, batch, each };
    let [enricher, handler, worker] = [&stages.enricher, &stages.handler, &stages.worker];
    let quiet = [
        step("webhook-ingest", &stages.ingest, 1.0, 1.0),
        step("event-enricher", &enricher[0], 1.0, 1.0),
        step("follow-up-on-settlement", &handler[0], 1.0, 1.0),
        step("action-worker", &worker[0], 1.0, 2.0),
    ];
    let busy = [
        step("webhook-ingest", &stages.ingest, 1.0, 1.0),
        step("event-enricher", &enricher[1], 100.0, 1.0),
        step("follow-up-on-settlement", &handler[1], 10.0, 1.0),
        step("action-worker", &worker[1], 10.0, 2.0),
    ];
    vec![table("quiet: every message a batch of its own", &quiet), table("busy: full batches", &busy)]
}

fn table(title: &str, steps: &[Step<'_>]) -> Table {
    let note = "One changed ticket, one event, one handler, two actions a webhook. arm64. List prices, to be checked (cost.rs).";
    let columns = ["component", "128 MB", "256 MB", "512 MB", "1024 MB"];
    let mut table = Table::new(&format!("dollars for a million webhooks, {title}"), &columns, note);
    let mut sums = [0.0; 4];
    let mut add = |table: &mut Table, name: String, dollars: [f64; 4]| {
        for (sum, dollars) in sums.iter_mut().zip(dollars) {
            *sum += dollars;
        }
        table.row(name, dollars);
    };
    for step in steps {
        add(&mut table, format!("Lambda, {}", step.name), MEMORY_MB.map(|memory| step.lambda(memory)));
    }
    // Queues: each message is sent, received and deleted; batches of ten share a request, and an entry of its own does not.
    let Prices { sqs, sqs_fifo, event, .. } = PRICES;
    let [hints, events, actions] = [(1, 10.0), (2, 10.0), (3, 10.0)]
        .map(|(at, most): (usize, f64)| steps.get(at).map_or(f64::NAN, |step| 1.0 / step.batch.min(most)));
    add(&mut table, "SQS, hints".to_owned(), [MILLION * sqs * 2.0f64.mul_add(hints, 1.0); 4]);
    add(
        &mut table,
        "SQS, events for the handler".to_owned(),
        [MILLION * sqs * 2.0f64.mul_add(events, 1.0); 4],
    );
    // One request brings both actions of an event.
    add(&mut table, "SQS FIFO, actions".to_owned(), [MILLION * sqs_fifo * 4.0f64.mul_add(actions, 1.0); 4]);
    add(&mut table, "EventBridge, events".to_owned(), [MILLION * event; 4]);
    let units = |kind: &str, price: f64| {
        let all = steps
            .iter()
            .map(|step| large(step.used.units.get(kind).copied().unwrap_or_default()) * step.share());
        MILLION * price * all.sum::<f64>()
    };
    add(&mut table, "DynamoDB, writes".to_owned(), [units("write", PRICES.write_unit); 4]);
    add(&mut table, "DynamoDB, reads".to_owned(), [units("read", PRICES.read_unit); 4]);
    let logged = steps.iter().map(|step| (large(step.used.logged) + LOGGED_BY_LAMBDA) * step.share());
    let logs = MILLION * logged.sum::<f64>() / 1e9 * PRICES.log_gb;
    add(&mut table, "CloudWatch Logs".to_owned(), [logs; 4]);
    table.row("all", sums);
    table
}

impl Step<'_> {
    /// How much of the measured batch is one webhook's.
    fn share(&self) -> f64 {
        self.each / self.batch
    }

    /// A million webhooks' invocations at this memory.
    fn lambda(&self, memory_mb: f64) -> f64 {
        let working = self.used.cpu.as_secs_f64();
        let waiting = (self.used.took.as_secs_f64() - working).max(0.0);
        let seconds = waiting + working * (WHOLE_CPU_MB / memory_mb).max(1.0);
        let duration = seconds * memory_mb / 1_024.0 * PRICES.lambda_gb_second;
        MILLION * self.share() * (duration + PRICES.lambda_request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn work_slows_with_less_memory_and_waiting_does_not() {
        let used = |took, cpu| Used {
            took: Duration::from_millis(took),
            cpu: Duration::from_millis(cpu),
            ..Used::default()
        };
        let dollars = |used: &Used, memory| Step { name: "", used, batch: 1.0, each: 1.0 }.lambda(memory);
        let [waits, works] = [used(100, 0), used(100, 100)];
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(dollars(&waits, 256.0) - 0.2, 2.0 * (dollars(&waits, 128.0) - 0.2)));
        assert!(close(dollars(&works, 256.0), dollars(&works, 128.0)), "twice the memory, half the time");
    }
}
