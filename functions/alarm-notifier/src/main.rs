//! Configuration and start; see the library.

use alarm_notifier::{Channels, Invocation, MaybeRecipient, Notifier, failure_text};
use automations::aws::mail_topic::MailTopic;
use automations::aws::secret::Secrets;
use automations::clock::{self, Timestamp};
use automations::config::Reader;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::notice::Destinations;
use automations::store::Store;
use automations::{aws, init};

struct Config {
    table: String,
    application: String,
    recipient: MaybeRecipient,
    mail: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (config, aws) = init::start(read)?;
    let secrets = Secrets::new(aws::secrets_manager(&aws), config.application.clone());
    let destinations = Destinations::new(secrets)?;
    let mail = (!config.mail.is_empty()).then(|| MailTopic::new(aws::sns(&aws), config.mail));
    let notifier = &Notifier {
        store: Store::new(aws::dynamodb(&aws), config.table),
        channels: Channels { destinations, recipient: config.recipient.0, mail },
        application: config.application,
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Invocation>| async move {
        let until = Timestamp::from_millis(event.context.deadline);
        let worked = notifier.work(event.payload, clock::now(), until).await;
        worked.map_err(|error| Error::from(failure_text(&error)))
    }))
    .await
}

fn read(env: &mut Reader) -> Option<Config> {
    let table = env.required("TABLE_NAME");
    let application = env.required("SECRETS_PREFIX");
    let recipient = env.explained("ALARM_DESTINATION");
    let mail = env.or("ALARM_MAIL_TOPIC", String::new());
    Some(Config { table: table?, application: application?, recipient: recipient?, mail })
}
