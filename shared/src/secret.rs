//! Secrets Manager: an organisation's secrets, read once and kept for a while.
//!
//! Each organisation has three, named `{prefix}/{organisation}/{kind}` and holding one JSON object each:
//! `webhook-token` `{"token"}`, `api-key` `{"endpoint", "api_key"}` and `api-token` `{"endpoint", "token"}`. Where a
//! user's login stands in for an API key, `api-key` holds `{"endpoint", "email", "password"}`; with either, an optional
//! `"organization"` names the one to enter, by the id that `organizations` shows.

use crate::clock::Moment;
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Remedy};
use crate::id::{MembershipId, OrganisationId};
use crate::kept::Kept;
use crate::private::Private;
use crate::wire;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
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

/// The secret `api-key`: how a token is come by.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "StoredCredential")]
pub struct Credential {
    /// The API's address; the host differs by aggregator.
    pub endpoint: Endpoint,
    /// Who signs in.
    pub login: Login,
    /// The organisation to enter, of those that the user may; the one that the login leads to where absent.
    pub organization: Option<MembershipId>,
}

/// Who signs in.
#[derive(Debug, Clone)]
pub enum Login {
    /// An organisation, by its API key, which does not expire.
    ApiKey(SecretString),
    /// A user. Aggregators forbid stored user logins; an API key is the default.
    User {
        /// The user's e-mail address.
        email: Private<String>,
        /// The user's password.
        password: SecretString,
    },
}

#[derive(Deserialize)]
struct StoredCredential {
    endpoint: Endpoint,
    organization: Option<MembershipId>,
    api_key: Option<SecretString>,
    email: Option<Private<String>>,
    password: Option<SecretString>,
}

impl TryFrom<StoredCredential> for Credential {
    type Error = &'static str;

    fn try_from(stored: StoredCredential) -> Result<Self, &'static str> {
        let StoredCredential { endpoint, organization, api_key, email, password } = stored;
        let login = match (api_key, email, password) {
            (Some(key), None, None) => Login::ApiKey(key),
            (None, Some(email), Some(password)) => Login::User { email, password },
            _ => return Err("it takes an api_key, or an email and a password"),
        };
        Ok(Self { endpoint, login, organization })
    }
}

/// The secret `api-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiToken {
    /// The API's address.
    pub endpoint: Endpoint,
    /// A JWT that lives for 14 days.
    pub token: SecretString,
}

impl ApiToken {
    /// Whether the token says of itself that its time is over: reason enough to look for a newer one, not to believe it.
    /// A token that says nothing has not expired.
    pub fn has_expired(&self, now: Moment) -> bool {
        #[expect(clippy::disallowed_methods, reason = "only when it expires is read from it")]
        expiry(self.token.expose_secret()).is_some_and(|expiry| expiry <= now)
    }

    /// Whether it is the same token.
    pub(crate) fn is(&self, other: &Self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "two of our own tokens are compared")]
        let [own, other] = [self, other].map(|token| token.token.expose_secret());
        own == other
    }
}

/// The claim `exp` of a JWT (RFC 7519, section 4.1.4), its signature not looked at.
fn expiry(token: &str) -> Option<Moment> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = wire::from_json(&claims).ok()?;
    Some(Moment::from_seconds(claims.exp))
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
    /// By name; `None` for one that does not exist.
    kept: Kept<String, Option<SecretString>>,
}

impl Secrets {
    /// Secrets whose names begin with `prefix`.
    pub fn new(client: Client, prefix: String) -> Self {
        Self { client, prefix, kept: Kept::new(MOST_KEPT) }
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

    /// The organisation's API token after this one was refused: another that is in memory since, else read anew.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn another_api_token(
        &self,
        organisation: &OrganisationId,
        refused: &ApiToken,
    ) -> Result<ApiToken, Error> {
        let known = self.api_token(organisation).await?;
        if !known.is(refused) {
            return Ok(known);
        }
        let name = self.name(organisation, Kind::ApiToken);
        let value = self.fetch(&name).await?;
        open(name, value)
    }

    fn name(&self, organisation: &OrganisationId, kind: Kind) -> String {
        format!("{}/{organisation}/{}", self.prefix, kind.as_str())
    }

    async fn get<T: DeserializeOwned>(&self, organisation: &OrganisationId, kind: Kind) -> Result<T, Error> {
        self.named(organisation, kind.as_str()).await
    }

    /// A secret of the organisation by the last part of its name, from memory where it is younger than five minutes.
    pub(crate) async fn named<T: DeserializeOwned>(
        &self,
        organisation: &OrganisationId,
        last: &str,
    ) -> Result<T, Error> {
        let name = format!("{}/{organisation}/{last}", self.prefix);
        let value = match self.kept.get(&name) {
            Some(kept) => kept,
            None => self.fetch(&name).await?,
        };
        open(name, value)
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
        let keep_for = if value.is_some() { KEPT_FOR } else { ABSENCE_KEPT_FOR };
        self.kept.put(name.to_owned(), value.clone(), keep_for);
        Ok(value)
    }
}

fn open<T: DeserializeOwned>(name: String, value: Option<SecretString>) -> Result<T, Error> {
    let Some(value) = value else { return Err(Error::Absent { name }) };
    parse(&value).map_err(|misfit| Error::Unusable { name, misfit })
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
    fn jwt(claims: &str) -> ApiToken {
        let endpoint = serde_json::from_str(r#""https://app.example.com/graphql""#).unwrap();
        ApiToken { endpoint, token: format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(claims)).into() }
    }

    #[test]
    fn a_token_expires_when_it_says_so() {
        let token = jwt(r#"{"id": "u", "iat": 1000, "exp": 1209}"#);
        assert!(!token.has_expired(Moment::from_seconds(1208)));
        assert!(token.has_expired(Moment::from_seconds(1209)));
    }

    #[test]
    fn a_token_that_says_nothing_has_not_expired() {
        for claims in ["{}", "", "no JSON", r#"{"exp": "soon"}"#, r#"{"exp": -1}"#] {
            assert!(!jwt(claims).has_expired(Moment::from_seconds(u64::MAX / 2_000)), "{claims}");
        }
        let bare = ApiToken { token: "opaque".into(), ..jwt("{}") };
        assert!(!bare.has_expired(Moment::from_seconds(1)));
    }

    #[test]
    fn a_credential_is_a_key_or_a_login_and_not_both() {
        let credential = |rest: &str| {
            let text = format!(r#"{{"endpoint": "https://app.example.com/graphql", {rest}}}"#);
            parse::<Credential>(&text.into())
        };
        let key = credential(r#""api_key": "k", "organization": "o-1""#).unwrap();
        assert!(matches!(key.login, Login::ApiKey(_)) && key.organization.is_some());
        let user = credential(r#""email": "canary@example.com", "password": "canary""#).unwrap();
        assert!(matches!(user.login, Login::User { .. }) && !format!("{user:?}").contains("canary"));
        for neither in [r#""api_key": "k", "email": "e""#, r#""email": "e""#, r#""password": "p""#] {
            assert!(credential(neither).is_err(), "{neither}");
        }
    }
}
