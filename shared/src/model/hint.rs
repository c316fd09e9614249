//! A hint: the request to check a ticket, which webhook-ingest and the reconciler send to the `hints` queue.

use crate::clock::Timestamp;
use crate::id::{HintId, OrganisationId, TicketId, WebhookAction};
use crate::model::event::Cause;
use crate::model::inbound::InboundRequest;
use crate::telemetry::xray::TraceHeader;
use serde::{Deserialize, Serialize};

/// The maximum number of tickets of a message: one request to the API fetches as many.
pub const MAX_TICKETS: usize = 25;

/// One hint, or several of one webhook in one message; see [`Hint::each`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Its id; the response to the webhook has the first hint's.
    pub id: HintId,
    /// The brokerage, from the URL.
    pub organisation: OrganisationId,
    /// The webhook's action, from the URL; none for a hint of the reconciler.
    pub action: Option<WebhookAction>,
    /// When the webhook was received, or the reconciler sent the hint.
    pub received_at: Timestamp,
    /// The ticket to check; none if the body has no usable id, or if the reconciler asks for the list query.
    pub ticket: Option<TicketId>,
    /// Further tickets that the same webhook names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<TicketId>,
    /// Whether a reminder of the ticket is due, or a handler's quiet period; without a ticket, that a list is due that a handler collected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reminder: bool,
    /// The webhook's body, if a message can hold it; only the first hint of a webhook has it.
    pub raw: Option<Raw>,
    /// The content of a webhook that is not Salestrekker's. Such a hint becomes an event, and no ticket is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<InboundRequest>,
    /// The X-Ray trace of the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceHeader>,
}

/// A webhook's body as received. It may contain personal data: it is encrypted on the queue and never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw {
    /// The bytes, in base 64 in JSON, as they need not be text.
    #[serde(with = "base64_text")]
    pub body: Vec<u8>,
    /// The `Content-Type` header, if it was visible ASCII.
    pub content_type: Option<String>,
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Raw([private], {} bytes)", self.body.len())
    }
}

impl Hint {
    /// The number of tickets that it names.
    pub fn tickets(&self) -> usize {
        self.more.len().saturating_add(self.ticket.iter().count())
    }

    /// A hint for each ticket, or the hint itself if it names none. Each has an id of its own, by its position in the webhook.
    pub fn each(&self) -> Vec<Self> {
        let first = Self { more: Vec::new(), ..self.clone() };
        let further = self.more.iter().zip(1..).map(|(ticket, position)| {
            let (id, ticket) = (self.id.later(position), Some(ticket.clone()));
            Self { id, ticket, raw: None, ..first.clone() }
        });
        let further: Vec<Self> = further.collect();
        [first].into_iter().chain(further).collect()
    }

    /// This hint as the cause of the events that it leads to.
    pub fn cause(&self) -> Cause {
        let (hint, received_at) = (self.id.clone(), self.received_at);
        match self.action.clone() {
            Some(action) => Cause::Webhook { hint, action, received_at, trace: self.trace.clone() },
            None => Cause::Reconciler { hint, asked_at: received_at },
        }
    }
}

mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{from_json, to_json};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_hint_survives_the_wire_whatever_the_body(body: Vec<u8>) {
            let hint = Hint {
                id: HintId::parse("r.0").unwrap(),
                organisation: OrganisationId::parse("north").unwrap(),
                action: Some(WebhookAction::parse("ticket-updated").unwrap()),
                received_at: Timestamp::from_millis(1),
                ticket: None,
                more: Vec::new(),
                reminder: false,
                raw: Some(Raw { body, content_type: None }),
                inbound: None,
                trace: None,
            };
            prop_assert_eq!(from_json::<Hint>(to_json(&hint).as_bytes()).unwrap(), hint);
        }

        #[test]
        fn any_bytes_are_a_hint_or_a_misfit(bytes: Vec<u8>) {
            let _ = from_json::<Hint>(&bytes);
        }
    }

    /// F17 of the field faults: a message of the time when each had one ticket is read as before.
    #[test]
    fn a_message_has_a_hint_for_each_of_its_tickets() {
        let text = |fields: &str| {
            format!(
                r#"{{"id": "r.7", "organisation": "north", "action": "ticket-updated", "received_at": "2026-01-01T00:00:00Z", "raw": null, {fields}}}"#
            )
        };
        let each = |fields: &str| {
            let hint: Hint = from_json(text(fields).as_bytes()).unwrap();
            assert_eq!(from_json::<Hint>(to_json(&hint).as_bytes()).unwrap(), hint);
            let each = hint.each();
            assert!(each.iter().all(|hint| hint.more.is_empty() && hint.organisation.as_str() == "north"));
            let named = |hint: &Hint| (hint.id.to_string(), hint.ticket.as_ref().map(ToString::to_string));
            each.iter().map(named).collect::<Vec<_>>()
        };
        let named = |id: &str, ticket: Option<&str>| (id.to_owned(), ticket.map(str::to_owned));
        assert_eq!(each(r#""ticket": "t-1""#), [named("r.7", Some("t-1"))]);
        assert_eq!(each(r#""ticket": null"#), [named("r.7", None)]);
        assert_eq!(
            each(r#""ticket": "t-1", "more": ["t-2", "t-3"]"#),
            [named("r.7", Some("t-1")), named("r.8", Some("t-2")), named("r.9", Some("t-3"))]
        );
    }

    #[test]
    fn a_body_does_not_print() {
        let raw = Raw { body: b"Jane Citizen".to_vec(), content_type: None };
        assert_eq!(format!("{raw:?}"), "Raw([private], 12 bytes)");
    }
}
