//! Configuration and start; see the library.

use automations::aws::queue::Queue;
use automations::aws::secret::Secrets;
use automations::config::Reader;
use automations::lambda_http::{self, Request, RequestExt as _, service_fn};
use automations::store::{ListedNames, Store};
use automations::{aws, clock, init};
use webhook_ingest::{Ingest, TokenUseRecorder};

struct Config {
    hints: String,
    secrets: String,
    table: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let (config, aws) = init::start(read)?;
    let store = Store::new(aws::dynamodb(&aws), config.table);
    let ingest = &Ingest {
        listed: ListedNames::new(store.clone()),
        secrets: Secrets::new(aws::secrets_manager(&aws), config.secrets),
        hints: Queue::new(aws::sqs(&aws), config.hints),
        token_uses: TokenUseRecorder::new(store.clone()),
        store,
    };
    lambda_http::run(service_fn(move |request: Request| async move {
        let request_id = request.lambda_context().request_id;
        let path = request.raw_http_path().to_owned();
        Ok::<_, lambda_http::Error>(ingest.respond(request, &path, &request_id, clock::now()).await)
    }))
    .await
}

fn read(env: &mut Reader) -> Option<Config> {
    let hints = env.required("HINTS_QUEUE_URL");
    let secrets = env.required("SECRETS_PREFIX");
    let table = env.required("TABLE_NAME");
    Some(Config { hints: hints?, secrets: secrets?, table: table? })
}
