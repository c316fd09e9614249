//! What is read from a request besides its body.

use automations::lambda_http::http::header::CONTENT_TYPE;
use automations::lambda_http::{Request, RequestExt as _};
use automations::telemetry::xray::TraceHeader;

/// Lambda's trace, which may continue the sender's.
pub(crate) fn trace(request: &Request) -> Option<TraceHeader> {
    let trace = request.lambda_context_ref().and_then(|context| context.xray_trace_id.as_deref());
    trace.and_then(|header| TraceHeader::parse(header).ok())
}

/// The `Content-Type` header.
pub(crate) fn content_type(request: &Request) -> Option<&str> {
    request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}
