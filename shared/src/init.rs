//! The set-up that every function does once, before its first invocation.

use crate::aws;
use crate::config::{InvalidEnvironment, Reader};
use crate::telemetry::{self, EventName, Level};
use aws_config::SdkConfig;

/// Why a function cannot start. Lambda reports a failed init, and retries it at the next invocation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Environment(#[from] InvalidEnvironment),
    /// TLS cannot be set up.
    #[error("the HTTP client could not be created")]
    Http(#[from] reqwest::Error),
}

/// Reads the environment with `read`, starts logs and metrics, and creates the configuration of AWS clients.
/// The error, and one log line, hold all problems of the environment.
///
/// # Errors
/// [`Error`]; fatal.
pub fn start<Config>(read: impl FnOnce(&mut Reader) -> Option<Config>) -> Result<(Config, SdkConfig), Error> {
    start_with(Reader::of_process(), read)
}

/// As [`start`], with these environment variables.
///
/// # Errors
/// [`Error`]; fatal.
pub(crate) fn start_with<Config>(
    mut env: Reader,
    read: impl FnOnce(&mut Reader) -> Option<Config>,
) -> Result<(Config, SdkConfig), Error> {
    // Set by Lambda from the function's LoggingConfig.
    let level = env.or("AWS_LAMBDA_LOG_LEVEL", Level::INFO);
    let namespace = env.required::<String>("METRICS_NAMESPACE");
    let config = read(&mut env);
    telemetry::start(level, namespace.clone().unwrap_or_default());
    let started = env.finish(|| namespace.and(config)).map_err(Error::from);
    let started = started.and_then(|config| Ok((config, aws::load()?)));
    if let Err(error) = &started {
        let event_name = EventName::FunctionInitFailed.as_str();
        tracing::error!(event_name, error = %error, "the function cannot start");
    }
    started
}
