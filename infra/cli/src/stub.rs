//! A stub of AWS for tests: an operation and its request in, a status and a body out, after a delay.

mod cbor;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, RuntimeComponents, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The operation, such as `Query`, `ListStackResources` or the path of a request to Lambda, and its JSON; a form is one object. What
/// `CloudWatch` gets is CBOR and not read; its response is written as CBOR.
type Respond = dyn Fn(&str, &Value) -> (u16, String) + Send + Sync;

#[derive(Clone)]
struct Stub {
    respond: Arc<Respond>,
    delay: Duration,
}

/// A configuration whose clients get these responses, each after the delay; nothing is retried.
pub(crate) fn config(
    delay: Duration,
    respond: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static,
) -> SdkConfig {
    config_of(Stub { respond: Arc::new(respond), delay })
}

/// A configuration whose clients send their requests to this model of an account; nothing is retried.
pub(crate) fn config_of(account: impl HttpClient + 'static) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("ap-southeast-2"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .http_client(SharedHttpClient::new(account))
        .build()
}

/// A list of XML as CloudFormation and SNS return it.
pub(crate) fn xml(operation: &str, content: &str) -> String {
    format!("<{operation}Response><{operation}Result>{content}</{operation}Result></{operation}Response>")
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stub")
    }
}

impl HttpClient for Stub {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Stub {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let stub = self.clone();
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let is_cbor = request.headers().get("smithy-protocol") == Some("rpc-v2-cbor");
        let (operation, request) = match target.split_once('.') {
            None if is_cbor => (request.uri().rsplit('/').next().unwrap_or_default().to_owned(), Value::Null),
            Some((_, operation)) => (operation.to_owned(), serde_json::from_slice(&body).unwrap_or_default()),
            None if body.is_empty() => (request.uri().to_owned(), Value::Null),
            None if body.starts_with(b"{") => {
                (request.uri().to_owned(), serde_json::from_slice(&body).unwrap_or_default())
            }
            None => {
                let form = url::form_urlencoded::parse(&body);
                let form: serde_json::Map<_, _> = form
                    .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                    .collect();
                let operation = form.get("Action").and_then(Value::as_str).unwrap_or_default().to_owned();
                (operation, Value::Object(form))
            }
        };
        HttpConnectorFuture::new(async move {
            #[expect(clippy::disallowed_methods, reason = "the time that AWS takes")]
            tokio::time::sleep(stub.delay).await;
            let (status, body) = (stub.respond)(&operation, &request);
            let body = if is_cbor { SdkBody::from(cbor::of_json(&body)) } else { SdkBody::from(body) };
            let mut response = HttpResponse::new(status.try_into().unwrap(), body);
            if is_cbor {
                response.headers_mut().insert("smithy-protocol", "rpc-v2-cbor");
            }
            Ok(response)
        })
    }
}
