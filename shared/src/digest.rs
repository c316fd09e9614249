//! SHA-256 digests, with a key and without, and their hexadecimal form.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The SHA-256 digest of these parts, one after the other. Separate parts whose lengths vary.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    parts.iter().fold(Sha256::new(), Sha256::chain_update).finalize().into()
}

/// The HMAC-SHA256 of these parts, one after the other, under a key of any length; none if the key cannot be used.
pub(crate) fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

/// The first 16 bytes of the digest, as 32 hexadecimal digits: enough to distinguish values.
pub fn short_sha256(parts: &[&[u8]]) -> String {
    short_hex(sha256(parts))
}

/// The first 16 bytes of a digest, as 32 hexadecimal digits.
pub(crate) fn short_hex(digest: [u8; 32]) -> String {
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_parts_is_that_of_the_whole() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(short_sha256(&[b"abc"]), "ba7816bf8f01cfea414140de5dae2223");
        assert_eq!(short_sha256(&[b"a", b"", b"bc"]), short_sha256(&[b"abc"]));
    }
}
