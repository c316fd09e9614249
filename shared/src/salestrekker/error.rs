//! Errors of requests to Salestrekker, grouped by what the caller must do.

use crate::aws::secret;
use crate::failure::{Failure, Remedy};
use crate::private::Private;
use crate::reason::Reason;
use std::time::Duration;

/// Why a request to Salestrekker failed. No text of it holds a token or a person's data: the vendor's own
/// messages are [`Private`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many requests.
    #[error("Salestrekker throttles requests")]
    Throttled {
        /// The delay that the API advised.
        retry_after: Option<Duration>,
    },
    /// No usable response: no connection, a timeout, a 5xx status, or a body that is not GraphQL.
    #[error("Salestrekker is unavailable: {why}")]
    Unavailable {
        /// A fixed text.
        why: &'static str,
    },
    /// The token was rejected, and so was a newly read one.
    #[error(
        "Salestrekker rejects the credential; check it with `automations organisation check`: its API key may have been revoked"
    )]
    CredentialRefused,
    /// The credential could not be read.
    #[error("the organisation's credential could not be read")]
    Credential(#[from] secret::Error),
    /// The API rejected the request. The same request would be rejected again if the API says so, or if it is a mutation, which is
    /// not repeated. An error of a query without a code that is known to be final may be a passing one.
    #[error("Salestrekker rejects the request ({} messages, not shown as they may hold personal data)", .messages.reveal().len())]
    Rejected {
        /// The vendor's messages; they may quote personal data.
        messages: Private<Vec<String>>,
        /// The lines of the document that they are about, starting at 1.
        lines: Vec<usize>,
        /// Whether the same request would be rejected again.
        is_final: bool,
    },
    /// Something that the request names does not exist.
    #[error("Salestrekker has no such {what}")]
    NotFound {
        /// The kind of thing, with the configured name if an operator configured one.
        what: String,
    },
    /// Several things have the name that a setting or an action uses.
    #[error("Salestrekker has several {what} of the name {name:?}; use the id of one instead: {}", .ids.join(", "))]
    AmbiguousName {
        /// The kind of thing, in the plural.
        what: &'static str,
        /// The name.
        name: String,
        /// The ids to choose from.
        ids: Vec<String>,
    },
    /// A mutation was sent and no response arrived: it may or may not have taken effect.
    #[error(
        "Salestrekker did not respond to a mutation, which may or may not have taken effect; check the ticket there"
    )]
    OutcomeUnknown,
    /// The response does not match the known API.
    #[error(
        "Salestrekker's response is not as expected: {at}; compare the schemas with `automations schema check`"
    )]
    InvalidResponse {
        /// The path in the response, or another problem of it.
        at: String,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Throttled { retry_after } => Remedy::Wait { after: *retry_after },
            Self::Unavailable { .. } | Self::Rejected { is_final: false, .. } => {
                Remedy::Retry { after: None }
            }
            Self::CredentialRefused => Remedy::RefreshCredential,
            Self::Credential(error) => error.remedy(),
            Self::Rejected { is_final: true, .. }
            | Self::NotFound { .. }
            | Self::AmbiguousName { .. }
            | Self::OutcomeUnknown
            | Self::InvalidResponse { .. } => Remedy::DeadLetter,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Throttled { .. } => Reason::SalestrekkerThrottled,
            Self::Unavailable { .. } => Reason::SalestrekkerUnavailable,
            Self::CredentialRefused => Reason::CredentialRefused,
            Self::Credential(error) => error.reason(),
            Self::Rejected { .. } => Reason::SalestrekkerRejected,
            Self::NotFound { .. } => Reason::NotFound,
            Self::AmbiguousName { .. } => Reason::AmbiguousName,
            Self::OutcomeUnknown => Reason::OutcomeUnknown,
            Self::InvalidResponse { .. } => Reason::InvalidResponse,
        }
    }
}
