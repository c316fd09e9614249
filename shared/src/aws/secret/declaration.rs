//! What the secret of an inbound webhook declares of its sender, besides the token.

use super::scheme::{HeaderName, InvalidDeclaration, Scheme};
use super::signature::Verification;
use secrecy::SecretString;
use serde::Deserialize;

/// How the requests of an inbound webhook are verified, recognised and answered. A secret of the time before there were
/// declarations has the default one.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Declaration {
    /// How the sender signs; none if only the token is checked.
    pub verification: Option<Verification>,
    /// A header with the sender's id of the request, besides the well-known ones.
    pub id_header: Option<HeaderName>,
    /// How the sender asks whether the URL is ours.
    pub challenge: Challenge,
    /// Whether a request without an id repeats an earlier one with the same body.
    pub same_body: SameBody,
}

/// How a sender asks, before it sends anything, whether the URL belongs to the receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Challenge {
    /// It does not ask.
    #[default]
    None,
    /// Slack: a POST of JSON with the type `url_verification`.
    Slack,
    /// `WebSub` and Meta: a GET with `hub.challenge`.
    Hub,
    /// Okta: a GET with the header `X-Okta-Verification-Challenge`.
    Okta,
}

/// What a request without an id is that has the same body as an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SameBody {
    /// A repetition, if it is received within ten minutes.
    #[default]
    IsRepeat,
    /// Another event.
    IsNew,
}

/// The fields in the secret. One that a newer version added is ignored; a value that this version does not know is not, as it
/// may be a signature that must be checked.
#[derive(Deserialize)]
struct Stored {
    verify: Option<String>,
    #[serde(default)]
    signing_secrets: Vec<SecretString>,
    id_header: Option<String>,
    #[serde(default)]
    challenge: Challenge,
    same_body_is_repeat: Option<bool>,
}

impl TryFrom<Stored> for Declaration {
    type Error = InvalidDeclaration;

    fn try_from(stored: Stored) -> Result<Self, InvalidDeclaration> {
        let scheme = stored.verify.as_deref().map_or(Ok(Scheme::None), str::parse)?;
        Ok(Self {
            verification: Verification::of(&scheme, &stored.signing_secrets)?,
            id_header: stored.id_header.as_deref().map(str::parse).transpose()?,
            challenge: stored.challenge,
            same_body: match stored.same_body_is_repeat {
                Some(false) => SameBody::IsNew,
                Some(true) | None => SameBody::IsRepeat,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{WebhookToken, parse};
    use super::*;

    fn declaration(fields: &str) -> Option<Declaration> {
        let token = parse::<WebhookToken>(&format!(r#"{{"token": "t"{fields}}}"#).into()).ok()?;
        Some(token.declaration)
    }

    #[test]
    fn a_secret_without_a_declaration_is_that_of_a_webhook_with_a_token_alone() {
        for fields in ["", r#", "verify": "none""#, r#", "a field of tomorrow": {"x": 1}"#] {
            let declaration = declaration(fields).unwrap();
            assert!(declaration.verification.is_none() && declaration.id_header.is_none());
            assert_eq!((declaration.challenge, declaration.same_body), (Challenge::None, SameBody::IsRepeat));
        }
    }

    #[test]
    fn each_part_of_a_declaration_is_read() {
        let fields = r#", "verify": "hmac-sha256:X-Signature", "signing_secrets": ["a", "b"],
            "id_header": "X-Event-Id", "challenge": "okta", "same_body_is_repeat": false"#;
        let declaration = declaration(fields).unwrap();
        assert!(declaration.verification.is_some());
        assert_eq!(declaration.id_header.unwrap().as_str(), "x-event-id");
        assert_eq!((declaration.challenge, declaration.same_body), (Challenge::Okta, SameBody::IsNew));
    }

    /// Otherwise a version that does not know a scheme would accept what is not signed.
    #[test]
    fn a_value_that_is_not_known_makes_the_secret_unusable() {
        for fields in [
            r#", "verify": "ed25519:x""#,
            r#", "verify": "standard-webhooks""#,
            r#", "verify": "hmac-sha256:""#,
            r#", "verify": "hmac-sha256:a b", "signing_secrets": ["a"]"#,
            r#", "challenge": "other""#,
            r#", "id_header": "a:b""#,
            r#", "same_body_is_repeat": "no""#,
        ] {
            assert!(declaration(fields).is_none(), "{fields}");
        }
    }

    #[test]
    fn a_scheme_and_a_challenge_are_written_as_they_are_read() {
        for text in ["none", "standard-webhooks", "hmac-sha256:x-signature"] {
            assert_eq!(text.parse::<Scheme>().unwrap().to_string(), text);
        }
        for challenge in [Challenge::None, Challenge::Slack, Challenge::Hub, Challenge::Okta] {
            assert_eq!(challenge.to_string().parse(), Ok(challenge));
        }
        for bad in ["", "None", "hmac-sha256", "hmac-sha512:x", "standard-webhooks:x"] {
            assert!(bad.parse::<Scheme>().is_err(), "{bad}");
        }
    }
}
