//! The smallest function behind a URL: answers with the body that it was sent.

use automations::lambda_http::{self, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let echo = |request: Request| async { Ok::<_, Error>(Response::new(request.into_body())) };
    lambda_http::run(service_fn(echo)).await
}
