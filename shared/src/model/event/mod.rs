//! What happened, as it travels on the bus: a plain value with a deterministic id.

mod cause;

pub use cause::Cause;

use crate::clock::Timestamp;
use crate::id::{
    ActionId, ContactId, EventId, InboundKind, InvalidId, LabelId, OrganisationId, OwnerId, StageId,
    TicketId, WebhookAction, WorkflowId,
};
use crate::model::inbound::Fields;
use crate::model::ticket::{Named, Ticket, WorkflowStage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The `source` of all our events on the bus.
pub const SOURCE: &str = "salestrekker";

/// One thing that happened in one organisation; the `detail` of an EventBridge event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Deterministic: the same change has the same id however often it is found.
    pub id: EventId,
    /// The brokerage it happened in.
    pub organisation: OrganisationId,
    /// When we saw it; Salestrekker does not say when it happened.
    pub observed_at: Timestamp,
    /// What made us look.
    pub cause: Cause,
    /// When somebody asked for it to be answered anew, whatever was done about it before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
    /// What happened. On the wire its fields stand beside the others, with its kind as `type`.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. Names are past tense and stand as they are in the `detail-type` on the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum EventKind {
    /// A new ticket: its webhook said so, or we created it.
    #[serde(rename = "ticket.created")]
    TicketCreated {
        /// The ticket, new.
        ticket: Ticket,
    },
    /// A ticket that we had never looked at; it may be years old, so nothing should greet it.
    #[serde(rename = "ticket.first_seen")]
    TicketFirstSeen {
        /// The ticket as found.
        ticket: Ticket,
    },
    /// It stands in another stage (of the same workflow or another).
    #[serde(rename = "ticket.stage_changed")]
    StageChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// Where it stood when we last looked. Stages passed in between are not known.
        from: WorkflowStage,
        /// Where it stands.
        to: WorkflowStage,
    },
    /// It moved to another workflow; `ticket.stage_changed` comes with it.
    #[serde(rename = "ticket.workflow_changed")]
    WorkflowChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The workflow it left.
        from: Named<WorkflowId>,
        /// The workflow it is in.
        to: Named<WorkflowId>,
    },
    /// Somebody else owns it.
    #[serde(rename = "ticket.owner_changed")]
    OwnerChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The owner before.
        from: Option<OwnerId>,
        /// The owner now.
        to: Option<OwnerId>,
    },
    /// It has a label that it did not have.
    #[serde(rename = "ticket.label_added")]
    LabelAdded {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The label.
        label: Named<LabelId>,
    },
    /// It no longer has a label.
    #[serde(rename = "ticket.label_removed")]
    LabelRemoved {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The label.
        label: Named<LabelId>,
    },
    /// A contact became one of its clients.
    #[serde(rename = "ticket.client_added")]
    ClientAdded {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The contact, by id only.
        client: ContactId,
    },
    /// A contact is no longer one of its clients.
    #[serde(rename = "ticket.client_removed")]
    ClientRemoved {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The contact, by id only.
        client: ContactId,
    },
    /// Its amount changed; unit as in [`Ticket::value`].
    #[serde(rename = "ticket.value_changed")]
    ValueChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The amount before.
        from: Option<serde_json::Number>,
        /// The amount now.
        to: Option<serde_json::Number>,
    },
    /// It was switched on or off (`isActive`).
    #[serde(rename = "ticket.active_changed")]
    ActiveChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// Before.
        from: Option<bool>,
        /// Now.
        to: Option<bool>,
    },
    /// It has another name. The names are left out: they usually hold a client's.
    #[serde(rename = "ticket.renamed")]
    Renamed {
        /// The ticket afterwards.
        ticket: Ticket,
    },
    /// It has stood in its stage for so many days since we first saw it there: one of the template's marks.
    #[serde(rename = "ticket.stage_aged")]
    StageAged {
        /// The ticket as it is.
        ticket: Ticket,
        /// The stage.
        stage: Named<StageId>,
        /// The mark that it passed.
        days: u16,
    },
    /// The API no longer knows it.
    #[serde(rename = "ticket.vanished")]
    Vanished {
        /// The ticket as it last was.
        ticket: Ticket,
    },
    /// Something came through a webhook that is not Salestrekker's. Its kind, and so the `detail-type` on the bus, is
    /// `inbound.` and the webhook's name. The fields may hold a person's data: they are in no journal and in no log.
    #[serde(rename = "inbound")]
    Inbound {
        /// The kind, as in `inbound.website-lead`.
        kind: InboundKind,
        /// What came.
        fields: Fields,
    },
    /// A webhook came from which nothing could be looked up.
    #[serde(rename = "webhook.unrecognised")]
    WebhookUnrecognised {
        /// The action in its URL.
        action: WebhookAction,
        /// Why nothing could be looked up.
        reason: UnrecognisedReason,
    },
}

