//! An organisation's secrets in Secrets Manager, with a cache.
//!
//! Each organisation has three, named `{prefix}/{organisation}/{kind}`. Each holds one JSON object:
//! - `webhook-token`: `{"token"}`
//! - `api-key`: `{"endpoint", "api_key"}`; or, for a user's login, `{"endpoint", "email", "password"}`. Optional are
//!   `"organization"`, the id (from the query `organizations`) of the organisation to switch to, `"access"` (see [`Access`]) and
//!   `"rehearsal"` (see [`Rehearsal`]).
//! - `api-token`: `{"endpoint", "token", "expires", "access", "rehearsal", "key_version"}`. Rotation writes it, with the `access` and the
//!   `rehearsal` of `api-key`.
//!
//! If action-worker signs in separately, there are also `writer-key` and `writer-token`, of the same form.
//! Optional are `inbound-{name}` for each inbound webhook, `{"token"}` and what is declared of its sender (see
//! `declaration.rs`), `destination-{name}` (see `notice/mod.rs`), and `lead-key`, `{"key"}` (see [`LeadKey`]).

mod declaration;
mod lead_key;
mod read;
mod scheme;
mod signature;
mod webhook;

pub use declaration::{Challenge, Declaration, SameBody};
pub use lead_key::{LEAD_KEY, LeadKey};
pub use read::Secrets;
pub use scheme::{HeaderName, InvalidDeclaration, Scheme};
pub use signature::{SignatureProblem, Verification};
pub use webhook::{TokenOf, TokenStage, WebhookToken, WebhookTokens, is_same};

use crate::aws::ErrorCode;
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

/// The permitted access to an organisation. An aggregator may permit only one direction, or a brokerage may
/// first want to see what would be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reading and writing.
    #[default]
    ReadWrite,
    /// Tickets are fetched; actions have the outcome `dry_run`, and nothing is sent.
    ReadOnly,
    /// Actions are sent; tickets are not fetched to find changes, so a webhook leads to no event of a change.
    WriteOnly,
}

/// Whether it is known how the organisation's API behaves when a ticket is changed. Until then nothing is written: a change could
/// clear what it does not send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearsal {
    /// No rehearsal has passed: actions have the outcome `unrehearsed`, and nothing is sent.
    #[default]
    Missing,
    /// `automations organisation rehearse` found that a change changes nothing else.
    Passed,
    /// The operator accepts what is not known.
    Accepted,
}

/// The kind of secret: the last part of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The token at the end of the organisation's webhook URLs.
    WebhookToken,
    /// The credential for `authenticate`.
    ApiKey,
    /// The token of every other request; rotated.
    ApiToken,
    /// Like [`Self::ApiKey`], if action-worker has its own secrets.
    WriterKey,
    /// Like [`Self::ApiToken`], if action-worker has its own secrets.
    WriterToken,
}

impl Kind {
    /// The kinds of tokens, each with the key used to obtain it.
    pub const TOKENS: [(Self, Self); 2] =
        [(Self::ApiToken, Self::ApiKey), (Self::WriterToken, Self::WriterKey)];

    /// The kind of token with which action-worker writes.
    pub fn of_writer(is_separate: bool) -> Self {
        if is_separate { Self::WriterToken } else { Self::ApiToken }
    }

    /// The last part of the secret's name.
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

/// The value of `api-key`: the credential used to obtain tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "StoredCredential")]
pub struct Credential {
    /// The API's address; the host differs by aggregator.
    pub endpoint: Endpoint,
    /// The API key or the user.
    pub login: Login,
    /// The organisation to switch to, one of those that the user may access; the login's own if absent.
    pub organization: Option<MembershipId>,
    /// The permitted access to it.
    pub access: Access,
    /// Whether a rehearsal has passed.
    pub rehearsal: Rehearsal,
    /// The id of the secret's version that this is; `None` if it is not from Secrets Manager.
    pub version: Option<String>,
}

/// An API key or a user.
#[derive(Debug, Clone)]
pub enum Login {
    /// An organisation's API key, which does not expire.
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
    #[serde(default)]
    rehearsal: Rehearsal,
}

impl TryFrom<StoredCredential> for Credential {
    type Error = &'static str;

