//! The HTTP endpoint for webhooks: it puts hints on a queue, and responds only when the queue has accepted them.
//!
//! It checks the token in the URL and trusts nothing else. It reads the ids of tickets from the body and nothing more. A body
//! of any format is accepted, as the vendor documents none and may change it without notice, unless it is too large or cannot be
//! decompressed. A webhook that is not Salestrekker's, whose action begins with `inbound-`, has a token of its own and must have
//! fields; see `inbound.rs`.

mod address;
mod body;
mod challenge;
mod check;
mod headers;
mod hints;
mod inbound;
mod observed;
mod reply;
mod token_use;

pub use address::{Address, address};
pub use body::MAX_BODY;
pub use token_use::TokenUseRecorder;

use crate::challenge::Answer;
use crate::observed::Shape;
use crate::reply::Note;
use automations::aws::queue::{OutgoingMessage, Place, Queue};
use automations::aws::secret::{SameBody, Secrets};
use automations::clock::Timestamp;
use automations::failure::Failure as _;
use automations::futures::future::join;
use automations::id::HintId;
use automations::lambda_http::http::Method;
use automations::lambda_http::{Body, Request, Response};
use automations::model::hint::Hint;
use automations::store::{ListedNames, Store};
use automations::telemetry::EventName;
use automations::telemetry::metric::{self, Metric, RejectionReason};
use automations::{json, tracing};

/// The endpoint and its clients.
#[derive(Debug)]
pub struct Ingest {
    /// The list of organisations and their inbound webhooks.
    pub listed: ListedNames,
    /// The organisations' webhook tokens.
    pub secrets: Secrets,
    /// The `hints` queue.
    pub hints: Queue,
    /// The record of which tokens are in use.
    pub token_uses: TokenUseRecorder,
    /// The table, for a rehearsal that watches webhooks.
    pub store: Store,
}

impl Ingest {
    /// The response to one request: 202 only after SQS has accepted every hint.
    pub async fn respond(
        &self,
        request: Request,
        path: &str,
        request_id: &str,
        now: Timestamp,
    ) -> Response<Body> {
        match Box::pin(self.accept(request, path, request_id, now)).await {
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

    async fn accept(
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
        let sender = self.check(&address).await?;
        let declaration = &sender.declaration;
        if request.method() == Method::GET {
            return Ok(match challenge::to_get(declaration.challenge, &request, address.token)? {
                Some(answer) => answered(&answer, &address, request_id),
                None => reply::ready(&address.organisation, &address.action),
            });
        }
        let body = body::body(&request)?;
        let hints = if address.action.inbound().is_some() {
            self.verify(&address, &sender, &request, &body, (request_id, now)).await?;
            if let Some(answer) = challenge::to_post(declaration.challenge, &body)? {
                return Ok(answered(&answer, &address, request_id));
            }
            inbound::hints(&address, &request, &body, declaration, (request_id, now))?
        } else {
            hints::hints(&address, &request, &body, request_id, now)?
        };
        let tickets = hints.iter().map(Hint::tickets).fold(0, usize::saturating_add);
        let count = tickets.max(hints.len());
        let first = hints.first().map(|hint| hint.id.clone());
        let messages = hints.iter().map(|hint| OutgoingMessage {
            body: json::to_json(hint),
            place: Place::FairShare { of: hint.organisation.clone() },
            trace: hint.trace.clone(),
        });
        // Only Salestrekker's token is rotated while both versions are in use, so only its use must be known.
        let recorded = async {
            address.action.inbound().is_none()
                && self.token_uses.record(&address.organisation, &sender.version, now).await
        };
        let (sent, is_watched) = join(self.hints.send(messages.collect()), recorded).await;
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
            hint.id = first.as_ref().map(HintId::as_str),
            organisation = address.organisation.as_str(),
            webhook.action = address.action.as_str(),
            tickets,
            token_stage = sender.stage.as_ref(),
        );
        let note = note(&hints, declaration.same_body);
        if note == Note::NoTicketId {
            metric::record(Metric::WebhooksWithoutTicket, 1);
        }
        if is_watched && self.observe(&address, Shape::of(&request, &body), &hints, (request_id, now)).await {
            return Ok(reply::rehearsed_failure(request_id));
        }
        Ok(reply::accepted(first.as_ref(), count, note))
    }
}

fn answered(answer: &Answer, address: &Address<'_>, request_id: &str) -> Response<Body> {
    tracing::info!(
        event_name = EventName::WebhookChallengeAnswered.as_str(),
        request.id = request_id,
        organisation = address.organisation.as_str(),
        webhook.action = address.action.as_str(),
        "a sender asked whether the URL is ours, and was answered"
    );
    reply::challenge(answer)
}

/// What the response says of these hints.
fn note(hints: &[Hint], same_body: SameBody) -> Note {
    match hints.first().and_then(|hint| hint.inbound.as_ref()) {
        Some(inbound) if inbound.has_id => Note::RepeatedById,
        Some(_) => match same_body {
            SameBody::IsRepeat => Note::RepeatedByBody,
            SameBody::IsNew => Note::NotRepeated,
        },
        None if hints.iter().any(|hint| hint.ticket.is_some()) => Note::Tickets,
        None => Note::NoTicketId,
    }
}
