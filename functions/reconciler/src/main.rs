//! Wiring: see the library beside it.

use automations::aws::queue::Queue;
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::serde_json::Value;
use automations::store::Store;
use automations::{aws, clock, telemetry};
use reconciler::{Reconciler, told};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut env = Reader::of_process();
    let table = env.required::<String>("TABLE_NAME");
    let hints = env.required::<String>("HINTS_QUEUE_URL");
    let budget = env.or("TICKETS_PER_RUN", 200_u16);
    let log_level = env.or("LOG_LEVEL", telemetry::Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let (table, hints, namespace) = env.finish(|| Some((table?, hints?, namespace?)))?;
    telemetry::start(log_level, namespace);
    let config = aws::load()?;
    let store = Store::new(aws::dynamodb(&config), table);
    let reconciler = &Reconciler { store, hints: Queue::new(aws::sqs(&config), hints), budget };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let swept = reconciler.sweep(&event.context.request_id, clock::now()).await;
        swept.map(|swept| swept.hints).map_err(|error| Error::from(told(&error)))
    }))
    .await
}
