//! Shows a rehearsal what a webhook looks like, and answers one with 500 if it asks for that. Only while an organisation's webhooks
//! are watched; the webhook itself is accepted before, whatever happens here.

use crate::Ingest;
use crate::address::Address;
use crate::headers::content_type;
use automations::clock::Timestamp;
use automations::failure::Failure as _;
use automations::lambda_http::Request;
use automations::lambda_http::http::HeaderName;
use automations::model::body_keys::body_keys;
use automations::model::hint::Hint;
use automations::reason::Reason;
use automations::store::{Error, ObservedWebhook};
use automations::telemetry::EventName;
use automations::tracing;
use std::collections::BTreeSet;
use std::time::Duration;

/// A webhook waits at most this long for its observation.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The most headers and tickets of an observation.
const MAX: usize = 50;

impl Ingest {
    /// Keeps the shape of this webhook; returns whether it is to be answered with 500. A failure is only logged.
    pub(crate) async fn observe(
        &self,
        address: &Address<'_>,
        shape: Shape,
        hints: &[Hint],
        (request_id, now): (&str, Timestamp),
    ) -> bool {
        let observing = async {
            let answered_500 = self.store.take_webhook_failure(&address.organisation, request_id).await?;
            let tickets = hints.iter().flat_map(Hint::each).filter_map(|hint| hint.ticket);
            let observed = ObservedWebhook {
                at: now,
                method: shape.method,
                action: address.action.as_str().to_owned(),
                content_type: shape.content_type,
                headers: shape.headers,
                body_keys: shape.body_keys,
                tickets: tickets.take(MAX).collect(),
                answered_500,
            };
            self.store.record_observed_webhook(&address.organisation, request_id, &observed).await?;
            Ok::<_, Error>(answered_500)
        };
        let reason = match tokio::time::timeout(TIMEOUT, observing).await {
            Ok(Ok(answered_500)) => return answered_500,
            Ok(Err(error)) => error.reason(),
            Err(_) => Reason::TimedOut,
        };
        let event_name = EventName::WebhookNotObserved.as_str();
        tracing::warn!(event_name, reason = reason.as_str(), "a webhook of a rehearsal was not observed");
        false
    }
}

/// What may be shown of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    method: String,
    content_type: Option<String>,
    headers: Vec<String>,
    body_keys: Vec<String>,
}

impl Shape {
    /// That of this request, whose decompressed body this is.
    pub(crate) fn of(request: &Request, body: &[u8]) -> Self {
        let headers: BTreeSet<&str> = request.headers().keys().map(HeaderName::as_str).take(MAX).collect();
        let content_type = content_type(request);
        let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim);
        Self {
            method: request.method().to_string(),
            content_type: media_type.filter(|text| text.len() <= MAX).map(str::to_ascii_lowercase),
            headers: headers.into_iter().map(str::to_owned).collect(),
            body_keys: body_keys(body, content_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::lambda_http::http;

    #[test]
    fn a_shape_has_names_and_no_value() {
        let request = http::Request::post("/").header("X-Signature", "canary-1").header("Cookie", "canary-2");
        let request = request.header("Content-Type", "Application/JSON; charset=canary-3");
        let body = br#"{"id": "canary-4", "ticket": {"name": "canary-5"}}"#;
        let shape = Shape::of(&request.body(().into()).unwrap(), body);
        let expected = Shape {
            method: "POST".to_owned(),
            content_type: Some("application/json".to_owned()),
            headers: ["content-type", "cookie", "x-signature"].map(str::to_owned).to_vec(),
            body_keys: ["id", "ticket", "ticket.name"].map(str::to_owned).to_vec(),
        };
        assert_eq!(shape, expected);
        assert!(!format!("{shape:?}").contains("canary"));
    }
}
