//! The cost of a million webhooks in ap-southeast-2, by component and memory size.
//!
//! An invocation's duration is CPU time and waiting time, which is the measured duration minus the CPU time. CPU time grows
//! with less memory, because Lambda assigns CPU in proportion to memory.

use crate::environment::Usage;
use crate::metrics::from_u64;
use crate::pipeline::CostInputs;
use crate::report::Table;

/// List prices in US dollars, without free tiers. Written from memory in November 2026, so check them against
/// aws.amazon.com/{lambda,sqs,dynamodb,sns,cloudwatch,secrets-manager,eventbridge,waf,kms}/pricing before you rely on them. Lambda's price is the one
/// that `janritter/aws-lambda-live-tuner` on GitHub has for arm64 in ap-southeast-2.
pub(crate) const PRICES: Prices = Prices {
    lambda_gb_second: 0.000_013_333_4,
    lambda_request: 0.20 / MILLION,
    sqs: 0.40 / MILLION,
    sqs_fifo: 0.50 / MILLION,
    write_unit: 0.711_5 / MILLION,
    read_unit: 0.142_3 / MILLION,
    published: 0.30 / MILLION,
    delivered: 0.01 / MILLION,
    log_gb: 0.67,
    secret: 0.40,
    secret_read: 0.05 / 10_000.0,
    alarm: 0.10,
    composite_alarm: 0.50,
    metric: 0.30,
    schedule: 1.00 / MILLION,
    dashboard: 3.00,
    web_acl: 5.00,
    web_rule: 1.00,
    key: 1.00,
};
const MILLION: f64 = 1_000_000.0;
/// "At 1,769 MB, a function has the equivalent of one vCPU" (AWS Lambda Developer Guide, "Configure memory").
const FULL_CPU_MB: f64 = 1_769.0;
/// Bytes that Lambda itself logs per invocation: its START, END and REPORT lines.
pub(crate) const LAMBDA_LOG_BYTES: f64 = 400.0;
const MEMORY_MB: [f64; 4] = [128.0, 256.0, 512.0, 1_024.0];

pub(crate) struct Prices {
    pub(crate) lambda_gb_second: f64,
    pub(crate) lambda_request: f64,
    pub(crate) sqs: f64,
    pub(crate) sqs_fifo: f64,
    pub(crate) write_unit: f64,
    pub(crate) read_unit: f64,
    /// A message that is published on a FIFO topic.
    published: f64,
    /// A message that a FIFO topic delivers to a queue.
    delivered: f64,
    pub(crate) log_gb: f64,
    /// A secret for a month; the next ones too, if they are not of a request.
    pub(crate) secret: f64,
    /// A request to Secrets Manager.
    pub(crate) secret_read: f64,
    pub(crate) alarm: f64,
    pub(crate) composite_alarm: f64,
    pub(crate) metric: f64,
    /// An invocation by `EventBridge` Scheduler.
    pub(crate) schedule: f64,
    pub(crate) dashboard: f64,
    pub(crate) web_acl: f64,
    pub(crate) web_rule: f64,
    pub(crate) key: f64,
}

/// A function of the pipeline in the cost model.
struct Step<'a> {
    name: &'static str,
    usage: &'a Usage,
    /// Messages in the measured batch.
    batch: f64,
    /// Messages of this kind per webhook.
    per_webhook: f64,
}

/// One table for a quiet system (batches of one message) and one for a busy system (full batches).
pub(crate) fn tables(inputs: &CostInputs) -> Vec<Table> {
    // In this model a webhook changes one ticket, which causes one event, for which one handler plans two actions.
    let step = |name, usage, batch, per_webhook| Step { name, usage, batch, per_webhook };
    let [enricher, handler, worker] = [&inputs.enricher, &inputs.handler, &inputs.worker];
    let quiet = [
        step("webhook-ingest", &inputs.ingest, 1.0, 1.0),
        step("event-enricher", &enricher[0], 1.0, 1.0),
        step("follow-up-on-settlement", &handler[0], 1.0, 1.0),
        step("action-worker", &worker[0], 1.0, 2.0),
    ];
    let busy = [
        step("webhook-ingest", &inputs.ingest, 1.0, 1.0),
        step("event-enricher", &enricher[1], 100.0, 1.0),
        step("follow-up-on-settlement", &handler[1], 10.0, 1.0),
        step("action-worker", &worker[1], 10.0, 2.0),
    ];
    vec![table("quiet system: batches of one message", &quiet), table("busy system: full batches", &busy)]
}

