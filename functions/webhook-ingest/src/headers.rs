//! What is read from a request besides its body.

use automations::lambda_http::http::HeaderValue;
use automations::lambda_http::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use automations::lambda_http::{Request, RequestExt as _};
use automations::telemetry::xray::TraceHeader;

/// The headers in which senders put an id of what they send, which a retry repeats: the Standard Webhooks specification, Svix,
/// GitHub, and the IETF's draft of `Idempotency-Key`.
const IDS: [&str; 4] = ["webhook-id", "svix-id", "x-github-delivery", "idempotency-key"];

/// Lambda's trace, which may continue the sender's.
pub(crate) fn trace(request: &Request) -> Option<TraceHeader> {
    let trace = request.lambda_context_ref().and_then(|context| context.xray_trace_id.as_deref());
    trace.and_then(|header| TraceHeader::parse(header).ok())
}

/// The `Content-Type` header.
pub(crate) fn content_type(request: &Request) -> Option<&str> {
    request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// The `Content-Encoding` headers, in their order.
pub(crate) fn content_encoding(request: &Request) -> String {
    let values = request.headers().get_all(CONTENT_ENCODING).iter();
    values.map(|value| value.to_str().unwrap_or("unknown")).collect::<Vec<_>>().join(",")
}

/// The sender's id of the request: from the header that the webhook declares, or from a known one.
pub(crate) fn sender_id<'a>(request: &'a Request, declared: Option<&str>) -> Option<&'a [u8]> {
    let value = |name| request.headers().get(name).map(HeaderValue::as_bytes).filter(|id| !id.is_empty());
    declared.into_iter().chain(IDS).find_map(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::lambda_http::http;

    /// F7 of the field faults.
    #[test]
    fn the_id_of_each_known_sender_is_found_and_a_declared_header_comes_first() {
        let request = |headers: &[(&str, &str)]| {
            let mut request = http::Request::post("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            request.body(().into()).unwrap()
        };
        for name in ["Webhook-Id", "svix-id", "X-GitHub-Delivery", "Idempotency-Key"] {
            assert_eq!(sender_id(&request(&[(name, "m-1")]), None), Some(&b"m-1"[..]), "{name}");
            assert_eq!(sender_id(&request(&[(name, "")]), None), None, "{name}");
        }
        let both = request(&[("svix-id", "m-1"), ("x-event-id", "m-2")]);
        assert_eq!(sender_id(&both, Some("x-event-id")), Some(&b"m-2"[..]));
        assert_eq!(sender_id(&both, Some("x-other")), Some(&b"m-1"[..]));
        assert_eq!(sender_id(&request(&[("x-event-id", "m-2")]), None), None);
    }
}
