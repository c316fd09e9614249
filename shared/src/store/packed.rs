//! JSON as a value of an item: deflated unless it is short, as DynamoDB counts a write by each KiB of the item, twice in a transaction.
//!
//! A text, as every version wrote it before, is read too.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use std::borrow::Cow;
use std::io::Read as _;

/// A shorter JSON stays a text, which people can read where they see the item.
const SHORT: usize = 512;
/// The maximum size in bytes of a JSON that was deflated; an item may have 400 KB.
const MAX_JSON: u64 = 16 * 1024 * 1024;

/// The value for this JSON.
pub(super) fn pack(json: String) -> AttributeValue {
    if json.len() < SHORT {
        return AttributeValue::S(json);
    }
    let mut deflated = Vec::new();
    match DeflateEncoder::new(json.as_bytes(), Compression::default()).read_to_end(&mut deflated) {
        Ok(_) if deflated.len() < json.len() => AttributeValue::B(Blob::new(deflated)),
        Ok(_) | Err(_) => AttributeValue::S(json),
    }
}

/// The JSON of a value; none if it is neither text nor bytes, or cannot be inflated.
pub fn unpack(value: &AttributeValue) -> Option<Cow<'_, str>> {
    if let Ok(text) = value.as_s() {
        return Some(Cow::Borrowed(text));
    }
    let deflated = value.as_b().ok()?.as_ref();
    let mut json = String::new();
    let read = DeflateDecoder::new(deflated).take(MAX_JSON.saturating_add(1)).read_to_string(&mut json);
    let is_whole = read.is_ok_and(|read| u64::try_from(read).is_ok_and(|read| read <= MAX_JSON));
    is_whole.then_some(Cow::Owned(json))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked(text in ".{0,2000}") {
            let value = pack(text.clone());
            let unpacked = unpack(&value);
            prop_assert_eq!(unpacked.as_deref(), Some(text.as_str()));
            prop_assert!(value.is_s() || text.len() >= SHORT);
        }

        #[test]
        fn other_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = unpack(&AttributeValue::B(Blob::new(bytes)));
        }
    }

    #[test]
    fn a_long_json_becomes_smaller_and_a_text_is_read_as_it_was() {
        let json = format!(
            "[{}]",
            vec![r#"{"ticket":{"id":"t-1","stage":{"id":"s-1","name":"Settled"}}}"#; 20].join(",")
        );
        let AttributeValue::B(packed) = pack(json.clone()) else { panic!("not deflated") };
        assert!(packed.as_ref().len() * 5 < json.len(), "{}", packed.as_ref().len());
        assert_eq!(unpack(&AttributeValue::S(json.clone())).as_deref(), Some(json.as_str()));
        let cut = Blob::new(&packed.as_ref()[..packed.as_ref().len() / 2]);
        assert_eq!(unpack(&AttributeValue::B(cut)), None);
        assert_eq!(unpack(&AttributeValue::N("1".to_owned())), None);
    }
}
