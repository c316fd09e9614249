//! Wiring: see the library beside it.

use automations::aws::rotation::{Request, Rotating};
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::salestrekker::Transport;
use automations::{aws, telemetry};
use credential_rotator::{rotate, told};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut env = Reader::of_process();
    let log_level = env.or("LOG_LEVEL", telemetry::Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let limits = env.json("API_LIMITS");
    let (limits, namespace) = env.finish(|| Some((limits?, namespace?)))?;
    telemetry::start(log_level, namespace);
    let client = &aws::secrets_manager(&aws::load()?);
    let transport = &Transport::new(limits)?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| async move {
        let Request { step, .. } = event.payload;
        let version = Rotating::find(client.clone(), &event.payload).await?;
        rotate(step, &version, transport).await.map_err(|error| Error::from(told(step, &error)))
    }))
    .await
}
