//! The set-up that every function does once, before its first invocation.

use crate::aws;
use crate::config::{InvalidEnvironment, Reader};
use crate::model::speed::Speed;
use crate::telemetry::{self, EventName, Level};
use aws_config::SdkConfig;
use url::Url;

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

/// The speed at which waits for reminders and stage ages pass: that of time, unless `DEVELOPMENT_CLOCK` says another one, as `cargo xtask
/// dev --clock 1h/s` does. It is accepted only if the function's calls of AWS go to this machine, so that no function on AWS starts with it.
pub fn development_speed(env: &mut Reader) -> Option<Speed> {
    let speed = env.explained::<Speed>("DEVELOPMENT_CLOCK")?;
    let endpoint = env.or("AWS_ENDPOINT_URL", String::new());
    let host = Url::parse(&endpoint).ok().and_then(|url| Some(url.host_str()?.to_owned()));
    let is_local = host.is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host.as_str()));
    if !speed.is_real() && !is_local {
        env.problem("DEVELOPMENT_CLOCK is for a local stack only");
        return None;
    }
    Some(speed)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn speed(clock: Option<&str>, endpoint: Option<&str>) -> Result<Speed, String> {
        let variables = [("DEVELOPMENT_CLOCK", clock), ("AWS_ENDPOINT_URL", endpoint)];
        let set =
            variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let mut env = Reader::of(set);
        let speed = development_speed(&mut env);
        env.finish(|| speed).map_err(|error| error.to_string())
    }

    #[test]
    fn time_passes_faster_on_a_local_stack_alone() {
        let hour = "1h/s".parse().unwrap();
        for local in ["http://127.0.0.1:4566", "http://localhost:4566/", "http://[::1]:4566"] {
            assert_eq!(speed(Some("1h/s"), Some(local)), Ok(hour), "{local}");
        }
        let elsewhere = [
            "https://sqs.ap-southeast-2.amazonaws.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "127.0.0.1",
            "",
        ];
        for endpoint in elsewhere.map(Some).into_iter().chain([None]) {
            let error = speed(Some("1h/s"), endpoint).unwrap_err();
            assert!(error.contains("DEVELOPMENT_CLOCK is for a local stack only"), "{endpoint:?}: {error}");
            assert_eq!(speed(None, endpoint), Ok(Speed::default()));
        }
        assert!(speed(Some("fast"), Some("http://127.0.0.1")).unwrap_err().contains("1h/s"));
    }
}
