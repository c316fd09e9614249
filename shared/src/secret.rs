//! Secrets Manager: an organisation's secrets, read once and kept for a while.
//!
//! Each organisation has three, named `{prefix}/{organisation}/{kind}` and holding one JSON object each:
//! `webhook-token` `{"token"}`, `api-key` `{"endpoint", "api_key"}` and `api-token` `{"endpoint", "token"}`.

use crate::endpoint::Endpoint;
use crate::failure::{Failure, Remedy};
use crate::id::OrganisationId;
use crate::wire;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq as _;

/// A secret may be this much out of date.
const KEPT_FOR: Duration = Duration::from_mins(5);
/// That an organisation has no such secret is believed for this long, so that a stranger who guesses names costs one
/// look-up a name.
const ABSENCE_KEPT_FOR: Duration = Duration::from_secs(30);
/// So many secrets are kept; past it, all are forgotten and read again.
const MOST_KEPT: usize = 1_000;

/// The last part of a secret's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What a webhook's URL must end in.
    WebhookToken,
    /// What `authenticate` takes.
    ApiKey,
    /// What every other request carries; rotated.
    ApiToken,
}

impl Kind {
    /// As it stands in the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebhookToken => "webhook-token",
            Self::ApiKey => "api-key",
            Self::ApiToken => "api-token",
        }
    }
}

/// The secret `webhook-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookToken {
    /// What a webhook's URL must end in.
    pub token: SecretString,
}

impl WebhookToken {
    /// Whether this is the token. The time it takes does not depend on where the first wrong byte stands.
    pub fn is(&self, token: &str) -> bool {
        #[expect(clippy::disallowed_methods, reason = "this is where the token is compared")]
        let own = self.token.expose_secret();
        // An empty secret would let an empty token in.
        !own.is_empty() && bool::from(own.as_bytes().ct_eq(token.as_bytes()))
    }
}

/// The secret `api-key`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiKey {
    /// The API's address; the host differs by aggregator.
    pub endpoint: Endpoint,
    /// The organisation's API key, which does not expire.
    pub api_key: SecretString,
}

/// The secret `api-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiToken {
    /// The API's address.
    pub endpoint: Endpoint,
    /// A JWT that lives for 14 days.
    pub token: SecretString,
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this name.
    #[error("the secret {name} does not exist; create it for this organisation")]
    Absent {
        /// Its name.
        name: String,
    },
    /// Secrets Manager did not answer.
    #[error("Secrets Manager does not answer for {name}")]
    Unavailable {
        /// The secret's name.
        name: String,
    },
    /// Secrets Manager refused.
    #[error("Secrets Manager refuses to give {name}; see the function's role in template.yaml")]
    Refused {
        /// The secret's name.
        name: String,
    },
    /// It does not hold what it should.
    #[error("the secret {name} is not usable")]
    Unusable {
        /// Its name.
        name: String,
        /// Where it does not fit.
        #[source]
        misfit: wire::Misfit,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            // All of these are mended by an operator while the message waits.
            Self::Absent { .. } | Self::Unavailable { .. } | Self::Refused { .. } | Self::Unusable { .. } => {
                Remedy::Retry { after: None }
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "secret_absent",
            Self::Unavailable { .. } => "secret_unavailable",
            Self::Refused { .. } => "secret_refused",
            Self::Unusable { .. } => "secret_unusable",
        }
    }
}

/// The organisations' secrets. One per process.
#[derive(Debug)]
pub struct Secrets {
    client: Client,
    prefix: String,
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    since: Instant,
    value: Option<SecretString>,
}

impl Secrets {
    /// Secrets whose names begin with `prefix`.
    pub fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix, kept: Mutex::default() }
    }

    /// What this organisation's webhook URLs end in.
    ///
    /// # Errors
    /// [`Error`], where [`Error::Absent`] may mean that there is no such organisation.
    pub async fn webhook_token(&self, organisation: &OrganisationId) -> Result<WebhookToken, Error> {
        self.get(organisation, Kind::WebhookToken).await
    }

    /// The organisation's API token, from memory where it is younger than five minutes.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn api_token(&self, organisation: &OrganisationId) -> Result<ApiToken, Error> {
        self.get(organisation, Kind::ApiToken).await
    }

    /// The organisation's API token, read anew: the one in memory was refused.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn fresh_api_token(&self, organisation: &OrganisationId) -> Result<ApiToken, Error> {
        let name = self.name(organisation, Kind::ApiToken);
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        self.get(organisation, Kind::ApiToken).await
    }

    fn name(&self, organisation: &OrganisationId, kind: Kind) -> String {
        format!("{}/{organisation}/{}", self.prefix, kind.as_str())
    }

    async fn get<T: DeserializeOwned>(&self, organisation: &OrganisationId, kind: Kind) -> Result<T, Error> {
        let name = self.name(organisation, kind);
        let value = match self.kept(&name) {
            Some(kept) => kept.value,
            None => self.fetch(&name).await?,
        };
        let Some(value) = value else { return Err(Error::Absent { name }) };
        parse(&value).map_err(|misfit| Error::Unusable { name, misfit })
    }

    fn kept(&self, name: &str) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = kept.get(name)?;
        let limit = if secret.value.is_some() { KEPT_FOR } else { ABSENCE_KEPT_FOR };
        (secret.since.elapsed() < limit).then(|| secret.clone())
    }

    async fn fetch(&self, name: &str) -> Result<Option<SecretString>, Error> {
        let answer = self.client.get_secret_value().secret_id(name).send().await;
        let value = match answer {
            Ok(answer) => answer.secret_string.map(SecretString::from),
            Err(error) if is_absent(&error) => None,
            Err(error) if crate::aws::is_refusal(&error) => {
                return Err(Error::Refused { name: name.to_owned() });
            }
            Err(_) => return Err(Error::Unavailable { name: name.to_owned() }),
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(name.to_owned(), Kept { since: Instant::now(), value: value.clone() });
        Ok(value)
    }
}

/// A secret's text as what it should hold.
///
/// # Errors
/// [`wire::Misfit`], which says where it does not fit and quotes nothing.
pub fn parse<T: DeserializeOwned>(value: &SecretString) -> Result<T, wire::Misfit> {
    #[expect(clippy::disallowed_methods, reason = "the secret becomes a typed secret here")]
    wire::from_json(value.expose_secret().as_bytes())
}

fn is_absent(error: &aws_sdk_secretsmanager::error::SdkError<GetSecretValueError>) -> bool {
    error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_token_is_itself_and_nothing_else() {
        let secret = |text: &str| WebhookToken { token: text.into() };
        assert!(secret("abc").is("abc"));
        for wrong in ["", "a", "ab", "abd", "xbc", "abcd", "ABC"] {
            assert!(!secret("abc").is(wrong), "{wrong}");
        }
        assert!(!secret("").is(""));
    }

    #[test]
    fn a_secret_prints_nothing_and_its_error_neither() {
        let good =
            SecretString::from(r#"{"endpoint": "https://app.example.com/graphql", "token": "canary-1"}"#);
        let token: ApiToken = parse(&good).unwrap();
        assert!(!format!("{token:?}").contains("canary"));
        let bad = SecretString::from(r#"{"endpoint": "http://canary-2.example.com", "token": "canary-3"}"#);
        let error = parse::<ApiToken>(&bad).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}
