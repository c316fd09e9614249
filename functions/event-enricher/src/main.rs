//! Configuration and start; see the library.

use automations::aws::batch::SourceQueue;
use automations::aws::secret::Secrets;
use automations::aws::topic::Topic;
use automations::aws_lambda_events::event::sqs::SqsEvent;
use automations::clock::{self, Timestamp};
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::model::stage_age::{StageAgeRules, StageAgeThresholds};
use automations::model::ticket_fields::TicketFields;
use automations::salestrekker::{Client, Limits};
use automations::store::{Pauses, Store};
use automations::telemetry::metric::SourceKind;
use automations::{aws, init};
use event_enricher::Enricher;

struct Config {
    hints: String,
    dead_letters: String,
    table: String,
    topic: String,
    secrets: String,
    limits: Limits,
    list_query: Option<String>,
    thresholds: StageAgeThresholds,
    fields: TicketFields,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (config, aws) = init::start(read)?;
    let store = Store::new(aws::dynamodb(&aws), config.table);
    let enricher = &Enricher {
        pauses: Pauses::new(store.clone()),
        client: Client::new(Secrets::new(aws::secrets_manager(&aws), config.secrets), config.limits)?,
        store,
        topic: Topic::new(aws::sns(&aws), config.topic),
        list_query: config.list_query,
        thresholds: config.thresholds,
        fields: config.fields,
    };
    let name = env!("CARGO_PKG_NAME").to_owned();
    let source =
        &SourceQueue::new(aws::sqs(&aws), SourceKind::Hints, name, config.hints, config.dead_letters);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Timestamp::from_millis(event.context.deadline);
        source
            .together(event.payload, async |messages, metrics| {
                enricher.work(messages, clock::now(), until, metrics).await
            })
            .await
            .map_err(Error::from)
    }))
    .await
}

fn read(env: &mut Reader) -> Option<Config> {
    let hints = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let table = env.required("TABLE_NAME");
    let topic = env.required("TOPIC_ARN");
    let secrets = env.required("SECRETS_PREFIX");
    let limits = env.json("API_LIMITS");
    let list_query = env.or("LIST_QUERY", String::new());
    let thresholds = env.explained::<StageAgeThresholds>("STAGE_AGE_DAYS");
    let speed = init::development_speed(env);
    let age_rules = env.explained::<StageAgeRules>("STAGE_AGE_RULES");
    let fields = env.explained("TICKET_FIELDS");
    Some(Config {
        hints: hints?,
        dead_letters: dead_letters?,
        table: table?,
        topic: topic?,
        secrets: secrets?,
        limits: limits?,
        list_query: Some(list_query).filter(|query| !query.is_empty()),
        thresholds: thresholds?.refined(age_rules?).at_speed(speed?),
        fields: fields?,
    })
}
