//! Configuration and start; see the library.

use automations::aws::rotation::{Request, SecretVersion};
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::salestrekker::Transport;
use automations::{aws, init};
use credential_rotator::{log_failure, rotate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (limits, aws) = init::start(|env| env.json("API_LIMITS"))?;
    let client = &aws::secrets_manager(&aws);
    let transport = &Transport::new(limits)?;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Request>| async move {
        let Request { step, .. } = event.payload;
        let rotated = async {
            let version = SecretVersion::find(client.clone(), &event.payload).await?;
            rotate(step, &version, transport).await
        };
        rotated.await.map_err(|error| Error::from(log_failure(step, &error)))
    }))
    .await
}
