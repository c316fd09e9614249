//! Wiring: see the library beside it.

use automations::aws::queue::Queue;
use automations::aws::secret::Secrets;
use automations::config::Reader;
use automations::lambda_http::{self, Request, RequestExt as _, service_fn};
use automations::store::Store;
use automations::{aws, clock, telemetry};
use webhook_ingest::{Ingest, Seen};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let mut env = Reader::of_process();
    let hints = env.required::<String>("HINTS_QUEUE_URL");
    let secrets = env.required::<String>("SECRETS_PREFIX");
    let table = env.required::<String>("TABLE_NAME");
    let log_level = env.or("LOG_LEVEL", telemetry::Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let (hints, secrets, table, namespace) = env.finish(|| Some((hints?, secrets?, table?, namespace?)))?;
    telemetry::start(log_level, namespace);
    let config = aws::load()?;
    let ingest = &Ingest {
        secrets: Secrets::new(aws::secrets_manager(&config), secrets),
        hints: Queue::new(aws::sqs(&config), hints),
        seen: Seen::new(Store::new(aws::dynamodb(&config), table)),
    };
    lambda_http::run(service_fn(move |request: Request| async move {
        let request_id = request.lambda_context().request_id;
        let path = request.raw_http_path().to_owned();
        Ok::<_, lambda_http::Error>(ingest.answer(request, &path, &request_id, clock::now()).await)
    }))
    .await
}