/// Why a webhook led to no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnrecognisedReason {
    /// Its body held no id where one is known to stand.
    NoTicketId,
    /// The organisation is write-only: no ticket of it is looked at.
    NoReadAccess,
    /// It named a ticket that the API does not know.
    UnknownTicket,
}

impl EventKind {
    /// The kind, as in the `detail-type` on the bus.
    pub fn name(&self) -> &str {
        match self {
            Self::Inbound { kind, .. } => kind.as_str(),
            Self::TicketCreated { .. } => "ticket.created",
            Self::TicketFirstSeen { .. } => "ticket.first_seen",
            Self::StageChanged { .. } => "ticket.stage_changed",
            Self::WorkflowChanged { .. } => "ticket.workflow_changed",
            Self::OwnerChanged { .. } => "ticket.owner_changed",
            Self::LabelAdded { .. } => "ticket.label_added",
            Self::LabelRemoved { .. } => "ticket.label_removed",
            Self::ClientAdded { .. } => "ticket.client_added",
            Self::ClientRemoved { .. } => "ticket.client_removed",
            Self::ValueChanged { .. } => "ticket.value_changed",
            Self::ActiveChanged { .. } => "ticket.active_changed",
            Self::Renamed { .. } => "ticket.renamed",
            Self::StageAged { .. } => "ticket.stage_aged",
            Self::Vanished { .. } => "ticket.vanished",
            Self::WebhookUnrecognised { .. } => "webhook.unrecognised",
        }
    }

    /// What tells this change apart from others of its kind in the same version of the ticket; mostly nothing.
    pub fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::LabelAdded { label, .. } | Self::LabelRemoved { label, .. } => label.id.as_str().into(),
            Self::ClientAdded { client, .. } | Self::ClientRemoved { client, .. } => client.as_str().into(),
            Self::StageAged { days, .. } => days.to_string().into(),
            _ => "".into(),
        }
    }

    /// The ticket that it happened to.
    pub fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::TicketCreated { ticket }
            | Self::TicketFirstSeen { ticket }
            | Self::StageChanged { ticket, .. }
            | Self::WorkflowChanged { ticket, .. }
            | Self::OwnerChanged { ticket, .. }
            | Self::LabelAdded { ticket, .. }
            | Self::LabelRemoved { ticket, .. }
            | Self::ClientAdded { ticket, .. }
            | Self::ClientRemoved { ticket, .. }
            | Self::ValueChanged { ticket, .. }
            | Self::ActiveChanged { ticket, .. }
            | Self::Renamed { ticket }
            | Self::StageAged { ticket, .. }
            | Self::Vanished { ticket } => Some(ticket),
            Self::Inbound { .. } | Self::WebhookUnrecognised { .. } => None,
        }
    }
}

impl Event {
    /// The ticket that it happened to; none for `inbound.…` and `webhook.unrecognised`.
    pub fn ticket(&self) -> Option<&Ticket> {
        self.kind.ticket()
    }

    /// The id of the action at `position` of what `handler` decides on it: the same each time, unless somebody asked
    /// for it to be answered anew.
    ///
    /// # Errors
    /// [`InvalidId`] where the handler's name is too long.
    pub fn action_id(&self, handler: &str, position: usize) -> Result<ActionId, InvalidId> {
        match self.again {
            None => ActionId::of(&self.id, handler, position),
            Some(again) => ActionId::of_again(&self.id, handler, position, again),
        }
    }

    /// The actions of ours that led to this event, oldest first: how deep it is in a chain of handlers that answer each
    /// other; empty where somebody else made the change.
    pub fn chain(&self) -> &[ActionId] {
        match &self.cause {
            Cause::Action { chain, .. } => chain,
            Cause::Webhook { .. } | Cause::Reconciler { .. } => &[],
        }
    }

