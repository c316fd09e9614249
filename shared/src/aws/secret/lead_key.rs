//! The key of the digests by which an earlier lead of the same person is recognised.

use super::{Error, Secrets};
use crate::digest::{hmac_sha256, short_hex};
use crate::id::OrganisationId;
use crate::model::lead::Identity;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The last part of the secret's name.
pub const LEAD_KEY: &str = "lead-key";

/// The value of `lead-key`. Without it, a digest of an address or a number says nothing, although there are few numbers; if it is
/// deleted, no earlier lead is recognised any more.
#[derive(Debug, Deserialize)]
pub struct LeadKey {
    key: SecretString,
}

impl LeadKey {
    /// The digest of an e-mail address or a telephone number: 128 bits, as hexadecimal digits. None if the key is empty.
    pub fn digest(&self, identity: &Identity) -> Option<String> {
        #[expect(clippy::disallowed_methods, reason = "this is where the key is used")]
        let key = self.key.expose_secret();
        if key.is_empty() {
            return None;
        }
        let (kind, text) = identity.parts();
        let parts = [kind.as_bytes(), &[0], text.reveal().as_bytes()];
        hmac_sha256(key.as_bytes(), &parts).map(short_hex)
    }
}

impl Secrets {
    /// The organisation's key, cached for five minutes.
    ///
    /// # Errors
    /// [`Error`]; [`Error::NotFound`] if `automations organisation reuse-contacts` was not run.
    pub async fn lead_key(&self, organisation: &OrganisationId) -> Result<LeadKey, Error> {
        self.named(organisation, LEAD_KEY).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;

    fn key(text: &str) -> LeadKey {
        serde_json::from_value(serde_json::json!({ "key": text })).unwrap()
    }

    #[test]
    fn a_digest_depends_on_the_key_the_kind_and_the_text_and_shows_none_of_them() {
        let [email, phone] =
            [Identity::Email, Identity::Phone].map(|kind| kind(Private::new("61491570006".to_owned())));
        let digest = |under: &str, identity: &Identity| key(under).digest(identity).unwrap();
        assert_eq!(digest("k-1", &email), digest("k-1", &email));
        assert_ne!(digest("k-1", &email), digest("k-2", &email));
        assert_ne!(digest("k-1", &email), digest("k-1", &phone));
        assert_eq!(digest("k-1", &email).len(), 32);
        assert_eq!(key("").digest(&email), None);
        assert!(!format!("{:?} {email:?}", key("k-1")).contains("k-1"));
        assert!(!format!("{email:?}").contains("491"));
    }
}
