//! What an event says happened, by kind.

use crate::clock::Timestamp;
use crate::id::{
    ClockKind, ContactId, FieldName, InboundKind, LabelId, OwnerId, ReminderKey, StageId, WebhookAction,
    WorkflowId,
};
use crate::model::field_value::FieldValue;
use crate::model::inbound::Fields;
use crate::model::reminder::Zone;
use crate::model::ticket::{Named, Ticket, WorkflowStage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use strum::{IntoStaticStr, VariantNames};

/// What happened. The name of a kind is in the past tense and is its `type` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantNames)]
#[cfg_attr(test, derive(strum::EnumDiscriminants))]
#[cfg_attr(
    test,
    strum_discriminants(name(KindName), vis(pub(crate)), derive(strum::EnumIter, PartialOrd, Ord))
)]
#[serde(tag = "type")]
pub enum EventKind {
    /// A new ticket: its webhook says so, or an action of ours created it.
    #[serde(rename = "ticket.created")]
    #[strum(serialize = "ticket.created")]
    TicketCreated {
        /// The ticket, new.
        ticket: Ticket,
    },
    /// A ticket that was never read before. It may be years old, so it must not be treated as new.
    #[serde(rename = "ticket.first_seen")]
    #[strum(serialize = "ticket.first_seen")]
    TicketFirstSeen {
        /// The ticket as it is.
        ticket: Ticket,
    },
    /// The ticket moved to another stage, of the same workflow or another one.
    #[serde(rename = "ticket.stage_changed")]
    #[strum(serialize = "ticket.stage_changed")]
    StageChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The stage at the last check. Stages that it passed in between are not known.
        from: WorkflowStage,
        /// The stage now.
        to: WorkflowStage,
    },
    /// The ticket moved to another workflow. A `ticket.stage_changed` is published with it.
    #[serde(rename = "ticket.workflow_changed")]
    #[strum(serialize = "ticket.workflow_changed")]
    WorkflowChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The workflow before.
        from: Named<WorkflowId>,
        /// The workflow now.
        to: Named<WorkflowId>,
    },
    /// The ticket has another owner.
    #[serde(rename = "ticket.owner_changed")]
    #[strum(serialize = "ticket.owner_changed")]
    OwnerChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The owner before.
        from: Option<OwnerId>,
        /// The owner now.
        to: Option<OwnerId>,
    },
    /// The ticket has a new label.
    #[serde(rename = "ticket.label_added")]
    #[strum(serialize = "ticket.label_added")]
    LabelAdded {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The label.
        label: Named<LabelId>,
    },
    /// A label was removed from the ticket.
    #[serde(rename = "ticket.label_removed")]
    #[strum(serialize = "ticket.label_removed")]
    LabelRemoved {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The label.
        label: Named<LabelId>,
    },
    /// A contact was added to the ticket's clients.
    #[serde(rename = "ticket.client_added")]
    #[strum(serialize = "ticket.client_added")]
    ClientAdded {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The contact, by id only.
        client: ContactId,
    },
    /// A contact was removed from the ticket's clients.
    #[serde(rename = "ticket.client_removed")]
    #[strum(serialize = "ticket.client_removed")]
    ClientRemoved {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The contact, by id only.
        client: ContactId,
    },
    /// The ticket's amount changed. The unit is that of [`Ticket::value`].
    #[serde(rename = "ticket.value_changed")]
    #[strum(serialize = "ticket.value_changed")]
    ValueChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The amount before.
        from: Option<serde_json::Number>,
        /// The amount now.
        to: Option<serde_json::Number>,
    },
    /// The ticket was switched on or off (`isActive`).
    #[serde(rename = "ticket.active_changed")]
    #[strum(serialize = "ticket.active_changed")]
    ActiveChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// Before.
        from: Option<bool>,
        /// Now.
        to: Option<bool>,
    },
    /// The ticket was renamed. The event has no names, as they usually contain a client's name.
    #[serde(rename = "ticket.renamed")]
    #[strum(serialize = "ticket.renamed")]
    Renamed {
        /// The ticket afterwards.
        ticket: Ticket,
    },
    /// A field that the template's parameter `TicketFields` names has another value. A private field's values are not in the event.
    #[serde(rename = "ticket.field_changed")]
    #[strum(serialize = "ticket.field_changed")]
    FieldChanged {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The field's name.
        field: FieldName,
        /// The value before; absent if the field was empty or is private.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<FieldValue>,
        /// The value now; absent if the field is empty or private.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<FieldValue>,
    },
    /// The ticket has been in its stage for this many days since it was first seen there: one of the thresholds in the template.
    #[serde(rename = "ticket.stage_aged")]
    #[strum(serialize = "ticket.stage_aged")]
    StageAged {
        /// The ticket as it is.
        ticket: Ticket,
        /// The stage.
        stage: Named<StageId>,
        /// The threshold that it passed, in days.
        days: u16,
        /// What its days are.
        #[serde(default)]
        unit: AgeUnit,
    },
    /// The ticket left a stage in which it had passed a threshold of days. A `ticket.stage_changed` is published with it.
    #[serde(rename = "ticket.stage_resumed")]
    #[strum(serialize = "ticket.stage_resumed")]
    StageResumed {
        /// The ticket afterwards.
        ticket: Ticket,
        /// The stage that it left.
        stage: Named<StageId>,
        /// The highest threshold that it had passed there, in days.
        days: u16,
        /// What its days are.
        #[serde(default)]
        unit: AgeUnit,
    },
    /// A reminder that a handler set is due, and the ticket is as the reminder asks.
    #[serde(rename = "ticket.reminder_due")]
    #[strum(serialize = "ticket.reminder_due")]
    ReminderDue {
        /// The ticket as it is.
        ticket: Ticket,
        /// The reminder's name.
        key: ReminderKey,
        /// When it was due.
        due_at: Timestamp,
        /// The seconds from then to this event: less than 120, unless the system was down or the reminder was set too late.
        late_by: u64,
        /// When it was set.
        set_at: Timestamp,
        /// The handler that set it.
        set_by: String,
    },
    /// The API no longer returns the ticket.
    #[serde(rename = "ticket.vanished")]
    #[strum(serialize = "ticket.vanished")]
    Vanished {
        /// The ticket as it last was.
        ticket: Ticket,
    },
    /// A webhook that led to no ticket.
    #[serde(rename = "webhook.unrecognised")]
    #[strum(serialize = "webhook.unrecognised")]
    WebhookUnrecognised {
        /// The action in its URL.
        action: WebhookAction,
        /// Why it led to none.
        reason: UnrecognisedReason,
    },
    // Last, as serde tries it after the kinds with a fixed name.
    /// A request to a webhook that is not Salestrekker's. Its kind is `inbound.` and the webhook's name. The fields may be personal
    /// data: they are in no journal and in no log.
    #[serde(untagged)]
    #[strum(serialize = "inbound")]
    Inbound {
        /// The kind, as in `inbound.website-lead`.
        #[serde(rename = "type")]
        kind: InboundKind,
        /// The fields of the request.
        fields: Fields,
    },
    /// A handler's schedule was due. Its kind is `clock.` and the handler's name. Untagged as the one before.
    #[serde(untagged)]
    #[strum(serialize = "clock")]
    Clock {
        /// The kind, as in `clock.digest-of-stalled-tickets`.
        #[serde(rename = "type")]
        kind: ClockKind,
        /// When it was due.
        scheduled_at: Timestamp,
        /// The firings before this one that were not delivered since the last one, because the system was down; at most 1,000.
        missed: u32,
        /// The time zone of the schedule.
        zone: Zone,
    },
}

