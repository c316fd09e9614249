//! The smallest possible function: it returns its event.

use automations::lambda_runtime::{self, Error, LambdaEvent, service_fn};
use automations::serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let echo = |event: LambdaEvent<Value>| async { Ok::<_, Error>(event.payload) };
    lambda_runtime::run(service_fn(echo)).await
}