    fn try_from(stored: StoredCredential) -> Result<Self, &'static str> {
        let StoredCredential { endpoint, organization, api_key, email, password, access, rehearsal } = stored;
        let login = match (api_key, email, password) {
            (Some(key), None, None) => Login::ApiKey(key),
            (None, Some(email), Some(password)) => Login::User { email, password },
            _ => return Err("expected an api_key, or an email and a password"),
        };
        Ok(Self { endpoint, login, organization, access, rehearsal, version: None })
    }
}

/// The value of `api-token`.
#[derive(Debug, Clone, Deserialize)]
pub struct ApiToken {
    /// The API's address.
    pub endpoint: Endpoint,
    /// A JWT that is valid for 14 days.
    pub token: SecretString,
    /// The time when it expires, in seconds since 1970 began; `None` if unknown.
    #[serde(default)]
    pub expires: Option<u64>,
    /// The permitted access.
    #[serde(default)]
    pub access: Access,
    /// Whether a rehearsal has passed.
    #[serde(default)]
    pub rehearsal: Rehearsal,
    /// The version of the key's secret that it was obtained with; `None` if unknown.
    #[serde(default)]
    pub key_version: Option<String>,
}

impl ApiToken {
    /// A token that was just obtained with this credential.
    pub fn of(credential: &Credential, token: SecretString) -> Self {
        #[expect(clippy::disallowed_methods, reason = "only its expiry is read")]
        let expires = expiry(token.expose_secret()).map(Timestamp::as_seconds);
        let Credential { endpoint, access, rehearsal, version, .. } = credential;
        let (endpoint, access, rehearsal) = (endpoint.clone(), *access, *rehearsal);
        Self { endpoint, token, expires, access, rehearsal, key_version: version.clone() }
    }

    /// The secret's value.
    pub fn stored(&self) -> SecretString {
        #[derive(Serialize)]
        struct Stored<'a> {
            endpoint: &'a Endpoint,
            token: &'a str,
            expires: Option<u64>,
            access: Access,
            rehearsal: Rehearsal,
            key_version: Option<&'a str>,
        }
        let Self { endpoint, token, expires, access, rehearsal, key_version } = self;
        #[expect(clippy::disallowed_methods, reason = "this is where the token is stored")]
        let token = token.expose_secret();
        let key_version = key_version.as_deref();
        let (expires, access, rehearsal) = (*expires, *access, *rehearsal);
        let stored = Stored { endpoint, token, expires, access, rehearsal, key_version };
        json::to_json(&stored).into()
    }

    /// The time when the token expires: its claim `exp`, else the time that was stored with it.
    pub fn expires(&self) -> Option<Timestamp> {
        #[expect(clippy::disallowed_methods, reason = "only its expiry is read")]
        let own = expiry(self.token.expose_secret());
        own.or(self.expires.map(Timestamp::from_seconds))
    }

    /// Whole days until it expires, if that is known.
    pub fn days_left(&self, now: Timestamp) -> Option<u64> {
        Some(self.expires()?.since(now).as_secs() / 86_400)
    }

    /// Whether the token's own expiry time has passed. A token without one has not expired. This only leads
    /// to reading the secret again: the API decides whether a token is valid.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|expires| expires <= now)
    }

    /// Whether it may take the place of the token in use: it was obtained with this version of the key, whose address and access
    /// it therefore has, and does not expire sooner. All tokens live equally long, so one that expires sooner is older.
    pub fn may_replace(&self, current: Option<&Self>, credential: &Credential) -> bool {
        let is_of_key = self.key_version.is_some() && self.key_version == credential.version;
        let expiries = current.and_then(Self::expires).zip(self.expires());
        is_of_key && expiries.is_none_or(|(current, own)| current <= own)
    }

    /// Whether both are the same token.
    pub(crate) fn is(&self, other: &Self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "two of our own tokens are compared")]
        let [own, other] = [self, other].map(|token| token.token.expose_secret());
        own == other
    }
}

