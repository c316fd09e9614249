//! The token of every request but signing in.

use super::{Access, Credential, Rehearsal};
use crate::clock::Timestamp;
use crate::endpoint::Endpoint;
use crate::json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::secret::{Login, parse};

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
