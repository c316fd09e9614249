//! What can go wrong with Salestrekker, by what the caller must do.

use crate::aws::secret;
use crate::failure::{Failure, Remedy};
use crate::private::Private;
use crate::reason::Reason;
use std::time::Duration;

/// Why a request to Salestrekker led to nothing. No text of it holds a token or a person's data: the vendor's own
/// messages are kept [`Private`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many requests.
    #[error("Salestrekker asks for fewer requests")]
    Throttled {
        /// The delay that it advised.
        retry_after: Option<Duration>,
    },
    /// No answer that could be one: no connection, a timeout, a 5xx, a body that is no JSON.
    #[error("Salestrekker is not available: {why}")]
    Unavailable {
        /// Fixed words.
        why: &'static str,
    },
    /// The token was refused, and so was a fresh one.
    #[error("Salestrekker refuses the credential; see whether its API key was revoked")]
    CredentialRefused,
    /// The credential could not be read.
    #[error("the organisation's credential cannot be read")]
    Credential(#[from] secret::Error),
    /// The API understood and said no; the same request would be refused again.
    #[error("Salestrekker refuses the request ({} messages, kept private)", .messages.reveal().len())]
    Rejected {
        /// The vendor's words; they may quote personal data.
        messages: Private<Vec<String>>,
    },
    /// Something that the request named does not exist.
    #[error("no such {what} at Salestrekker")]
    NotFound {
        /// The kind of thing, with the name that an operator configured where there is one.
        what: String,
    },
    /// A mutation was sent and no answer came: whether it took effect is not known.
    #[error("Salestrekker did not response a mutation; it may or may not have taken effect")]
    OutcomeUnknown,
    /// The answer does not fit what is known of the API.
    #[error("Salestrekker's response does not fit at `{at}`; compare shared/schema with the vendor's schema")]
    InvalidResponse {
        /// The place in the answer.
        at: String,
    },
}

impl Failure for Error {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Throttled { retry_after } => Remedy::Retry { after: *retry_after },
            Self::Unavailable { .. } => Remedy::Retry { after: None },
            Self::CredentialRefused => Remedy::RefreshCredential,
            Self::Credential(error) => error.remedy(),
            Self::Rejected { .. }
            | Self::NotFound { .. }
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
            Self::OutcomeUnknown => Reason::OutcomeUnknown,
            Self::InvalidResponse { .. } => Reason::InvalidResponse,
        }
    }
}
