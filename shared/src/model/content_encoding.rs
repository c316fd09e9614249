//! Compressed bodies (RFC 9110, section 8.4), read within a limit.

use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::Read as _;

/// The first bytes of each gzip stream (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a body cannot be decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodingError {
    /// It would be larger than the limit.
    #[error("it is larger than the limit when decompressed")]
    TooLarge,
    /// It is encoded in another way than by gzip.
    #[error("its content encoding is not gzip")]
    Unsupported,
    /// It is cut off or damaged.
    #[error("it is not valid gzip")]
    Corrupt,
}

/// The body without its content encoding, at most `max` bytes of it. A body that says gzip and does not begin like one was
/// decompressed on its way.
///
/// # Errors
/// [`DecodingError`].
pub fn decoded<'a>(body: &'a [u8], encoding: &str, max: usize) -> Result<Cow<'a, [u8]>, DecodingError> {
    let names = encoding.split(',').map(str::trim);
    let mut names = names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"));
    let is_gzip = match (names.next(), names.next()) {
        (None, _) => false,
        (Some(name), None) if ["gzip", "x-gzip"].iter().any(|known| name.eq_ignore_ascii_case(known)) => true,
        (Some(_), _) => return Err(DecodingError::Unsupported),
    };
    if !is_gzip || !body.starts_with(&MAGIC) {
        return if body.len() > max { Err(DecodingError::TooLarge) } else { Ok(body.into()) };
    }
    let mut plain = Vec::new();
    // One byte more than the limit shows that there is more.
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(limit).read_to_end(&mut plain);
    if plain.len() > max {
        return Err(DecodingError::TooLarge);
    }
    read.map_err(|_error| DecodingError::Corrupt)?;
    Ok(plain.into())
}

/// The body without the byte order mark that some senders write before their JSON; RFC 8259, section 8.1, lets a parser ignore it.
pub(crate) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    /// F10 of the field faults.
    #[test]
    fn a_bomb_is_too_large_and_what_fits_is_read() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(decoded(&bomb, "gzip", 1_000_000), Err(DecodingError::TooLarge));
        let many: Vec<u8> = std::iter::repeat_n(gzip(&[b'x'; 1_000]), 1_001).flatten().collect();
        assert_eq!(decoded(&many, "gzip", 1_000_000), Err(DecodingError::TooLarge), "many small members");
        assert_eq!(decoded(&gzip(&[b'x'; 1_000]), "gzip", 1_000).unwrap(), vec![b'x'; 1_000]);
        assert_eq!(decoded(&gzip(&[b'x'; 1_001]), "gzip", 1_000), Err(DecodingError::TooLarge));
        for plain in ["", "identity", ","] {
            assert_eq!(decoded(&[b'x'; 1_000], plain, 1_000).unwrap(), vec![b'x'; 1_000]);
            assert_eq!(decoded(&[b'x'; 1_001], plain, 1_000), Err(DecodingError::TooLarge));
        }
    }

    #[test]
    fn other_encodings_are_unsupported_and_a_damaged_body_is_corrupt() {
        for encoding in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "gzipped"] {
            assert_eq!(decoded(b"", encoding, 10), Err(DecodingError::Unsupported), "{encoding}");
        }
        let whole = gzip(b"hello, world");
        for length in 2..whole.len() {
            assert_eq!(decoded(&whole[..length], "gzip", 100), Err(DecodingError::Corrupt), "{length}");
        }
        assert_eq!(decoded(b"{}", "gzip", 10).unwrap(), &b"{}"[..], "decompressed on its way");
    }

    proptest! {
        #[test]
        fn what_was_compressed_is_read_as_it_was(plain: Vec<u8>, name in "(gzip|GZIP|x-gzip|identity, gzip)") {
            let compressed = gzip(&plain);
            prop_assert_eq!(decoded(&compressed, &name, plain.len()).unwrap(), plain);
        }

        #[test]
        fn no_bytes_panic_or_exceed_the_limit(mut bytes: Vec<u8>) {
            bytes.splice(0..0, [0x1f, 0x8b, 8, 0]);
            if let Ok(plain) = decoded(&bytes, "gzip", 100) {
                prop_assert!(plain.len() <= 100);
            }
        }
    }
}