/// What the days of a threshold are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgeUnit {
    /// Times of 24 hours.
    #[default]
    Days,
    /// Days that are neither of a weekend nor public holidays.
    BusinessDays,
}

/// Why a webhook led to no ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnrecognisedReason {
    /// The body has no id in any of the known positions.
    NoTicketId,
    /// The organisation is write-only: its tickets are not read.
    NoReadAccess,
    /// The API does not know the ticket.
    UnknownTicket,
}

impl EventKind {
    /// The kind, as in `type` in JSON.
    pub fn name(&self) -> &str {
        if let Self::Inbound { kind, .. } = self {
            kind.as_str()
        } else if let Self::Clock { kind, .. } = self {
            kind.as_str()
        } else {
            self.into()
        }
    }

    /// What distinguishes this change from others of its kind in the same version of the ticket, as part of the event's id;
    /// empty for a kind that a version has once at most.
    pub fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::LabelAdded { label, .. } | Self::LabelRemoved { label, .. } => label.id.as_str().into(),
            Self::ClientAdded { client, .. } | Self::ClientRemoved { client, .. } => client.as_str().into(),
            Self::FieldChanged { field, .. } => field.as_str().into(),
            Self::StageAged { days, .. } => days.to_string().into(),
            Self::ReminderDue { key, .. } => key.as_str().into(),
            Self::TicketCreated { .. }
            | Self::TicketFirstSeen { .. }
            | Self::StageChanged { .. }
            | Self::WorkflowChanged { .. }
            | Self::OwnerChanged { .. }
            | Self::ValueChanged { .. }
            | Self::ActiveChanged { .. }
            | Self::Renamed { .. }
            | Self::StageResumed { .. }
            | Self::Vanished { .. }
            | Self::Inbound { .. }
            | Self::Clock { .. }
            | Self::WebhookUnrecognised { .. } => "".into(),
        }
    }

    /// The ticket that changed; none for `inbound.…`, `clock.…` and `webhook.unrecognised`.
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
            | Self::FieldChanged { ticket, .. }
            | Self::StageAged { ticket, .. }
            | Self::StageResumed { ticket, .. }
            | Self::ReminderDue { ticket, .. }
            | Self::Vanished { ticket } => Some(ticket),
            Self::Inbound { .. } | Self::Clock { .. } | Self::WebhookUnrecognised { .. } => None,
        }
    }
}
