//! Signatures of inbound webhooks, checked in constant time over the raw body.

use super::scheme::{HeaderName, InvalidDeclaration, Scheme};
use crate::clock::Timestamp;
use crate::digest::hmac_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq as _};

/// How far a signature's time may differ from ours (the Standard Webhooks specification, "Verifying webhook authenticity").
const TOLERANCE: Duration = Duration::from_mins(5);
/// The headers of the specification, and the same of Svix.
const STANDARD_HEADERS: [[&str; 3]; 2] = [
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
    ["svix-id", "svix-timestamp", "svix-signature"],
];
/// This many signatures of a request are compared, so that a header cannot cost much.
const MAX_SIGNATURES: usize = 16;

/// How a webhook's sender signs, with its secrets.
#[derive(Debug, Clone)]
pub struct Verification {
    scheme: Signed,
    /// The secret in use, and during a rotation the one before it. At least one.
    secrets: Vec<SigningSecret>,
}

#[derive(Debug, Clone)]
enum Signed {
    StandardWebhooks,
    HmacSha256(HeaderName),
}

/// The bytes that a sender signs with.
#[derive(Debug, Clone)]
struct SigningSecret(SecretSlice<u8>);

/// Why a request is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SignatureProblem {
    /// A header of the signature is missing, or is not of its form.
    Missing,
    /// It was made more than five minutes ago, or as far in the future.
    Expired,
    /// It was made with another secret, or of another body.
    Wrong,
}

impl Verification {
    /// The verification by this scheme, if it has one.
    ///
    /// # Errors
    /// If a secret is missing or not usable.
    pub(super) fn of(scheme: &Scheme, secrets: &[SecretString]) -> Result<Option<Self>, InvalidDeclaration> {
        const INVALID: InvalidDeclaration =
            InvalidDeclaration("`verify` needs a signing secret, of base 64 for standard-webhooks");
        let (scheme, is_base64) = match scheme {
            Scheme::None => return Ok(None),
            Scheme::StandardWebhooks => (Signed::StandardWebhooks, true),
            Scheme::HmacSha256(header) => (Signed::HmacSha256(header.clone()), false),
        };
        let secrets = secrets.iter().map(|secret| SigningSecret::of(secret, is_base64));
        let secrets: Vec<SigningSecret> = secrets.collect::<Option<_>>().ok_or(INVALID)?;
        if secrets.is_empty() { Err(INVALID) } else { Ok(Some(Self { scheme, secrets })) }
    }

    /// Checks the signature of a request with this body, as it was sent; `header` returns a header's value.
    ///
    /// # Errors
    /// [`SignatureProblem`].
    pub fn check<'a>(
        &self,
        header: impl Fn(&str) -> Option<&'a [u8]>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureProblem> {
        let text = |name: &str| header(name).and_then(|value| std::str::from_utf8(value).ok()).map(str::trim);
        let (prefix, signatures) = match &self.scheme {
            Signed::StandardWebhooks => {
                let all = STANDARD_HEADERS
                    .iter()
                    .find_map(|[id, time, signature]| Some((text(id)?, text(time)?, text(signature)?)));
                let (id, time, signatures) = all.ok_or(SignatureProblem::Missing)?;
                let at =
                    time.parse().map(Timestamp::from_seconds).map_err(|_error| SignatureProblem::Missing)?;
                if now.since(at).max(at.since(now)) > TOLERANCE {
                    return Err(SignatureProblem::Expired);
                }
                // Other versions, such as the asymmetric `v1a`, are signatures of other keys.
                let signatures = signatures.split(' ').filter_map(|text| text.strip_prefix("v1,"));
                (format!("{id}.{time}."), signatures.filter_map(base64).take(MAX_SIGNATURES).collect())
            }
            Signed::HmacSha256(name) => {
                let value = text(name.as_str()).ok_or(SignatureProblem::Missing)?;
                let value = value.strip_prefix("sha256=").unwrap_or(value);
                (String::new(), Vec::from_iter(hexadecimal(value).or_else(|| base64(value))))
            }
        };
        if signatures.is_empty() {
            return Err(SignatureProblem::Missing);
        }
        // Every signature is compared with each secret's, to its end.
        let mut is_valid = Choice::from(0);
        for secret in &self.secrets {
            let own = secret.sign(&[prefix.as_bytes(), body]);
            for signature in &signatures {
                is_valid |= own.as_slice().ct_eq(signature.as_slice());
            }
        }
        if bool::from(is_valid) { Ok(()) } else { Err(SignatureProblem::Wrong) }
    }
}

impl SigningSecret {
    fn of(secret: &SecretString, is_base64: bool) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "the secret's bytes become a typed secret here")]
        let text = secret.expose_secret();
        let bytes = if is_base64 {
            STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?
        } else {
            text.as_bytes().to_vec()
        };
        (!bytes.is_empty()).then(|| Self(bytes.into()))
    }

    fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        #[expect(clippy::disallowed_methods, reason = "this is where the secret signs")]
        let secret = self.0.expose_secret();
        // HMAC takes a key of any length, so there always is one.
        hmac_sha256(secret, parts).map_or_else(Vec::new, Vec::from)
    }
}

fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

