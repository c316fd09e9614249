//! The smallest possible function behind a URL: it returns the request's body.

use automations::lambda_http::{self, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let echo = |request: Request| async { Ok::<_, Error>(Response::new(request.into_body())) };
    lambda_http::run(service_fn(echo)).await
}
