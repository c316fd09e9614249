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

mod api_token;
mod declaration;
mod lead_key;
mod read;
mod scheme;
mod signature;
mod webhook;

pub use api_token::ApiToken;
pub use declaration::{Challenge, Declaration, SameBody};
pub use lead_key::{LEAD_KEY, LeadKey};
pub use read::Secrets;
pub use scheme::{HeaderName, InvalidDeclaration, Scheme};
pub use signature::{SignatureProblem, Verification};
pub use webhook::{TokenOf, TokenStage, WebhookToken, WebhookTokens, is_same};

use crate::aws::ErrorCode;
use crate::endpoint::Endpoint;
use crate::failure::{Failure, Remedy};
use crate::id::MembershipId;
use crate::json;
use crate::private::Private;
use crate::reason::Reason;
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
