//! Access tokens like the vendor's: HS256, with the observed claims, valid for 14 days (salestrekker-facts.md, section 2).

use automations::clock::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// The signing key; invented.
const SECRET: &[u8] = b"the stand-in's secret";

/// The claims of a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Claims {
    /// The user's id.
    pub(super) id: String,
    pub(super) id_current_organization: String,
    iat: u64,
    exp: u64,
    /// Not a claim of the vendor's: it makes two tokens of the same second different.
    pub(super) serial: u64,
}

/// Issues a token for this organisation; `lifetime` is in seconds.
pub(super) fn issue(user: &str, organisation: &str, now: Timestamp, lifetime: u64, serial: u64) -> String {
    let iat = now.as_seconds();
    let claims = Claims {
        id: user.to_owned(),
        id_current_organization: organisation.to_owned(),
        iat,
        exp: iat.saturating_add(lifetime),
        serial,
    };
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET))
        .unwrap_or_default()
}

/// The claims of a token, if its signature is valid and it has not expired.
pub(super) fn verify(token: &str, now: Timestamp) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.leeway = 0;
    validation.validate_exp = false;
    let claims =
        jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(SECRET), &validation).ok()?.claims;
    (claims.exp > now.as_seconds()).then_some(claims)
}
