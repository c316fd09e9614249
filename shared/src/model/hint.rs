//! What webhook-ingest and the reconciler put on the `hints` queue: look at this ticket.

use crate::clock::Timestamp;
use crate::id::{HintId, OrganisationId, TicketId, WebhookAction};
use crate::model::event::Cause;
use crate::model::inbound::Post;
use crate::telemetry::xray::TraceHeader;
use serde::{Deserialize, Serialize};

/// One hint. A webhook that names several tickets becomes several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Its id; the webhook's answer names the first one's.
    pub id: HintId,
    /// The brokerage, from the URL.
    pub organisation: OrganisationId,
    /// The webhook's action, from the URL; none where no webhook came and the reconciler asks.
    pub action: Option<WebhookAction>,
    /// When the webhook came, or the reconciler asked.
    pub received_at: Timestamp,
    /// The ticket to look at; none where the body held no usable id, or where the reconciler asks for a list.
    pub ticket: Option<TicketId>,
    /// What the webhook brought; only the first hint of a webhook carries it, the others would repeat it.
    pub raw: Option<Raw>,
    /// What a webhook that is not Salestrekker's brought; such a hint becomes an event as it is, and no ticket is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<Post>,
    /// The trace of X-Ray that the webhook is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceHeader>,
}

/// A webhook's body as it came. It may hold anybody's data: encrypted on the queue, never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raw {
    /// The bytes, in base 64 on the wire: they need not be text.
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
    /// This hint as the cause of what is found by it.
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
                post: None,
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