/// The claim `exp` of a JWT (RFC 7519, section 4.1.4). The signature is not verified.
fn expiry(token: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = json::from_json(&claims).ok()?;
    Some(Timestamp::from_seconds(claims.exp))
}

/// Why a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no secret of this name.
    #[error(
        "the secret {name} does not exist; create it, or the organisation with `automations organisation add`"
    )]
    NotFound {
        /// Its name.
        name: String,
    },
    /// Secrets Manager did not respond, or throttles.
    #[error("Secrets Manager does not respond for {name}")]
    Unavailable {
        /// The secret's name.
        name: String,
        /// The error code, if there was a response.
        #[source]
        code: Option<ErrorCode>,
    },
    /// Secrets Manager denied access.
    #[error(
        "Secrets Manager denies access to {name}; check the function's role in template.yaml and infra/stacks/roles.yaml"
    )]
    AccessDenied {
        /// The secret's name.
        name: String,
        /// The error code.
        #[source]
        code: Option<ErrorCode>,
    },
    /// The value is not valid.
    #[error("the secret {name} is invalid; correct its value in Secrets Manager")]
    Invalid {
        /// Its name.
        name: String,
        /// The position of the error.
        #[source]
        decode_error: json::DecodeError,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable { code, .. } => ErrorCode::remedy(code.as_ref()),
            // An operator can fix all of these while the message waits.
            Self::NotFound { .. } | Self::AccessDenied { .. } | Self::Invalid { .. } => {
                Remedy::Retry { after: None }
            }
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

/// Parses a secret's value.
///
/// # Errors
/// [`json::DecodeError`], which holds a position and no value.
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
        ApiToken {
            endpoint,
            token,
            expires: None,
            access: Access::default(),
            rehearsal: Rehearsal::default(),
            key_version: None,
        }
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
        let credential = Credential { version: Some("v-1".to_owned()), ..credential };
        let token = ApiToken::of(&credential, jwt(&format!(r#"{{"exp": {}}}"#, 14 * day)).token);
        let again: ApiToken = parse(&token.stored()).unwrap();
        assert_eq!((again.expires, again.access), (Some(14 * day), Access::ReadOnly));
        assert_eq!(again.key_version.as_deref(), Some("v-1"));
        assert_eq!(again.days_left(Timestamp::from_seconds(10 * day + 1)), Some(3));
        // What was stored before there was an expiry beside it.
        let old = r#"{"endpoint": "https://app.example.com/graphql", "token": "t"}"#;
        let old: ApiToken = parse(&old.into()).unwrap();
        assert_eq!((old.days_left(Timestamp::from_seconds(1)), old.access), (None, Access::ReadWrite));
    }

    #[test]
    fn a_token_replaces_only_an_older_one_and_only_with_the_key_in_use() {
        let text = r#"{"endpoint": "https://app.example.com/graphql", "api_key": "k"}"#;
        let credential: Credential = parse(&text.into()).unwrap();
        let credential = Credential { version: Some("v-2".to_owned()), ..credential };
        let token = |expires, version: Option<&str>| {
            let key_version = version.map(str::to_owned);
            ApiToken { key_version, ..jwt(&format!(r#"{{"exp": {expires}}}"#)) }
        };
        let current = token(10, None);
        assert!(token(11, Some("v-2")).may_replace(Some(&current), &credential));
        assert!(token(10, Some("v-2")).may_replace(Some(&current), &credential));
        assert!(!token(9, Some("v-2")).may_replace(Some(&current), &credential), "it is older");
        assert!(!token(11, Some("v-1")).may_replace(Some(&current), &credential), "of another key");
        assert!(!token(11, None).may_replace(Some(&current), &credential), "of an unknown key");
        let unknown = Credential { version: None, ..credential.clone() };
        assert!(!token(11, None).may_replace(Some(&current), &unknown), "both are unknown");
        assert!(token(1, Some("v-2")).may_replace(None, &credential), "nothing is in use");
        assert!(
            token(1, Some("v-2")).may_replace(Some(&jwt("{}")), &credential),
            "which is older is unknown"
        );
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