    /// The ticket, where this event is its entry into the stage of this name.
    ///
    /// ```
    /// let event = automations::testing::stage_changed("Approved", "Settled");
    /// assert!(event.entered_stage("Settled").is_some());
    /// assert!(event.entered_stage("Approved").is_none());
    /// ```
    pub fn entered_stage(&self, name: &str) -> Option<&Ticket> {
        match &self.kind {
            EventKind::StageChanged { ticket, to, .. } if to.stage.is_named(name) => Some(ticket),
            _ => None,
        }
    }

    /// The ticket, where it passes this mark of days in its stage.
    ///
    /// ```
    /// let event = automations::testing::a_ticket().stays_for(14);
    /// assert!(event.aged(14).is_some() && event.aged(7).is_none());
    /// ```
    pub fn aged(&self, mark: u16) -> Option<&Ticket> {
        match &self.kind {
            EventKind::StageAged { ticket, days, .. } if *days == mark => Some(ticket),
            _ => None,
        }
    }

    /// The ticket, where its value was not above this limit and now is; in the unit in which Salestrekker shows it.
    ///
    /// ```
    /// let rises = automations::testing::a_ticket().worth(900_000).becomes_worth(1_200_000);
    /// assert!(rises.rose_above(1e6).is_some() && rises.rose_above(5e5).is_none());
    /// ```
    pub fn rose_above(&self, limit: f64) -> Option<&Ticket> {
        let is_above = |value: &Option<serde_json::Number>| {
            value.as_ref().and_then(serde_json::Number::as_f64).is_some_and(|value| value > limit)
        };
        match &self.kind {
            EventKind::ValueChanged { ticket, from, to } if is_above(to) && !is_above(from) => Some(ticket),
            _ => None,
        }
    }

    /// The ticket change with this content, in this organisation, by this cause.
    pub fn of_change(
        organisation: &OrganisationId,
        observed_at: Timestamp,
        cause: &Cause,
        kind: EventKind,
    ) -> Option<Self> {
        let ticket = kind.ticket()?;
        let id = EventId::of_change(organisation, &ticket.id, ticket.version, kind.name(), &kind.subject());
        Some(Self {
            id,
            organisation: organisation.clone(),
            observed_at,
            cause: cause.clone(),
            again: None,
            kind,
        })
    }

    /// The event of this content that a hint makes by itself, with no ticket behind it.
    pub fn of_hint(
        organisation: &OrganisationId,
        observed_at: Timestamp,
        cause: &Cause,
        kind: EventKind,
    ) -> Self {
        let id = EventId::of_hint(organisation, cause.hint(), kind.name());
        let (organisation, cause) = (organisation.clone(), cause.clone());
        Self { id, organisation, observed_at, cause, again: None, kind }
    }

    /// What came through the inbound webhook of this name, where this is its event.
    ///
    /// ```
    /// let event = automations::testing::posted("website-lead", &[("email", "jane@example.com")]);
    /// assert!(event.inbound("website-lead").is_some_and(|fields| fields.text("email").is_some()));
    /// assert!(event.inbound("newsletter").is_none());
    /// ```
    pub fn inbound(&self, name: &str) -> Option<&Fields> {
        match &self.kind {
            EventKind::Inbound { kind, fields } if kind.as_str().strip_prefix("inbound.") == Some(name) => {
                Some(fields)
            }
            _ => None,
        }
    }

    /// What orders and groups this event: its ticket.
    pub fn ticket_id(&self) -> Option<&TicketId> {
        self.ticket().map(|ticket| &ticket.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_event_survives_the_wire_and_its_type_is_its_kind() {
        for event in testing::one_of_each() {
            let text = crate::json::to_json(&event);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            let kind = if event.inbound("website-lead").is_some() { "inbound" } else { event.kind.name() };
            assert_eq!(json["type"], kind);
            assert_eq!(crate::json::from_json::<Event>(text.as_bytes()).unwrap(), event);
        }
    }

    #[test]
    fn patterns_can_reach_stage_and_workflow_by_name() {
        let text = crate::json::to_json(&testing::stage_changed("Approved", "Settled"));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["from"]["stage"]["name"], "Approved");
        assert_eq!(json["to"]["stage"]["name"], "Settled");
        assert_eq!(json["ticket"]["workflow"]["name"], "Home loans");
        assert_eq!(json["cause"]["by"], "webhook");
    }
}
