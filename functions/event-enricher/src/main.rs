//! Wiring: see the library beside it.

use automations::aws::batch::Source;
use automations::aws::bus::Bus;
use automations::aws::secret::Secrets;
use automations::aws_lambda_events::event::sqs::SqsEvent;
use automations::clock::Moment;
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::model::stage_age::Marks;
use automations::salestrekker::Client;
use automations::store::Store;
use automations::{aws, clock, telemetry};
use event_enricher::Enricher;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mut env = Reader::of_process();
    let hints = env.required::<String>("SOURCE_QUEUE_URL");
    let dead_letters = env.required::<String>("DEAD_LETTER_QUEUE_URL");
    let table = env.required::<String>("TABLE_NAME");
    let bus = env.required::<String>("BUS_NAME");
    let secrets = env.required::<String>("SECRETS_PREFIX");
    let limits = env.json("API_LIMITS");
    let list_query = env.or("LIST_QUERY", String::new());
    let marks = env.or("STAGE_AGE_DAYS", Marks::default());
    let log_level = env.or("LOG_LEVEL", telemetry::Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let (hints, dead_letters, table, bus, secrets, limits, namespace) =
        env.finish(|| Some((hints?, dead_letters?, table?, bus?, secrets?, limits?, namespace?)))?;
    telemetry::start(log_level, namespace);
    let config = aws::load()?;
    let enricher = &Enricher {
        client: Client::new(Secrets::new(aws::secrets_manager(&config), secrets), limits)?,
        store: Store::new(aws::dynamodb(&config), table),
        bus: Bus::new(aws::eventbridge(&config), bus),
        list_query: Some(list_query).filter(|query| !query.is_empty()),
        marks,
    };
    let source = &Source::new(aws::sqs(&config), env!("CARGO_PKG_NAME"), hints, dead_letters);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Moment::from_millis(event.context.deadline);
        source
            .together(event.payload, async |letters, figures| {
                enricher.work(letters, clock::now(), until, figures).await
            })
            .await
            .map_err(Error::from)
    }))
    .await
}
