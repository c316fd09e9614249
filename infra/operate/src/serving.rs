//! Whether the functions that serve by an alias serve what was deployed last.
//!
//! An alias points to a version, which is made when something deploys; where none is made, what was deployed waits beside
//! it, unseen, and the old version serves on with its old configuration.

use crate::smoke::Check;
use anyhow::{Context as _, Result};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput as Configuration;

/// The alias, and the functions that serve by it: template.yaml, `AutoPublishAlias`.
const ALIAS: &str = "live";
const FUNCTIONS: [&str; 3] = ["webhook-ingest", "event-enricher", "action-worker"];

/// The functions of a stack that serve by an alias.
#[derive(Debug)]
pub struct AliasCheck {
    lambda: Client,
    stack: String,
}

impl AliasCheck {
    /// Those of this stack.
    pub fn new(lambda: Client, stack: String) -> Self {
        Self { lambda, stack }
    }

    /// Whether each serves what was deployed last; what does not is told by the names of its settings, never their values.
    ///
    /// # Errors
    /// Where Lambda cannot be asked.
    pub(crate) async fn check(&self) -> Result<Check> {
        let mut old = Vec::new();
        for function in FUNCTIONS {
            let name = format!("{}-{function}", self.stack);
            let request = self.lambda.get_function_configuration().function_name(&name);
            let deployed = request.clone().send().await.with_context(|| format!("{name} is not there"))?;
            let serves = request.qualifier(ALIAS).send().await;
            let serves = serves.with_context(|| format!("{name} has no alias `{ALIAS}`"))?;
            let different = different(&deployed, &serves);
            if !different.is_empty() {
                let version = serves.version().unwrap_or_default();
                old.push(format!(
                    "{function} serves version {version}, with another {}",
                    different.join(", ")
                ));
            }
        }
        let seen = if old.is_empty() { format!("{} functions", FUNCTIONS.len()) } else { old.join("; ") };
        Ok(Check { name: "what was deployed serves", good: old.is_empty(), seen })
    }
}

fn different(deployed: &Configuration, serves: &Configuration) -> Vec<&'static str> {
    let tracing = |of: &Configuration| of.tracing_config().and_then(|tracing| tracing.mode()).cloned();
    let variables = |of: &Configuration| of.environment().and_then(|all| all.variables()).cloned();
    let settings = [
        ("code", deployed.code_sha256() == serves.code_sha256()),
        ("environment", variables(deployed) == variables(serves)),
        ("timeout", deployed.timeout() == serves.timeout()),
        ("memory", deployed.memory_size() == serves.memory_size()),
        ("role", deployed.role() == serves.role()),
        ("tracing", tracing(deployed) == tracing(serves)),
    ];
    settings.into_iter().filter(|(_, same)| !same).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_lambda::types::EnvironmentResponse;

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
}
