//! Wiring: see the library beside it.

use action_worker::Worker;
use automations::aws::batch::Source;
use automations::aws::secret::{Kind, Secrets};
use automations::aws_lambda_events::event::sqs::SqsEvent;
use automations::clock::Moment;
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::notice::Notices;
use automations::salestrekker::Client;
use automations::store::Store;
use automations::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut env = Reader::of_process();
    let actions = env.required::<String>("SOURCE_QUEUE_URL");
    let dead_letters = env.required::<String>("DEAD_LETTER_QUEUE_URL");
    let table = env.required::<String>("TABLE_NAME");
    let secrets = env.required::<String>("SECRETS_PREFIX");
    let separate = env.or("SEPARATE_WRITER", false);
    let limits = env.json("API_LIMITS");
    let log_level = env.or("LOG_LEVEL", telemetry::Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let (actions, dead_letters, table, secrets, limits, namespace) =
        env.finish(|| Some((actions?, dead_letters?, table?, secrets?, limits?, namespace?)))?;
    telemetry::start(log_level, namespace);
    let config = aws::load()?;
    let known = |prefix| Secrets::new(aws::secrets_manager(&config), prefix);
    let worker = &Worker {
        notices: Notices::new(known(secrets.clone()))?,
        client: Client::new(known(secrets).with_api_token(Kind::of_writer(separate)), limits)?,
        store: Store::new(aws::dynamodb(&config), table),
    };
    let source = &Source::new(aws::sqs(&config), env!("CARGO_PKG_NAME"), actions, dead_letters);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Moment::from_millis(event.context.deadline);
        source
            .by_group(event.payload, until, async |letter, figures| {
                worker.perform(&letter.body, &event.context.request_id, until, figures).await
            })
            .await
            .map_err(Error::from)
    }))
    .await
}
