//! An action: a plain value that a handler returns and the action worker performs.

mod constructors;
mod planned;
mod reaction;
mod reminders;

pub use planned::PlannedAction;
pub use reaction::Reaction;

use crate::clock::Timestamp;
use crate::id::{DestinationName, OwnerId, ReminderKey, TicketId, WorkflowId};
use crate::model::event::Event;
use crate::model::lead::{Lead, LeadTarget};
use crate::model::reminder::{IfSet, OnlyWhile, When};
use crate::model::ticket_part::TicketPart;
use crate::model::until::Until;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use strum::{IntoStaticStr, VariantNames};

/// One action at Salestrekker, a notice to another system, or a reminder. Workflows, stages and labels are given by the names that
/// people see; the worker looks up their ids, so a handler needs no request of its own. An action that changes a ticket has the
/// part that it changes as its decision saw it; see [`Action::regardless`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, IntoStaticStr, VariantNames)]
#[cfg_attr(test, derive(strum::EnumDiscriminants))]
#[cfg_attr(
    test,
    strum_discriminants(name(ActionKind), vis(pub(crate)), derive(strum::EnumIter, PartialOrd, Ord))
)]
#[serde(tag = "do", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// Adds a label to a ticket. Does nothing if the ticket has it already.
    AddLabel {
        /// The ticket.
        ticket: TicketId,
        /// The label's name.
        label: String,
        /// Whether the ticket had the label when this was decided: if it differs now, nothing is changed. Absent: it is
        /// performed regardless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Removes a label from a ticket. Does nothing if the ticket does not have it.
    RemoveLabel {
        /// The ticket.
        ticket: TicketId,
        /// The label's name.
        label: String,
        /// Whether the ticket had the label when this was decided: if it differs now, nothing is changed. Absent: it is
        /// performed regardless.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Makes a user the owner of a ticket. Does nothing if the user is the owner already.
    SetOwner {
        /// The ticket.
        ticket: TicketId,
        /// The user, by id: the API is not known to list users by name.
        owner: OwnerId,
        /// The owner when this was decided; as for a label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Moves a ticket to another stage of its workflow. Does nothing if it is in that stage already.
    MoveStage {
        /// The ticket.
        ticket: TicketId,
        /// The stage's name.
        stage: String,
        /// The workflow and the stage when this was decided; as for a label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Moves a ticket to a stage of another workflow. Does nothing if it is in that stage already.
    MoveWorkflow {
        /// The ticket.
        ticket: TicketId,
        /// The workflow's name.
        workflow: String,
        /// The name of the stage in that workflow.
        stage: String,
        /// The workflow and the stage when this was decided; as for a label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Sets the amount of a ticket. Does nothing if it is this amount already.
    SetValue {
        /// The ticket.
        ticket: TicketId,
        /// The amount, in the unit in which Salestrekker returns it.
        value: Number,
        /// The amount when this was decided; as for a label.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<TicketPart>,
    },
    /// Creates a ticket with the owner and the clients of another one.
    CreateTicket {
        /// The ticket from which owner and clients are copied.
        beside: TicketId,
        /// The name of the workflow of the new ticket.
        workflow: String,
        /// The name of its stage; absent for the workflow's first.
        stage: Option<String>,
        /// The new ticket's name. `{ticket}` is replaced by the name of the other ticket.
        name: String,
        /// What to do if it is not known whether the ticket was created.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
    /// Creates a contact and a ticket for it, and sets the ticket's labels: each step is recorded, so that a retry does not create a
    /// second contact or ticket.
    CreateLead {
        /// The person and what they want. Personal data travels in encrypted queues and is in no record of performed actions.
        lead: Box<Lead>,
        /// The workflow, stage and owner of the ticket.
        into: LeadTarget,
        /// The ticket's name. `{contact}` is replaced by the contact's name.
        name: String,
        /// What to do if it is not known whether a step took effect.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
    /// Sends a signed message to another system: Slack, Teams, any URL. See [`crate::notice`].
    Notify {
        /// The destination, by the name of its secret.
        destination: DestinationName,
        /// The text. `{ticket}` is replaced by the ticket's name, which usually contains a client's name; without
        /// `{ticket}` the message contains no personal data. `{ticket_link}` and `{board_link}` are replaced by links.
        text: String,
        /// The ticket that the message is about.
        about: Option<TicketId>,
        /// The workflow that it was in when this was decided, for links.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow: Option<WorkflowId>,
    },
    /// Sends an event, with some of its fields and a link to its ticket, to a program of another system: signed JSON.
    NotifyJson {
        /// The destination, by the name of its secret.
        destination: DestinationName,
        /// The event's kind.
        event: String,
        /// The chosen fields, by their paths in the event's JSON. `ticket.name` is filled in when it is sent: it usually contains a
        /// client's name.
        fields: Map<String, Value>,
        /// The ticket that the event is about.
        about: Option<TicketId>,
        /// The workflow that it was in, for the link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        workflow: Option<WorkflowId>,
    },
    /// Sets a reminder: when it is due, `ticket.reminder_due` is published. Nothing is sent to Salestrekker.
    Remind {
        /// The ticket.
        ticket: TicketId,
        /// The reminder's name: a ticket has one of a name.
        key: ReminderKey,
        /// When it is due.
        when: When,
        /// What must hold of the ticket then.
        #[serde(default, skip_serializing_if = "OnlyWhile::is_empty")]
        only_while: OnlyWhile,
        /// What becomes of a reminder of this name that the ticket has already.
        #[serde(default)]
        if_set: IfSet,
        /// When the event was found that this was decided on: times are counted from it. The handler's loop fills it in.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event_at: Option<Timestamp>,
    },
    /// Cancels a reminder. Does nothing if the ticket has none of this name.
    Forget {
        /// The ticket.
        ticket: TicketId,
        /// The reminder's name.
        key: ReminderKey,
    },
    /// Puts a decision off, as the handler's entry says. The handler's loop makes it; nothing is sent to Salestrekker.
    Defer {
        /// The ticket.
        ticket: TicketId,
        /// Until when.
        until: Until,
        /// The event that is to be decided on; see event.json.
        #[schemars(with = "Value")]
        event: Box<Event>,
    },
    /// Sends a mutation of the handler's own, for which there is no other action.
    Mutate {
        /// The ticket that it is about. Actions of one ticket are performed one at a time.
        ticket: TicketId,
        /// The GraphQL document, from a `.graphql` file in the handler's folder. `automations schema check` validates it.
        document: String,
        /// Its variables. They are in queues and records, so use ids and no personal data.
        variables: Value,
        /// What to do if it is not known whether the mutation took effect.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
}

/// What to do with an action that may or may not have taken effect: its mutation was sent and no response came, or the
/// worker crashed after sending it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknownOutcome {
    /// Move it to the dead-letter queue, where a person decides: late is better than twice.
    #[default]
    DeadLetter,
    /// Perform it again: twice is better than never.
    Retry,
}

impl Action {
    /// What to do with it if its outcome is unknown. A ticket is read before and after it is changed, and a notice has an id
    /// by which its receiver recognises a repetition, so these are always retried.
    pub fn on_unknown_outcome(&self) -> OnUnknownOutcome {
        match self {
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::MoveWorkflow { .. }
            | Self::SetValue { .. }
            | Self::Notify { .. }
            | Self::NotifyJson { .. }
            | Self::Remind { .. }
            | Self::Forget { .. }
            | Self::Defer { .. } => OnUnknownOutcome::Retry,
            Self::CreateTicket { on_unknown_outcome, .. }
            | Self::CreateLead { on_unknown_outcome, .. }
            | Self::Mutate { on_unknown_outcome, .. } => *on_unknown_outcome,
        }
    }

    /// Whether it writes to Salestrekker. If so, it is not performed in a read-only organisation.
    pub fn writes_to_salestrekker(&self) -> bool {
        match self {
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::MoveWorkflow { .. }
            | Self::SetValue { .. }
            | Self::CreateTicket { .. }
            | Self::CreateLead { .. }
            | Self::Mutate { .. } => true,
            Self::Notify { .. }
            | Self::NotifyJson { .. }
            | Self::Remind { .. }
            | Self::Forget { .. }
            | Self::Defer { .. } => false,
        }
    }

    /// The ticket that it is about; none for a lead, whose ticket does not exist yet.
    pub fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::AddLabel { ticket, .. }
            | Self::RemoveLabel { ticket, .. }
            | Self::SetOwner { ticket, .. }
            | Self::MoveStage { ticket, .. }
            | Self::MoveWorkflow { ticket, .. }
            | Self::SetValue { ticket, .. }
            | Self::Remind { ticket, .. }
            | Self::Forget { ticket, .. }
            | Self::Defer { ticket, .. }
            | Self::Mutate { ticket, .. } => Some(ticket),
            Self::CreateTicket { beside, .. } => Some(beside),
            Self::Notify { about, .. } | Self::NotifyJson { about, .. } => about.as_ref(),
            Self::CreateLead { .. } => None,
        }
    }

    /// The same action as it may be kept in a record for ever: without personal data.
    #[must_use]
    pub fn for_record(&self) -> Self {
        match self {
            Self::CreateLead { lead, into, name, on_unknown_outcome } => Self::CreateLead {
                lead: Box::new(lead.for_record()),
                into: into.clone(),
                name: name.clone(),
                on_unknown_outcome: *on_unknown_outcome,
            },
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::MoveWorkflow { .. }
            | Self::SetValue { .. }
            | Self::CreateTicket { .. }
            | Self::Notify { .. }
            | Self::NotifyJson { .. }
            | Self::Remind { .. }
            | Self::Forget { .. }
            | Self::Defer { .. }
            | Self::Mutate { .. } => self.clone(),
        }
    }

    /// The same action as JSON for a log line: without personal data, and without an amount.
    pub fn for_log(&self) -> String {
        let mut action = serde_json::to_value(self.for_record()).unwrap_or_default();
        if let (Self::SetValue { .. } | Self::NotifyJson { .. }, Some(own)) = (self, action.as_object_mut()) {
            own.retain(|name, _| name != "value" && name != "seen");
            if let Some(Value::Object(fields)) = own.get_mut("fields") {
                fields.values_mut().for_each(|value| *value = "…".into());
            }
        }
        if let (Self::Defer { event, .. }, Some(own)) = (self, action.as_object_mut()) {
            own.insert("event".to_owned(), event.id.as_str().into());
        }
        action.to_string()
    }

    /// The kind, for logs and records: the same as `do` in JSON.
    pub fn kind(&self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;
    use crate::testing;

    fn lead() -> Action {
        let lead = Lead { first_name: Private::new("Jane".to_owned()), ..Lead::default() };
        Action::create_lead(lead, &LeadTarget::first_stage_of("Home loans"), "{contact}")
    }

    #[test]
    fn a_record_of_a_lead_says_nothing_of_the_person() {
        let text = crate::json::to_json(&lead().for_record());
        assert!(!text.contains("Jane") && text.contains("Home loans"), "{text}");
        assert!(crate::json::to_json(&lead()).contains("Jane"), "but the worker gets it");
        assert!(!format!("{:?}", lead()).contains("Jane"));
    }

    #[test]
    fn the_kind_of_an_action_is_what_its_json_says() {
        for action in testing::action_of_each_kind() {
            assert_eq!(serde_json::to_value(&action).unwrap()["do"], action.kind());
        }
    }
    #[test]
    fn a_log_line_of_an_action_has_no_amount() {
        let action = Action::set_value(&testing::a_ticket().worth(450_000).ticket(), 460_000);
        assert_eq!(action.for_log(), r#"{"do":"set_value","ticket":"ticket-1"}"#);
        assert!(crate::json::to_json(&action.for_record()).contains("460000"), "the record has it");
        let event = testing::stage_changed("Approved", "Settled");
        let action = Action::notify_json(&event, &"crm".parse().unwrap(), &["ticket.value"]);
        assert!(action.for_log().contains(r#""fields":{"ticket.value":"…"}"#), "{}", action.for_log());
        let other = Action::move_stage(&testing::ticket(), "Settled");
        assert!(other.for_log().contains("seen"), "{}", other.for_log());
    }
}
