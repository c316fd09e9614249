//! The AWS account that a command works in: an operator's by a profile, or the local stack.

use anyhow::{Result, bail};
use automations::aws;
use automations::config::Reader;
use aws_config::SdkConfig;

/// The configuration of every client.
///
/// # Errors
/// Where neither a profile is named nor a local stack is up.
pub async fn account(profile: Option<String>) -> Result<SdkConfig> {
    let is_local = !Reader::of_process().or("AWS_ENDPOINT_URL", String::new()).is_empty();
    match profile {
        Some(profile) => Ok(aws::of_profile(profile).await?),
        None if is_local => Ok(aws::load()?),
        None => bail!(
            "there is no stack to look at: start one with `cargo xtask up`, or name an AWS profile with --profile"
        ),
    }
}
