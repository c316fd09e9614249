//! Destinations of notices: Slack, Teams or any URL. Each is a secret of the organisation, as shared/src/notice reads it.

use super::Organisations;
use anyhow::{Context as _, Result};
use automations::endpoint::Endpoint;
use automations::id::{DestinationName, OrganisationId};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;

/// The format of a notice's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON for a program, with text, organisation, ticket, event and handler
    Standard,
    /// A Slack incoming webhook
    Slack,
    /// A Microsoft Teams workflow
    Teams,
}

/// Where notices go.
#[derive(Debug)]
pub struct Destination {
    /// The address; as secret as a signing secret, because anyone who knows a Slack webhook's may post to it.
    pub url: Endpoint,
    /// The format of the body.
    pub format: Format,
    /// The secret that signs notices, by the Standard Webhooks specification: `whsec_` and base 64.
    pub signing_secret: Option<SecretString>,
}

impl Organisations {
    /// Stores a destination; one of the same name is replaced. The functions use it within five minutes.
    ///
    /// # Errors
    /// If there is no such organisation, or a request fails.
    pub async fn set_destination(
        &self,
        organisation: &OrganisationId,
        name: &DestinationName,
        destination: &Destination,
    ) -> Result<()> {
        let (secret, value) = (self.destination_secret(organisation, name), destination.stored());
        let request = self.secrets.put_secret_value().secret_id(&secret).secret_string(&value);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                self.create_secret(organisation, &secret, value).await
            }
            Err(error) => Err(error).context("the destination's secret cannot be stored"),
        }
    }

    /// Deletes a destination.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn remove_destination(
        &self,
        organisation: &OrganisationId,
        name: &DestinationName,
    ) -> Result<()> {
        self.delete_secret(&self.destination_secret(organisation, name)).await
    }

    fn destination_secret(&self, organisation: &OrganisationId, name: &DestinationName) -> String {
        format!("{}/{organisation}/destination-{name}", self.stack)
    }
}

impl Destination {
    #[expect(clippy::disallowed_methods, reason = "this is where the signing secret is stored")]
    fn stored(&self) -> String {
        let secrets: Vec<&str> = self.signing_secret.iter().map(ExposeSecret::expose_secret).collect();
        json!({ "url": self.url, "secrets": secrets, "format": self.format }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_stored_as_the_functions_read_it() {
        let url = Endpoint::try_from(url::Url::parse("https://hooks.example.com/T0/B0/x").unwrap()).unwrap();
        let slack = Destination { url: url.clone(), format: Format::Slack, signing_secret: None };
        assert_eq!(
            slack.stored(),
            r#"{"format":"slack","secrets":[],"url":"https://hooks.example.com/T0/B0/x"}"#
        );
        let signed = Destination { url, format: Format::Standard, signing_secret: Some("whsec_QQ==".into()) };
        assert!(signed.stored().contains(r#""secrets":["whsec_QQ=="]"#));
        for format in Format::value_variants() {
            let stored = serde_json::to_string(format).unwrap();
            assert!(serde_json::from_str::<automations::notice::Format>(&stored).is_ok(), "{stored}");
        }
    }
}
