//! Configuration and start; see the library.

use action_worker::{Invocation, Looks, Worker};
use automations::aws::batch::SourceQueue;
use automations::aws::secret::{Kind, Secrets};
use automations::aws_lambda_events::event::sqs::SqsEvent;
use automations::clock::Timestamp;
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::model::speed::Speed;
use automations::notice::{Links, Notices};
use automations::salestrekker::{Client, Limits};
use automations::store::{Pauses, Store};
use automations::telemetry::metric::SourceKind;
use automations::{aws, init};

struct Config {
    actions: String,
    dead_letters: String,
    table: String,
    secrets: String,
    separate_writer: bool,
    limits: Limits,
    links: Links,
    speed: Speed,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (config, aws) = init::start(read)?;
    let secrets = |prefix| Secrets::new(aws::secrets_manager(&aws), prefix);
    let store = Store::new(aws::dynamodb(&aws), config.table);
    let api_token = Kind::of_writer(config.separate_writer);
    let worker = &Worker {
        secrets: secrets(config.secrets.clone()),
        notices: Notices::new(secrets(config.secrets.clone()), config.links)?,
        client: Client::new(secrets(config.secrets).with_api_token(api_token), config.limits)?,
        pauses: Pauses::new(store.clone()),
        store,
        looks: Looks::default(),
        speed: config.speed,
    };
    let name = env!("CARGO_PKG_NAME").to_owned();
    let source =
        &SourceQueue::new(aws::sqs(&aws), SourceKind::Actions, name, config.actions, config.dead_letters);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Timestamp::from_millis(event.context.deadline);
        source
            .in_groups(event.payload, until, async |groups| {
                let owner = event.context.request_id.as_str();
                Box::pin(worker.work(groups, Invocation { owner, until })).await;
            })
            .await
            .map_err(Error::from)
    }))
    .await
}

fn read(env: &mut Reader) -> Option<Config> {
    let actions = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let table = env.required("TABLE_NAME");
    let secrets = env.required("SECRETS_PREFIX");
    let separate_writer = env.or("SEPARATE_WRITER", false);
    let limits = env.json("API_LIMITS");
    let ticket_link = env.required("TICKET_LINK");
    let board_link = env.required("BOARD_LINK");
    let speed = init::development_speed(env);
    Some(Config {
        actions: actions?,
        dead_letters: dead_letters?,
        table: table?,
        secrets: secrets?,
        separate_writer,
        limits: limits?,
        links: Links { ticket: ticket_link?, board: board_link? },
        speed: speed?,
    })
}
