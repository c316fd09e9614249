//! How a signature is declared: the scheme, and the header that it is in.

use std::fmt;
use std::str::FromStr;

/// The scheme of a signature, as in the secret's field `verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// No signature.
    None,
    /// The symmetric signature of the Standard Webhooks specification.
    StandardWebhooks,
    /// HMAC-SHA256 of the body in this header.
    HmacSha256(HeaderName),
}

/// The name of an HTTP header in lower case, of letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderName(String);

/// A text is not a valid value of a declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidDeclaration(pub(super) &'static str);

const MAX_HEADER_NAME: usize = 64;

impl HeaderName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = InvalidDeclaration;

    fn from_str(text: &str) -> Result<Self, InvalidDeclaration> {
        let is_valid = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        if text.is_empty() || text.len() > MAX_HEADER_NAME || !text.bytes().all(is_valid) {
            return Err(InvalidDeclaration("a header's name has 1 to 64 of a-z, 0-9, - and _"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl FromStr for Scheme {
    type Err = InvalidDeclaration;

    fn from_str(text: &str) -> Result<Self, InvalidDeclaration> {
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            None if text == "standard-webhooks" => Ok(Self::StandardWebhooks),
            Some(("hmac-sha256", header)) => Ok(Self::HmacSha256(header.parse()?)),
            _ => Err(InvalidDeclaration("expected none, standard-webhooks or hmac-sha256:HEADER")),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::StandardWebhooks => f.write_str("standard-webhooks"),
            Self::HmacSha256(header) => write!(f, "hmac-sha256:{}", header.as_str()),
        }
    }
}
