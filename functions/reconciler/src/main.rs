//! Configuration and start; see the library.

use automations::aws::queue::Queue;
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::serde_json::Value;
use automations::store::Store;
use automations::{aws, clock, init};
use reconciler::{Reconciler, log_failure};

struct Config {
    table: String,
    hints: String,
    budget: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (config, aws) = init::start(read)?;
    let store = Store::new(aws::dynamodb(&aws), config.table);
    let reconciler =
        &Reconciler { store, hints: Queue::new(aws::sqs(&aws), config.hints), budget: config.budget };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let swept = reconciler.sweep(&event.context.request_id, clock::now()).await;
        swept.map(|swept| swept.hints).map_err(|error| Error::from(log_failure(&error)))
    }))
    .await
}

fn read(env: &mut Reader) -> Option<Config> {
    let table = env.required("TABLE_NAME");
    let hints = env.required("HINTS_QUEUE_URL");
    let budget = env.or("TICKETS_PER_RUN", 200);
    Some(Config { table: table?, hints: hints?, budget })
}
