//! The symmetric signature, `v1`, of the Standard Webhooks specification
//! (<https://www.standardwebhooks.com>).

use crate::digest::hmac_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

/// The prefix of a signing secret, before its base 64.
const PREFIX: &str = "whsec_";

/// The header `webhook-signature`: one signature for each secret, so that a receiver accepts the old or the
/// new secret during a rotation. `None` if a secret is not base 64.
pub(super) fn signatures(secrets: &[SecretString], id: &str, timestamp: u64, body: &str) -> Option<String> {
    let each = secrets.iter().map(|secret| signature(secret, id, timestamp, body));
    Some(each.collect::<Option<Vec<_>>>()?.join(" "))
}

fn signature(secret: &SecretString, id: &str, timestamp: u64, body: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is where the secret signs")]
    let secret = secret.expose_secret();
    let key = STANDARD.decode(secret.strip_prefix(PREFIX).unwrap_or(secret)).ok()?;
    let mac = hmac_sha256(&key, &[format!("{id}.{timestamp}.{body}").as_bytes()])?;
    Some(format!("v1,{}", STANDARD.encode(mac)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_signature_of_the_specifications_own_example() {
        let secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()];
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let header = signatures(&secrets, id, 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(header.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn each_secret_signs_and_a_secret_that_is_none_is_found_out() {
        let two = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(), "AAAA".into()];
        let header = signatures(&two, "a", 1, "b").unwrap();
        assert_eq!(header.split(' ').filter(|one| one.starts_with("v1,")).count(), 2);
        assert_eq!(signatures(&["whsec_no base 64".into()], "a", 1, "b"), None);
        assert_eq!(signatures(&[], "a", 1, "b").unwrap(), "");
    }
}
