//! Configuration and start; see the library.

use automations::init;
use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use version_check::{Invocation, VersionCheck, log_failure};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (application, aws) = init::start(|env| env.required("APPLICATION"))?;
    let check = &VersionCheck {
        lambda: aws_sdk_lambda::Client::new(&aws),
        codedeploy: aws_sdk_codedeploy::Client::new(&aws),
        application,
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Invocation>| async move {
        check.run(event.payload).await.map_err(|error| Error::from(log_failure(&error)))
    }))
    .await
}
