//! A request's body: decompressed, and within limits.

use crate::headers::content_encoding;
use automations::lambda_http::Request;
use automations::model::content_encoding::{DecodingError, decoded};
use automations::telemetry::metric::RejectionReason;
use std::borrow::Cow;

/// The maximum size in bytes of a body, as received and decompressed. Lambda itself accepts 6 MB, and sends what is not text in
/// base 64, which makes four bytes of three (AWS Lambda Developer Guide, "Lambda quotas").
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// The body without its content encoding.
pub(crate) fn body(request: &Request) -> Result<Cow<'_, [u8]>, RejectionReason> {
    let received = request.body().as_ref();
    if received.len() > MAX_BODY {
        return Err(RejectionReason::TooLarge);
    }
    decoded(received, &content_encoding(request), MAX_BODY).map_err(|error| match error {
        DecodingError::TooLarge => RejectionReason::TooLarge,
        DecodingError::Unsupported => RejectionReason::UnsupportedEncoding,
        DecodingError::Corrupt => RejectionReason::UnsupportedBody,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::lambda_http::http;

    /// `{"id": "t-1"}`, compressed by gzip.
    const GZIP: &[u8] = &[
        31, 139, 8, 0, 0, 0, 0, 0, 2, 255, 171, 86, 202, 76, 81, 178, 82, 80, 42, 209, 53, 84, 170, 5, 0,
        174, 65, 160, 154, 13, 0, 0, 0,
    ];

    fn read(encoding: &str, content: &[u8]) -> Result<Vec<u8>, RejectionReason> {
        let request = http::Request::post("/").header("content-encoding", encoding);
        body(&request.body(content.to_vec().into()).unwrap()).map(Cow::into_owned)
    }

    /// F10 of the field faults. `shared/src/model/content_encoding.rs` tests the limit.
    #[test]
    fn a_compressed_body_is_as_the_plain_one_and_what_cannot_be_read_has_its_reason() {
        for (encoding, content) in [("gzip", GZIP), ("gzip", br#"{"id": "t-1"}"#), ("", br#"{"id": "t-1"}"#)]
        {
            assert_eq!(read(encoding, content).unwrap(), br#"{"id": "t-1"}"#, "{encoding}");
        }
        assert_eq!(read("br", GZIP), Err(RejectionReason::UnsupportedEncoding));
        assert_eq!(read("gzip", &GZIP[..20]), Err(RejectionReason::UnsupportedBody));
        assert_eq!(read("", &vec![b' '; MAX_BODY]).unwrap().len(), MAX_BODY);
        assert_eq!(read("", &vec![b' '; MAX_BODY + 1]), Err(RejectionReason::TooLarge));
    }
}
