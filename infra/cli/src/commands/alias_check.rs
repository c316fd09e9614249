//! Whether every function of a stack is ready, and those with an alias serve what was deployed last.
//!
//! An alias points to a version, which a deployment makes. If it makes none, the old version serves with its old configuration.

use crate::report::Check;
use crate::stack_resources;
use anyhow::{Context as _, Result};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput as Configuration;
use aws_sdk_lambda::types::{LastUpdateStatus, State};

/// The alias by which functions serve: template.yaml, `AutoPublishAlias`.
const ALIAS: &str = "live";

/// The functions of a stack.
#[derive(Debug)]
pub struct AliasCheck {
    lambda: Client,
    cloudformation: aws_sdk_cloudformation::Client,
    stack: String,
}

impl AliasCheck {
    /// Those of this stack.
    pub fn new(lambda: Client, cloudformation: aws_sdk_cloudformation::Client, stack: String) -> Self {
        Self { lambda, cloudformation, stack }
    }

    /// Whether each function is ready and serves what was deployed last; a difference is reported by the names of settings, never
    /// by their values.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn check(&self) -> Result<Check> {
        let functions =
            stack_resources::of_type(&self.cloudformation, &self.stack, "AWS::Lambda::Function").await?;
        let (mut problems, mut aliases) = (Vec::new(), 0_u32);
        for name in &functions {
            let request = self.lambda.get_function_configuration().function_name(name);
            let deployed = request.clone().send().await.with_context(|| format!("the function {name}"))?;
            problems.extend(not_ready(&deployed).map(|state| format!("{name} is {state}")));
            let serves = match request.qualifier(ALIAS).send().await {
                Ok(serves) => serves,
                Err(error) if error.code() == Some("ResourceNotFoundException") => continue,
                Err(error) => return Err(error).with_context(|| format!("the alias `{ALIAS}` of {name}")),
            };
            aliases = aliases.saturating_add(1);
            let different = different(&deployed, &serves);
            if !different.is_empty() {
                let (version, different) = (serves.version().unwrap_or_default(), different.join(", "));
                problems.push(format!("{name} serves version {version}, which differs in {different}"));
            }
        }
        let good = problems.is_empty() && !functions.is_empty();
        let seen = format!("{} functions, {aliases} of them with the alias `{ALIAS}`", functions.len());
        let seen = if problems.is_empty() { seen } else { problems.join("; ") };
        Ok(Check { name: "functions are ready and serve what was deployed", good, seen })
    }
}

/// The state of a function that cannot be invoked, or whose last update failed. A state that is not reported is a good one.
fn not_ready(deployed: &Configuration) -> Option<&str> {
    let state = deployed.state().map(State::as_str).filter(|state| !["Active", "Inactive"].contains(state));
    let update =
        deployed.last_update_status().map(LastUpdateStatus::as_str).filter(|status| *status == "Failed");
    state.or(update)
}

fn different(deployed: &Configuration, serves: &Configuration) -> Vec<&'static str> {
    let tracing = |of: &Configuration| of.tracing_config().and_then(|tracing| tracing.mode()).cloned();
    let variables = |of: &Configuration| of.environment().and_then(|all| all.variables()).cloned();
    // Without the log group: it is the function's, whatever the version.
    let logging = |of: &Configuration| {
        let logging = of.logging_config()?;
        let (format, system) = (logging.log_format().cloned(), logging.system_log_level().cloned());
        Some((format, logging.application_log_level().cloned(), system))
    };
    let settings = [
        ("code", deployed.code_sha256() == serves.code_sha256()),
        ("environment", variables(deployed) == variables(serves)),
        ("timeout", deployed.timeout() == serves.timeout()),
        ("memory", deployed.memory_size() == serves.memory_size()),
        ("role", deployed.role() == serves.role()),
        ("tracing", tracing(deployed) == tracing(serves)),
        ("logging", logging(deployed) == logging(serves)),
    ];
    settings.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::{ApplicationLogLevel, EnvironmentResponse, LoggingConfig};

    fn configuration(level: &str, timeout: i32) -> Configuration {
        let environment = EnvironmentResponse::builder().variables("LOG_LEVEL", level).build();
        Configuration::builder().code_sha256("a").environment(environment).timeout(timeout).build()
    }

    #[test]
    fn what_serves_with_other_settings_is_told_by_their_names() {
        let deployed = configuration("debug", 60);
        assert!(different(&deployed, &configuration("debug", 60)).is_empty());
        assert_eq!(different(&deployed, &configuration("info", 60)), ["environment"]);
        assert_eq!(different(&deployed, &configuration("info", 6)), ["environment", "timeout"]);
    }

    #[test]
    fn a_version_that_logs_otherwise_is_told() {
        let with_level = |level| {
            let logging = LoggingConfig::builder().application_log_level(level).build();
            Configuration::builder().code_sha256("a").logging_config(logging).build()
        };
        let deployed = with_level(ApplicationLogLevel::Debug);
        assert_eq!(different(&deployed, &with_level(ApplicationLogLevel::Info)), ["logging"]);
        assert!(different(&deployed, &with_level(ApplicationLogLevel::Debug)).is_empty());
    }

    #[test]
    fn a_function_that_failed_is_not_ready() {
        let state = |state| Configuration::builder().state(state).build();
        assert_eq!(not_ready(&state(State::Failed)), Some("Failed"));
        assert_eq!(not_ready(&state(State::Active)), None);
    }
}
