//! Fetches the vendor's schema with an organisation's access token.

use anyhow::{Result, bail};
use automations::aws::secret::Secrets;
use automations::clock;
use automations::id::OrganisationId;
use automations::salestrekker::{Client, Error, Limits};
use automations::{aws, failure};
use serde_json::Value;
use std::time::Duration;

/// The timeout: a schema has some hundred kilobytes.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Introspects the API with this organisation's secret in `stack`.
///
/// # Errors
/// If the secret cannot be read, or the API rejects introspection, as it may for an ordinary API key.
pub async fn fetch(config: &aws_config::SdkConfig, stack: &str, organisation: &str) -> Result<Value> {
    let organisation = OrganisationId::parse(organisation)?;
    let secrets = Secrets::new(aws::secrets_manager(config), stack.to_owned());
    let client = Client::new(secrets, Limits::default())?;
    let until = clock::now().later(TIMEOUT);
    match client.session(&organisation, until).introspect().await {
        Ok(schema) => Ok(schema),
        Err(error @ Error::Rejected { .. }) => {
            bail!("{error}; introspection may be off for this credential: ask the vendor for the schema")
        }
        Err(error) => bail!("{}", failure::chain(&error)),
    }
}
