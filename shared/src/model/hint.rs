//! A hint: the request to check a ticket, which webhook-ingest and the reconciler send to the `hints` queue.

use crate::clock::Timestamp;
use crate::id::{HintId, OrganisationId, TicketId, WebhookAction};
use crate::model::event::Cause;
use crate::model::inbound::InboundRequest;
use crate::telemetry::xray::TraceHeader;
use serde::{Deserialize, Serialize};

/// One hint. A webhook that names several tickets becomes several.
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
    /// The webhook's body; only the first hint of a webhook has it.
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

    #[test]
    fn a_body_does_not_print() {
        let raw = Raw { body: b"Jane Citizen".to_vec(), content_type: None };
        assert_eq!(format!("{raw:?}"), "Raw([private], 12 bytes)");
    }
}
