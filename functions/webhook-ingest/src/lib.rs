//! The door: a webhook in, a hint on the queue, and only then an answer.
//!
//! It checks the token in the URL and believes nothing else. It looks into the body for ids and for nothing more; a
//! body of any shape is accepted, as the vendor documents none and may change it without a word. A webhook that is not
//! Salestrekker's, whose action begins with `inbound-`, has a token of its own and must bring fields; see `post.rs`.

mod post;
mod reply;
mod seen;

use automations::aws::queue::{MAX_BATCH, OutgoingMessage, Queue};
use automations::aws::secret::{Error as SecretError, Secrets, TokenOf, TokenStage};
use automations::clock::Timestamp;
use automations::failure::{Failure as _, chain};
use automations::futures::future::join;
use automations::id::{HintId, OrganisationId, WebhookAction};
use automations::lambda_http::http::{Method, header::CONTENT_TYPE};
use automations::lambda_http::{Body, Request, RequestExt as _, Response};
use automations::model::hint::{Hint, Raw};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric, RejectionReason};
use automations::telemetry::xray::TraceHeader;
use automations::{json, model::webhook, tracing};
pub use seen::Seen;

/// A body must fit one message with its envelope, in base 64, which makes four bytes of three.
pub const MAX_BODY: usize = (MAX_BATCH - 4_096) / 4 * 3;
const MAX_CONTENT_TYPE: usize = 200;

/// The door, with what it needs.
#[derive(Debug)]
pub struct Ingest {
    /// The organisations' webhook tokens.
    pub secrets: Secrets,
    /// The `hints` queue.
    pub hints: Queue,
    /// Where it is noted which token is in use.
    pub seen: Seen,
}

/// A request that names an organisation, an action and a token; nothing of it is checked yet.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The organisation.
    pub organisation: OrganisationId,
    /// Its action.
    pub action: WebhookAction,
    /// What is to be its token.
    pub token: &'a str,
}

impl Ingest {
    /// The answer to one request: 202 only after SQS has accepted every hint.
    pub async fn answer(
        &self,
        request: Request,
        path: &str,
        request_id: &str,
        now: Timestamp,
    ) -> Response<Body> {
        match Box::pin(self.take(request, path, request_id, now)).await {
            Ok(accepted) => accepted,
            Err(rejection) => {
                let event_name = EventName::WebhookRejected.as_str();
                let reason = rejection.reason().as_str();
                tracing::info!(event_name, request.id = request_id, reason, "the request was rejected");
                metric::record(Metric::RequestsRejected(rejection), 1);
                reply::rejected(rejection, request_id)
            }
        }
    }

    async fn take(
        &self,
        request: Request,
        path: &str,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Response<Body>, RejectionReason> {
        if request.method() != Method::GET && request.method() != Method::POST {
            return Err(RejectionReason::MethodNotAllowed);
        }
        let address = address(path)?;
        let (stage, version) = self.check(&address).await?;
        if request.method() == Method::GET {
            return Ok(reply::ready(&address.organisation, &address.action));
        }
        let hints = match address.action.inbound() {
            Some(_) => vec![post::hint(&address, &request, request_id, now)?],
            None => hints(&address, &request, request_id, now)?,
        };
        let count = hints.len();
        let first = hints.first().map(|hint| hint.id.clone());
        let messages = hints.iter().map(|hint| OutgoingMessage {
            body: json::to_json(hint),
            // SQS serves message groups of a standard queue fairly: one organisation's flood does not starve another.
            group: Some(hint.organisation.to_string()),
            deduplication: None,
            trace: hint.trace.clone(),
        });
        // Only Salestrekker's token is replaced while both are in use, so that only its use must be known.
        let noted = async {
            if address.action.inbound().is_none() {
                self.seen.note(&address.organisation, &version, now).await;
            }
        };
        let (sent, ()) = join(self.hints.send(messages.collect()), noted).await;
        let sent: Result<(), _> = sent.into_iter().collect();
        sent.map_err(|error| {
            let (event_name, reason) = (EventName::WebhookEnqueueFailed.as_str(), error.reason().as_str());
            tracing::error!(
                event_name,
                request.id = request_id,
                reason,
                "the queue does not accept the hints"
            );
            RejectionReason::Unavailable
        })?;
        tracing::info!(
            event_name = EventName::WebhookAccepted.as_str(),
            request.id = request_id,
            hint.id = first.as_ref().map(HintId::as_str),
            organisation = address.organisation.as_str(),
            webhook.action = address.action.as_str(),
            hints = count,
            token_stage = stage.as_ref(),
            "the webhook was accepted"
        );
        metric::record(Metric::Webhooks(stage), 1);
        Ok(reply::accepted(first.as_ref(), count))
    }

    /// Which of the organisation's tokens it is: its label and its version. A stranger cannot tell an unknown organisation,
    /// or an inbound webhook that it does not have, from a wrong token.
    async fn check(&self, address: &Address<'_>) -> Result<(TokenStage, String), RejectionReason> {
        let owned = |(stage, version): (TokenStage, &str)| (stage, version.to_owned());
        let Address { organisation, token, action } = address;
        let kind = TokenOf::action(action);
        let known = self.secrets.webhook_tokens(organisation, kind).await.map_err(|error| refused(&error))?;
        if let Some(found) = known.which(token) {
            return Ok(owned(found));
        }
        // A token that is new since is not in memory yet.
        let latest = self.secrets.latest_webhook_tokens(organisation, kind).await;
        let latest = latest.map_err(|error| refused(&error))?;
        latest.which(token).map(owned).ok_or(RejectionReason::Unauthorised)
    }
}

fn refused(error: &SecretError) -> RejectionReason {
    if matches!(error, SecretError::Absent { .. }) {
        return RejectionReason::Unauthorised;
    }
    let (event_name, reason) = (EventName::WebhookTokenReadFailed.as_str(), error.reason().as_str());
    tracing::error!(event_name, reason, error = chain(error), "the webhook tokens could not be read");
    RejectionReason::Unavailable
}

/// `/hooks/{organisation}/{action}/{token}`. An organisation that cannot exist is refused as one that does not.
///
/// # Errors
/// [`RejectionReason::NotFound`] or [`RejectionReason::Unauthorised`].
pub fn address(path: &str) -> Result<Address<'_>, RejectionReason> {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("hooks"), Some(organisation), Some(action), Some(token), None) => {
            match (OrganisationId::parse(organisation), WebhookAction::parse(action)) {
                (Ok(organisation), Ok(action)) => Ok(Address { organisation, action, token }),
                _ => Err(RejectionReason::Unauthorised),
            }
        }
        _ => Err(RejectionReason::NotFound),
    }
}

