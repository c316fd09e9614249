//! The vendor's own schema, asked for with an organisation's credential.

use anyhow::{Result, bail};
use automations::aws::secret::Secrets;
use automations::clock;
use automations::id::OrganisationId;
use automations::salestrekker::{Client, Error, Limits};
use automations::{aws, failure};
use serde_json::Value;
use std::time::Duration;

/// A whole schema is some hundred kilobytes.
const LONGEST: Duration = Duration::from_mins(1);

/// The introspection of the API that this organisation's secret in `stack` leads to.
///
/// # Errors
/// Where the secret cannot be read, or the API does not answer the question, which it may not for an ordinary key.
pub async fn fetch(config: &aws_config::SdkConfig, stack: &str, organisation: &str) -> Result<Value> {
    let organisation = OrganisationId::parse(organisation)?;
    let secrets = Secrets::new(aws::secrets_manager(config), stack.to_owned());
    let client = Client::new(secrets, Limits::default())?;
    let until = clock::now().later(LONGEST);
    match client.session(&organisation, until).introspect().await {
        Ok(schema) => Ok(schema),
        Err(error @ Error::Rejected { .. }) => {
            bail!("{error}; introspection may be off for this credential: ask the vendor for the schema")
        }
        Err(error) => bail!("{}", failure::chain(&error)),
    }
}

/// AWS as this profile sees it, or as the environment says.
///
/// # Errors
/// Where neither leads anywhere.
pub async fn config(profile: Option<&str>, is_local: bool) -> Result<aws_config::SdkConfig> {
    if let Some(profile) = profile {
        return Ok(aws::load_profile(profile.to_owned()).await?);
    }
    if !is_local {
        bail!(
            "there is no stack to ask: start one with `cargo xtask up`, or name an AWS profile with --profile"
        );
    }
    Ok(aws::load()?)
}
