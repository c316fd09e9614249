//! The key with which an earlier lead of the same person is recognised: a secret of the organisation, as
//! `shared/src/aws/secret/lead_key.rs` reads it. It is never changed, as the digests in the table were made with it.

use super::{Organisations, values};
use anyhow::{Context as _, Result};
use automations::aws::secret::LEAD_KEY;
use automations::id::OrganisationId;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

impl Organisations {
    /// Lets leads reuse the contact of an earlier lead: stores a new key, unless there is one. Returns whether it is new.
    ///
    /// # Errors
    /// If there is no such organisation, or a request fails.
    pub async fn reuse_contacts(&self, organisation: &OrganisationId) -> Result<bool> {
        let name = self.lead_key(organisation);
        match self.secrets.describe_secret().secret_id(&name).send().await {
            Ok(_) => Ok(false),
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                self.create_secret(organisation, &name, stored(&values::fresh_token()?)).await?;
                Ok(true)
            }
            Err(error) => Err(error).context("Secrets Manager does not respond"),
        }
    }

    /// Deletes the key: no earlier lead is recognised any more, and what the table has of them means nothing.
    ///
    /// # Errors
    /// If a request fails.
    pub async fn forget_contacts(&self, organisation: &OrganisationId) -> Result<()> {
        self.delete_secret(&self.lead_key(organisation)).await
    }

    fn lead_key(&self, organisation: &OrganisationId) -> String {
        format!("{}/{organisation}/{LEAD_KEY}", self.stack)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the key is stored")]
fn stored(key: &SecretString) -> String {
    json!({ "key": key.expose_secret() }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws::secret::LeadKey;
    use automations::model::lead::Identity;
    use automations::private::Private;

    #[test]
    fn a_key_is_stored_as_the_worker_reads_it_and_no_two_are_the_same() {
        let email = Identity::Email(Private::new("jane@example.com".to_owned()));
        let digest = || {
            let key: LeadKey = serde_json::from_str(&stored(&values::fresh_token().unwrap())).unwrap();
            key.digest(&email).unwrap()
        };
        assert_ne!(digest(), digest());
    }
}
