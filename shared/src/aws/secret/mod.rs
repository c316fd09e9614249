//! Secrets Manager: an organisation's secrets, read once and kept for a while.
//!
//! Each organisation has three, named `{prefix}/{organisation}/{kind}` and holding one JSON object each:
//! `webhook-token` `{"token"}`, `api-key` `{"endpoint", "api_key"}` and `api-token` `{"endpoint", "token", "expires"}`.
//! Where a user's login stands in for an API key, `api-key` holds `{"endpoint", "email", "password"}`; with either, an
//! optional `"organization"` names the one to enter, by the id that `organizations` shows, and an optional `"access"` says
//! what may be done there (see [`Access`]); rotation copies it to `api-token`, where the functions read it.
//! Where the worker signs in for itself, it has two more, `writer-key` and `writer-token`, of the same form. There may also be
//! `inbound-{name}` `{"token"}` for each webhook that is not Salestrekker's, and `destination-{name}` (see `notice.rs`).

mod read;
mod webhook;

pub use read::Secrets;
pub use webhook::{TokenOf, TokenStage, WebhookToken, WebhookTokens};

use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Remedy};
use crate::id::MembershipId;
use crate::json;
use crate::private::Private;
use crate::reason::Reason;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What may be done in an organisation. An aggregator may let data in and not out, or a brokerage may first want to see
/// what would be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// All of it.
    #[default]
    ReadWrite,
    /// Tickets are looked at; actions are recorded as "would do", and nothing is sent.
    ReadOnly,
    /// Actions are sent; no ticket is looked at of our own accord, so that a webhook becomes no event of a change.
    WriteOnly,
}

/// The last part of a secret's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What a webhook's URL must end in.
    WebhookToken,
    /// What `authenticate` takes.
    ApiKey,
    /// What every other request carries; rotated.
    ApiToken,
    /// As [`Self::ApiKey`], where action-worker has secrets of its own.
    WriterKey,
    /// As [`Self::ApiToken`], where action-worker has secrets of its own.
    WriterToken,
}

impl Kind {
    /// The tokens, each with the key by which it is come by.
    pub const TOKENS: [(Self, Self); 2] =
        [(Self::ApiToken, Self::ApiKey), (Self::WriterToken, Self::WriterKey)];

    /// The token by which action-worker writes.
    pub fn of_writer(is_separate: bool) -> Self {
        if is_separate { Self::WriterToken } else { Self::ApiToken }
    }

    /// As it stands in the name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WebhookToken => "webhook-token",
            Self::ApiKey => "api-key",
            Self::ApiToken => "api-token",
            Self::WriterKey => "writer-key",
            Self::WriterToken => "writer-token",
        }
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
    /// What may be done there.
    pub access: Access,
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
    #[serde(default)]
    access: Access,
}

impl TryFrom<StoredCredential> for Credential {
    type Error = &'static str;

    fn try_from(stored: StoredCredential) -> Result<Self, &'static str> {
        let StoredCredential { endpoint, organization, api_key, email, password, access } = stored;
        let login = match (api_key, email, password) {
            (Some(key), None, None) => Login::ApiKey(key),
            (None, Some(email), Some(password)) => Login::User { email, password },
            _ => return Err("it takes an api_key, or an email and a password"),
        };
        Ok(Self { endpoint, login, organization, access })
    }
}

/// The secret `api-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiToken {
    /// The API's address.
    pub endpoint: Endpoint,
    /// A JWT that lives for 14 days.
    pub token: SecretString,
    /// When it expires, in seconds since 1970 began, where it says so.
    #[serde(default)]
    pub expires: Option<u64>,
    /// What may be done with it.
    #[serde(default)]
    pub access: Access,
}

impl ApiToken {
    /// A token that was just come by with this credential.
    pub fn of(credential: &Credential, token: SecretString) -> Self {
        #[expect(clippy::disallowed_methods, reason = "only when it expires is read from it")]
        let expires = expiry(token.expose_secret()).map(Timestamp::as_seconds);
        Self { endpoint: credential.endpoint.clone(), token, expires, access: credential.access }
    }