/// A hint for each ticket that the body names, or one without a ticket. The first carries the body.
fn hints(
    address: &Address<'_>,
    request: &Request,
    request_id: &str,
    now: Timestamp,
) -> Result<Vec<Hint>, RejectionReason> {
    let body = request.body().as_ref();
    if body.len() > MAX_BODY {
        return Err(RejectionReason::TooLarge);
    }
    let content_type = content_type(request).filter(|text| text.len() <= MAX_CONTENT_TYPE);
    let mut raw = Some(Raw { body: body.to_vec(), content_type: content_type.map(str::to_owned) });
    let tickets = webhook::ticket_ids(body);
    let tickets = if tickets.is_empty() { vec![None] } else { tickets.into_iter().map(Some).collect() };
    let hints = tickets.into_iter().enumerate().map(|(position, ticket)| {
        // Lambda's own request ids are UUIDs; an id that is none would be the runtime's fault, not the sender's.
        let id = HintId::of(request_id, position).map_err(|_invalid| RejectionReason::Unavailable)?;
        Ok(Hint {
            id,
            organisation: address.organisation.clone(),
            action: Some(address.action.clone()),
            received_at: now,
            ticket,
            raw: raw.take(),
            post: None,
            trace: trace(request),
        })
    });
    hints.collect()
}

/// Lambda's own trace, which may have begun with the sender's.
fn trace(request: &Request) -> Option<TraceHeader> {
    let trace = request.lambda_context_ref().and_then(|context| context.xray_trace_id.as_deref());
    trace.and_then(|header| TraceHeader::parse(header).ok())
}

fn content_type(request: &Request) -> Option<&str> {
    request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(body: impl Into<Body>) -> Request {
        let request =
            automations::lambda_http::http::Request::post("/").header("content-type", "application/json");
        request.body(body.into()).unwrap()
    }

    fn hints_of(body: impl Into<Body>) -> Result<Vec<Hint>, RejectionReason> {
        let address = address("/hooks/north/ticket-updated/t0ken").unwrap();
        hints(&address, &post(body), "request-1", Timestamp::from_millis(1))
    }

    #[test]
    fn an_address_has_exactly_four_parts() {
        assert_eq!(address("/hooks/north/ticket-created/t0ken").unwrap().token, "t0ken");
        for path in
            ["/", "/hooks", "/hooks/north/x", "/hook/north/x/t", "/hooks/north/x/t/more", "/hooks/north/x/t/"]
        {
            assert_eq!(address(path).unwrap_err(), RejectionReason::NotFound, "{path}");
        }
        for path in ["/hooks/North/x/t", "/hooks//x/t", "/hooks/../x/t", "/hooks/north/X/t"] {
            assert_eq!(address(path).unwrap_err(), RejectionReason::Unauthorised, "{path}");
        }
    }

    #[test]
    fn each_ticket_becomes_a_hint_and_the_first_carries_the_body() {
        let body = r#"[{"id": "t-1"}, {"id": "t-2"}]"#;
        let hints = hints_of(body).unwrap();
        let tickets: Vec<_> = hints.iter().filter_map(|hint| Some(hint.ticket.as_ref()?.as_str())).collect();
        assert_eq!(tickets, ["t-1", "t-2"]);
        assert_eq!(hints[0].raw.as_ref().unwrap().body, body.as_bytes());
        assert_eq!(hints[1].raw, None);
        assert_ne!(hints[0].id, hints[1].id);
    }

    #[test]
    fn a_body_of_any_shape_becomes_a_hint_with_its_bytes() {
        for body in [&b""[..], b"\xff\xfe", b"id=", b"{", b"[]"] {
            let hints = hints_of(body.to_vec()).unwrap();
            assert_eq!(hints.len(), 1);
            assert_eq!((&hints[0].ticket, &hints[0].raw.as_ref().unwrap().body[..]), (&None, body));
        }
    }

    #[test]
    fn the_largest_body_fits_a_message_and_one_byte_more_is_refused() {
        let hints = hints_of(vec![b'x'; MAX_BODY]).unwrap();
        assert!(json::to_json(&hints[0]).len() <= MAX_BATCH);
        assert_eq!(hints_of(vec![b'x'; MAX_BODY + 1]).unwrap_err(), RejectionReason::TooLarge);
    }
}