/// A SHA-256 digest in hexadecimal.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(text.get(at..at.checked_add(2)?)?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// The specification's own example.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: [(&str, &str); 3] = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ];
    const BODY: &str = r#"{"test": 2432232314}"#;

    fn verification(scheme: &str, secrets: &[&str]) -> Result<Option<Verification>, InvalidDeclaration> {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Verification::of(&scheme.parse().unwrap(), &secrets)
    }

    fn check(
        scheme: &str,
        secrets: &[&str],
        headers: &[(&str, &str)],
        body: &str,
        at: u64,
    ) -> Result<(), SignatureProblem> {
        let headers: HashMap<&str, &str> = headers.iter().copied().collect();
        let verification = verification(scheme, secrets).unwrap().unwrap();
        let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
        verification.check(header, body.as_bytes(), Timestamp::from_seconds(at))
    }

    fn standard(
        secrets: &[&str],
        headers: &[(&str, &str)],
        body: &str,
        at: u64,
    ) -> Result<(), SignatureProblem> {
        check("standard-webhooks", secrets, headers, body, at)
    }

    #[test]
    fn the_specifications_own_example_is_accepted_and_each_change_of_it_is_not() {
        let now = 1_614_265_330;
        assert_eq!(standard(&[SECRET], &SIGNED, BODY, now), Ok(()));
        let svix = SIGNED.map(|(name, value)| (name.replace("webhook", "svix"), value));
        let svix = svix.each_ref().map(|(name, value)| (name.as_str(), *value));
        assert_eq!(standard(&[SECRET], &svix, BODY, now), Ok(()));
        assert_eq!(standard(&[SECRET], &SIGNED, "{}", now), Err(SignatureProblem::Wrong));
        assert_eq!(standard(&["whsec_AAAA"], &SIGNED, BODY, now), Err(SignatureProblem::Wrong));
        let with = |position: usize, value: &'static str| {
            let mut headers = SIGNED;
            headers[position].1 = value;
            standard(&[SECRET], &headers, BODY, now)
        };
        assert_eq!(with(0, "msg_other"), Err(SignatureProblem::Wrong));
        assert_eq!(with(1, "1614265331"), Err(SignatureProblem::Wrong));
        for (position, value) in [
            (1, "soon"),
            (1, "-1"),
            (2, ""),
            (2, "v1,"),
            (2, "v1a,AAAA"),
            (2, "g0hM9SsE"),
            (2, "v1,no base 64"),
        ] {
            assert_eq!(with(position, value), Err(SignatureProblem::Missing), "{value}");
        }
        for absent in 0..3 {
            let mut headers = SIGNED.to_vec();
            headers.remove(absent);
            assert_eq!(standard(&[SECRET], &headers, BODY, now), Err(SignatureProblem::Missing));
        }
    }

    #[test]
    fn a_signature_is_valid_for_five_minutes_before_and_after_its_time() {
        let at = |at| standard(&[SECRET], &SIGNED, BODY, at);
        assert_eq!((at(1_614_265_630), at(1_614_265_030)), (Ok(()), Ok(())));
        let expired = Err(SignatureProblem::Expired);
        assert_eq!((at(1_614_265_631), at(1_614_265_029)), (expired, expired));
    }

    #[test]
    fn in_a_rotation_the_new_and_the_old_secret_are_accepted_and_any_of_several_signatures() {
        let now = 1_614_265_330;
        for secrets in [["whsec_AAAA", SECRET], [SECRET, "whsec_AAAA"]] {
            assert_eq!(standard(&secrets, &SIGNED, BODY, now), Ok(()));
        }
        let mut headers = SIGNED;
        let several = format!("v1a,AAAA v1,AAAA {}", SIGNED[2].1);
        headers[2].1 = &several;
        assert_eq!(standard(&[SECRET], &headers, BODY, now), Ok(()));
    }

    /// RFC 4231, test case 2.
    #[test]
    fn an_hmac_is_accepted_in_hexadecimal_and_base_64_with_and_without_its_prefix() {
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = "what do ya want for nothing?";
        let hmac = |value: &str, secret| {
            check("hmac-sha256:X-Hub-Signature-256", &[secret], &[("x-hub-signature-256", value)], body, 0)
        };
        let base64 = STANDARD.encode(hexadecimal(hex).unwrap());
        for value in
            [hex, &hex.to_uppercase(), &format!("sha256={hex}"), &base64, &format!(" sha256={base64} ")]
        {
            assert_eq!(hmac(value, "Jefe"), Ok(()), "{value}");
            assert_eq!(hmac(value, "jefe"), Err(SignatureProblem::Wrong));
        }
        for wrong in [&hex.replace('5', "6"), "AAAA"] {
            assert_eq!(hmac(wrong, "Jefe"), Err(SignatureProblem::Wrong), "{wrong}");
        }
        for missing in ["", &hex[..62], "sha256=", "no base 64", "sha1=AAAA"] {
            assert_eq!(hmac(missing, "Jefe"), Err(SignatureProblem::Missing), "{missing}");
        }
        assert_eq!(check("hmac-sha256:x", &["Jefe"], &[], body, 0), Err(SignatureProblem::Missing));
    }

    #[test]
    fn a_scheme_without_a_usable_secret_is_refused_and_none_prints() {
        for (scheme, secrets) in [
            ("standard-webhooks", &[][..]),
            ("standard-webhooks", &["no base 64"]),
            ("standard-webhooks", &["whsec_"]),
            ("standard-webhooks", &[SECRET, ""]),
            ("hmac-sha256:x", &[]),
            ("hmac-sha256:x", &[""]),
        ] {
            assert!(verification(scheme, secrets).is_err(), "{scheme} {secrets:?}");
        }
        assert!(verification("none", &[]).unwrap().is_none());
        let printed = format!("{:?}", verification("hmac-sha256:x", &["canary"]).unwrap().unwrap());
        assert!(!printed.contains("canary") && !printed.contains("99"), "{printed}");
    }
}
