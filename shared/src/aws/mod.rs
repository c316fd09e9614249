//! The one set-up of the AWS SDK: a pinned behaviour version, a time limit for every call, one HTTP client
//! for all services.
//!
//! The region and the credentials come from the environment variables that Lambda sets, and from nowhere
//! else: the SDK's own loader would add profiles, SSO and instance metadata to every function.

mod attribute;
pub mod batch;
pub(crate) mod batching;
mod error_code;
pub mod mail_topic;
mod ordered;
pub mod queue;
pub mod rotation;
pub mod secret;
pub mod topic;

pub use error_code::ErrorCode;

use crate::config::Reader;
use crate::http;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::SharedCredentialsProvider;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::time::Duration;

/// The configuration of every AWS client of a function; call it once, in init. 2 s to connect, 5 s for an
/// attempt, 12 s for a call with its retries, three attempts.
///
/// # Errors
/// If TLS cannot be set up; fatal in init.
pub fn load() -> Result<SdkConfig, reqwest::Error> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(12))
        .build();
    // The SDK verifies DynamoDB's checksum, which is that of the compressed bytes.
    let http = http::client().connect_timeout(Duration::from_secs(2)).no_gzip().build()?;
    let mut env = Reader::of_process();
    let [region, endpoint] = ["AWS_REGION", "AWS_ENDPOINT_URL"].map(|name| env.or(name, String::new()));
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .credentials_provider(credentials)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .http_client(http_client(http));
    if !endpoint.is_empty() {
        config = config.endpoint_url(endpoint);
    }
    Ok(config.build())
}

/// The same for an operator's program: the account of this AWS profile, and the operating system's root
/// certificates.
///
/// # Errors
/// If TLS cannot be set up.
pub async fn load_profile(profile: String) -> Result<SdkConfig, reqwest::Error> {
    let http = reqwest::Client::builder().connect_timeout(Duration::from_secs(10)).no_gzip().build()?;
    let loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http_client(http));
    Ok(loader.profile_name(profile).load().await)
}

/// A client of SQS.
pub fn sqs(config: &SdkConfig) -> aws_sdk_sqs::Client {
    aws_sdk_sqs::Client::new(config)
}

/// A client of DynamoDB.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    aws_sdk_dynamodb::Client::new(config)
}

/// A client of SNS.
pub fn sns(config: &SdkConfig) -> aws_sdk_sns::Client {
    aws_sdk_sns::Client::new(config)
}

/// A client of Secrets Manager.
pub fn secrets_manager(config: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    aws_sdk_secretsmanager::Client::new(config)
}

/// Whether the service rejected this very request, so that it would reject the same request again: a 4xx that is not
/// throttling. DynamoDB, Secrets Manager and KMS throttle with HTTP 400, so the error code decides.
pub(crate) fn is_client_error<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let status = error.raw_response().map(HttpResponse::status);
    let is_to_wait = ErrorCode::of(error).is_some_and(|code| code.asks_to_wait());
    !is_to_wait && status.is_some_and(|status| status.is_client_error() && status.as_u16() != 429)
}

/// The SDK's HTTP client: all its requests use this client's connections.
fn http_client(client: reqwest::Client) -> SharedHttpClient {
    SharedHttpClient::new(ReqwestConnector(client))
}

#[derive(Debug, Clone)]
struct ReqwestConnector(reqwest::Client);

impl HttpClient for ReqwestConnector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for ReqwestConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move { exchange(&client, request).await })
    }
}

/// One request and its response, both small and read whole: no operation that we use streams.
async fn exchange(client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let user_error = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user_error(error.into()))?;
    let request = request.map(|body| body.bytes().map(<[u8]>::to_vec).unwrap_or_default());
    let request = reqwest::Request::try_from(request).map_err(|error| user_error(error.into()))?;
    let mut response = client.execute(request).await.map_err(send_error)?;
    let status = response.status().into();
    let headers = std::mem::take(response.headers_mut());
    let mut response = HttpResponse::new(status, SdkBody::from(response.bytes().await.map_err(send_error)?));
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(response)
}

/// The SDK retries after both kinds.
fn send_error(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() { ConnectorError::timeout(error.into()) } else { ConnectorError::io(error.into()) }
}

/// A stub of AWS for tests: `respond` turns the JSON of each request into a status and JSON.
#[cfg(test)]
pub(crate) mod stub {
    use super::*;
    use aws_sdk_sqs::config::Credentials;
    use serde_json::Value;
    use std::fmt;
    use std::sync::Arc;

    type Respond = dyn Fn(&[u8]) -> (u16, String) + Send + Sync;

    /// A configuration whose clients get these responses to their JSON; nothing is retried.
    pub(crate) fn config_with_responses(
        respond: impl Fn(&Value) -> (u16, Value) + Send + Sync + 'static,
    ) -> SdkConfig {
        config(move |body| {
            let (status, response) = respond(&serde_json::from_slice(body).unwrap());
            (status, response.to_string())
        })
    }

    /// The same for a service that takes forms and returns XML.
    pub(crate) fn config_with_forms(
        respond: impl Fn(&[(String, String)]) -> String + Send + Sync + 'static,
    ) -> SdkConfig {
        config(move |body| {
            let form: Vec<(String, String)> = form_urlencoded::parse(body).into_owned().collect();
            (200, respond(&form))
        })
    }

    fn config(respond: impl Fn(&[u8]) -> (u16, String) + Send + Sync + 'static) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("ap-southeast-2"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(SharedHttpClient::new(Stub(Arc::new(respond))))
            .build()
    }

    #[derive(Clone)]
    struct Stub(Arc<Respond>);

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
            let (status, body) = (self.0)(request.body().bytes().unwrap_or_default());
            let response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            HttpConnectorFuture::ready(Ok(response))
        }
    }
}