    /// As the secret holds it.
    pub fn stored(&self) -> SecretString {
        #[derive(Serialize)]
        struct Stored<'a> {
            endpoint: &'a Endpoint,
            token: &'a str,
            expires: Option<u64>,
            access: Access,
        }
        let Self { endpoint, token, expires, access } = self;
        #[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
        let stored = Stored { endpoint, token: token.expose_secret(), expires: *expires, access: *access };
        json::to_json(&stored).into()
    }

    /// When the token expires, by what it says of itself; else by what was stored beside it.
    pub fn expires(&self) -> Option<Timestamp> {
        #[expect(clippy::disallowed_methods, reason = "only when it expires is read from it")]
        let own = expiry(self.token.expose_secret());
        own.or(self.expires.map(Timestamp::from_seconds))
    }

    /// Whole days until it expires, where it says so.
    pub fn days_left(&self, now: Timestamp) -> Option<u64> {
        Some(self.expires()?.since(now).as_secs() / 86_400)
    }

    /// Whether the token says of itself that its time is over: reason enough to look for a newer one, not to believe it.
    /// A token that says nothing has not expired.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|expires| expires <= now)
    }

    /// Whether it is the same token.
    pub(crate) fn is(&self, other: &Self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "two of our own tokens are compared")]
        let [own, other] = [self, other].map(|token| token.token.expose_secret());
        own == other
    }
}

/// The claim `exp` of a JWT (RFC 7519, section 4.1.4), its signature not looked at.
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = json::from_json(&claims).ok()?;
    Some(Timestamp::from_seconds(claims.exp))
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none of this name.
    #[error("the secret {name} does not exist; create it for this organisation")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// Secrets Manager did not response.
    #[error("Secrets Manager does not response for {name}")]
    Unavailable {
        /// The secret's name.
        name: String,
    },
    /// Secrets Manager refused.
    #[error("Secrets Manager refuses to give {name}; see the function's role in template.yaml")]
    AccessDenied {
        /// The secret's name.
        name: String,
    },
    /// It does not hold what it should.
    #[error("the secret {name} is not usable")]
    Invalid {
        /// Its name.
        name: String,
        /// Where it does not fit.
        #[source]
        decode_error: json::DecodeError,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            // All of these are mended by an operator while the message waits.
            Self::NotFound { .. }
            | Self::Unavailable { .. }
            | Self::AccessDenied { .. }
            | Self::Invalid { .. } => Remedy::Retry { after: None },
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::NotFound { .. } => Reason::SecretNotFound,
            Self::Unavailable { .. } => Reason::SecretUnavailable,
            Self::AccessDenied { .. } => Reason::SecretAccessDenied,
            Self::Invalid { .. } => Reason::SecretInvalid,
        }
    }
}

/// A secret's text as what it should hold.
///
/// # Errors
/// [`json::DecodeError`], which says where it does not fit and quotes nothing.
pub fn parse<T: DeserializeOwned>(value: &SecretString) -> Result<T, json::DecodeError> {
    #[expect(clippy::disallowed_methods, reason = "the secret becomes a typed secret here")]
    json::from_json(value.expose_secret().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let token = format!("e30.{}.signature", URL_SAFE_NO_PAD.encode(claims)).into();
        ApiToken { endpoint, token, expires: None, access: Access::default() }
    }

    #[test]
    fn a_token_expires_when_it_says_so() {
        let token = jwt(r#"{"id": "u", "iat": 1000, "exp": 1209}"#);
        assert!(!token.has_expired(Timestamp::from_seconds(1208)));
        assert!(token.has_expired(Timestamp::from_seconds(1209)));
    }

    #[test]
    fn a_stored_token_is_read_back_with_its_expiry_and_what_may_be_done() {
        let key = r#"{"endpoint": "https://app.example.com/graphql", "api_key": "k", "access": "read-only"}"#;
        let credential: Credential = parse(&key.into()).unwrap();
        let day = 86_400;
        let token = ApiToken::of(&credential, jwt(&format!(r#"{{"exp": {}}}"#, 14 * day)).token);
        let again: ApiToken = parse(&token.stored()).unwrap();
        assert_eq!((again.expires, again.access), (Some(14 * day), Access::ReadOnly));
        assert_eq!(again.days_left(Timestamp::from_seconds(10 * day + 1)), Some(3));
        // What was stored before there was an expiry beside it.
        let old = r#"{"endpoint": "https://app.example.com/graphql", "token": "t"}"#;
        let old: ApiToken = parse(&old.into()).unwrap();
        assert_eq!((old.days_left(Timestamp::from_seconds(1)), old.access), (None, Access::ReadWrite));
    }

    #[test]
    fn a_token_that_says_nothing_has_not_expired() {
        for claims in ["{}", "", "no JSON", r#"{"exp": "soon"}"#, r#"{"exp": -1}"#] {
            assert!(!jwt(claims).has_expired(Timestamp::from_seconds(u64::MAX / 2_000)), "{claims}");
        }
        let bare = ApiToken { token: "opaque".into(), ..jwt("{}") };
        assert!(!bare.has_expired(Timestamp::from_seconds(1)));
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
