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
pub(crate) const ALIAS: &str = "live";

/// A function, and what is wrong with it.
#[derive(Debug)]
pub(crate) struct Deployed {
    /// Its name.
    pub(crate) name: String,
    /// The version that its alias points to; none if it has no alias.
    pub(crate) version: Option<String>,
    /// Its state, if it cannot be invoked or its last update failed.
    pub(crate) not_ready: Option<String>,
    /// The settings in which the version differs from what was deployed last.
    pub(crate) different: Vec<&'static str>,
}

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
        let functions = self.functions().await?;
        let problems: Vec<String> = functions.iter().flat_map(Deployed::problems).collect();
        let good = problems.is_empty() && !functions.is_empty();
        let aliases = functions.iter().filter(|function| function.version.is_some()).count();
        let seen = format!("{} functions, {aliases} of them with the alias `{ALIAS}`", functions.len());
        let seen = if problems.is_empty() { seen } else { problems.join("; ") };
        Ok(Check { name: "functions are ready and serve what was deployed", good, seen })
    }

    /// Each function of the stack.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn functions(&self) -> Result<Vec<Deployed>> {
        let names =
            stack_resources::of_type(&self.cloudformation, &self.stack, "AWS::Lambda::Function").await?;
        let mut functions = Vec::new();
        for name in names {
            let request = self.lambda.get_function_configuration().function_name(&name);
            let deployed = request.clone().send().await.with_context(|| format!("the function {name}"))?;
            let not_ready = not_ready(&deployed).map(str::to_owned);
            let serves = match request.qualifier(ALIAS).send().await {
                Ok(serves) => Some(serves),
                Err(error) if error.code() == Some("ResourceNotFoundException") => None,
                Err(error) => return Err(error).with_context(|| format!("the alias `{ALIAS}` of {name}")),
            };
            let different = serves.as_ref().map_or_else(Vec::new, |serves| different(&deployed, serves));
            let version = serves.and_then(|serves| serves.version);
            functions.push(Deployed { name, version, not_ready, different });
        }
        Ok(functions)
    }
}

impl Deployed {
    /// What is wrong with it, in sentences.
    pub(crate) fn problems(&self) -> Vec<String> {
        let name = &self.name;
        let not_ready = self.not_ready.iter().map(|state| format!("{name} is {state}"));
        let (version, different) = (self.version.as_deref().unwrap_or_default(), self.different.join(", "));
        let differs = format!("{name} serves version {version}, which differs in {different}");
        not_ready.chain((!self.different.is_empty()).then_some(differs)).collect()
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