fn table(title: &str, steps: &[Step<'_>]) -> Table {
    let note = "Per webhook one changed ticket, one event, one handler, two actions. arm64. Check the list prices in cost.rs.";
    let columns = ["component", "128 MB", "256 MB", "512 MB", "1024 MB"];
    let mut table = Table::new(&format!("US dollars per million webhooks, {title}"), &columns, note);
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
    // Each message is sent, received and deleted. Up to ten messages share a receive and a delete request.
    let Prices { sqs, sqs_fifo, published, delivered, .. } = PRICES;
    let [hints, events, actions] = [(1, 10.0), (2, 10.0), (3, 10.0)].map(|(index, max): (usize, f64)| {
        steps.get(index).map_or(f64::NAN, |step| 1.0 / step.batch.min(max))
    });
    add(&mut table, "SQS, hints".to_owned(), [MILLION * sqs * 2.0f64.mul_add(hints, 1.0); 4]);
    add(
        &mut table,
        "SQS FIFO, events for the handler".to_owned(),
        [MILLION * sqs_fifo * 2.0f64.mul_add(events, 1.0); 4],
    );
    // Each of the two actions of an event is a request: the second waits for the first to be accepted.
    add(&mut table, "SQS FIFO, actions".to_owned(), [MILLION * sqs_fifo * 4.0f64.mul_add(actions, 2.0); 4]);
    add(&mut table, "SNS FIFO, events".to_owned(), [MILLION * (published + delivered); 4]);
    let units = |kind: &str, price: f64| {
        let all = steps.iter().map(|step| from_u64(step.usage.units_of(kind)) * step.share());
        MILLION * price * all.sum::<f64>()
    };
    add(&mut table, "DynamoDB, writes".to_owned(), [units("write", PRICES.write_unit); 4]);
    add(&mut table, "DynamoDB, reads".to_owned(), [units("read", PRICES.read_unit); 4]);
    let logged = steps.iter().map(|step| (from_u64(step.usage.logged) + LAMBDA_LOG_BYTES) * step.share());
    let logs = MILLION * logged.sum::<f64>() / 1e9 * PRICES.log_gb;
    add(&mut table, "CloudWatch Logs".to_owned(), [logs; 4]);
    table.row("total", sums);
    table
}

impl Step<'_> {
    /// The share of the measured batch that one webhook causes.
    fn share(&self) -> f64 {
        self.per_webhook / self.batch
    }

    /// The price of the invocations for a million webhooks at this memory size.
    fn lambda(&self, memory_mb: f64) -> f64 {
        let working = self.usage.cpu.as_secs_f64();
        let waiting = (self.usage.duration.as_secs_f64() - working).max(0.0);
        let seconds = waiting + working * (FULL_CPU_MB / memory_mb).max(1.0);
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
        let usage = |duration, cpu| Usage {
            duration: Duration::from_millis(duration),
            cpu: Duration::from_millis(cpu),
            ..Usage::default()
        };
        let dollars =
            |usage: &Usage, memory| Step { name: "", usage, batch: 1.0, per_webhook: 1.0 }.lambda(memory);
        let [waits, works] = [usage(100, 0), usage(100, 100)];
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(dollars(&waits, 256.0) - 0.2, 2.0 * (dollars(&waits, 128.0) - 0.2)));
        assert!(close(dollars(&works, 256.0), dollars(&works, 128.0)), "twice the memory, half the time");
    }
}
