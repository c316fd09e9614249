//! The AWS account that a command works in: an operator's by a profile, or the local stack.

use anyhow::{Result, bail};
use automations::aws;
use automations::config::Reader;
use aws_config::SdkConfig;
use clap::Args;

/// Where an operator's command works, and how it answers: the options that all of them have.
#[derive(Debug, Clone, Args)]
pub struct Account {
    /// The AWS profile of the account [default: the local stack that `up` started]
    #[arg(long, global = true)]
    profile: Option<String>,
    /// The application's CloudFormation stack, which is the first part of the names of its table, queues and secrets
    #[arg(long, global = true, default_value = "automations")]
    pub stack: String,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Account {
    /// The configuration of every client.
    ///
    /// # Errors
    /// Where neither a profile is named nor a local stack is up.
    pub async fn config(&self) -> Result<SdkConfig> {
        match &self.profile {
            Some(profile) => Ok(aws::load_profile(profile.clone()).await?),
            None if self.local_endpoint().is_some() => Ok(aws::load()?),
            None => bail!(
                "there is no stack to look at: start one with `cargo xtask up`, or name an AWS profile with --profile"
            ),
        }
    }

    /// The local engine's endpoint, where it is that.
    pub fn local_endpoint(&self) -> Option<String> {
        let endpoint = Reader::of_process().or("AWS_ENDPOINT_URL", String::new());
        Some(endpoint).filter(|endpoint| !endpoint.is_empty() && self.profile.is_none())
    }

    /// The name of the stack's table.
    pub fn table(&self) -> String {
        format!("{}-store", self.stack)
    }
}
