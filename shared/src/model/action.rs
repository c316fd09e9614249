//! An action: a plain value that a handler returns and the action worker performs.

use crate::clock::Timestamp;
use crate::id::{ActionId, DestinationName, EventId, HintId, OrganisationId, OwnerId, TicketId};
use crate::model::lead::{Lead, LeadTarget};
use crate::model::message_group::MessageGroup;
use crate::model::resent::Resent;
use crate::model::ticket::Ticket;
use crate::model::ticket_part::TicketPart;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{IntoStaticStr, VariantNames};

/// One action at Salestrekker, or a notice to another system. Workflows, stages and labels are given by the names that
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
    /// Creates a contact and a ticket for it: two steps, each recorded, so that a retry does not create a second contact.
    CreateLead {
        /// The person. The data travels in encrypted queues and is in no record of performed actions.
        lead: Lead,
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
        /// `{ticket}` the message contains no personal data.
        text: String,
        /// The ticket that the message is about.
        about: Option<TicketId>,
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
    /// Adds a label to this ticket, by the label's name.
    pub fn add_label(ticket: &Ticket, label: &str) -> Self {
        let seen = TicketPart::label_of(ticket, label);
        Self::AddLabel { ticket: ticket.id.clone(), label: label.to_owned(), seen }
    }

    /// Removes a label from this ticket, by the label's name.
    pub fn remove_label(ticket: &Ticket, label: &str) -> Self {
        let seen = TicketPart::label_of(ticket, label);
        Self::RemoveLabel { ticket: ticket.id.clone(), label: label.to_owned(), seen }
    }

    /// Makes this user the owner of this ticket.
    pub fn set_owner(ticket: &Ticket, owner: &OwnerId) -> Self {
        let seen = Some(TicketPart::owner_of(ticket));
        Self::SetOwner { ticket: ticket.id.clone(), owner: owner.clone(), seen }
    }

    /// Sends a message about this ticket. `{ticket}` in `text` is replaced by the ticket's name, which usually contains a
    /// client's. In a handler's `Settings`, declare the destination as a [`DestinationName`]: a wrong name then fails
    /// when the function starts, not at the first event.
    ///
    /// ```
    /// use automations::{Action, id::DestinationName, testing::ticket};
    ///
    /// let team = DestinationName::parse("team")?;
    /// let action = Action::notify(&ticket(), &team, "{ticket} has settled");
    /// assert_eq!(action.kind(), "notify");
    /// # Ok::<(), automations::id::InvalidId>(())
    /// ```
    pub fn notify(ticket: &Ticket, destination: &DestinationName, text: &str) -> Self {
        let (destination, text) = (destination.clone(), text.to_owned());
        Self::Notify { destination, text, about: Some(ticket.id.clone()) }
    }

    /// Creates a contact and a ticket for it. `{contact}` in `name` is replaced by the contact's name.
    pub fn create_lead(lead: Lead, into: &LeadTarget, name: &str) -> Self {
        Self::CreateLead {
            lead,
            into: into.clone(),
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::DeadLetter,
        }
    }

    /// Moves this ticket to a stage of its workflow, by the stage's name.
    pub fn move_stage(ticket: &Ticket, stage: &str) -> Self {
        let seen = Some(TicketPart::stage_of(ticket));
        Self::MoveStage { ticket: ticket.id.clone(), stage: stage.to_owned(), seen }
    }

    /// Creates a ticket in the first stage of a workflow, with the owner and the clients of this one. `{ticket}` in `name`
    /// is replaced by this ticket's name.
    pub fn create_ticket(beside: &Ticket, workflow: &str, name: &str) -> Self {
        Self::CreateTicket {
            beside: beside.id.clone(),
            workflow: workflow.to_owned(),
            stage: None,
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::DeadLetter,
        }
    }

    /// Sends a mutation of the handler's own, once: if no response comes, the action is dead-lettered.
    ///
    /// ```
    /// use automations::{Action, testing, serde_json::json};
    ///
    /// let ticket = testing::ticket();
    /// let document = "mutation Pause($id: ID!) { ticketPause(id: $id) }"; // include_str!("pause.graphql")
    /// let action = Action::mutate(&ticket, document, json!({ "id": ticket.id }));
    /// assert_eq!(action.kind(), "mutate");
    /// ```
    pub fn mutate(ticket: &Ticket, document: &str, variables: Value) -> Self {
        let (ticket, document) = (ticket.id.clone(), document.to_owned());
        Self::Mutate { ticket, document, variables, on_unknown_outcome: OnUnknownOutcome::DeadLetter }
    }

    /// The same action, performed again if its outcome is unknown: for one that does no harm twice.
    #[must_use]
    pub fn retry_if_unknown(mut self) -> Self {
        if let Self::CreateTicket { on_unknown_outcome, .. }
        | Self::CreateLead { on_unknown_outcome, .. }
        | Self::Mutate { on_unknown_outcome, .. } = &mut self
        {
            *on_unknown_outcome = OnUnknownOutcome::Retry;
        }
        self
    }

    /// What to do with it if its outcome is unknown. A ticket is read before and after it is changed, and a notice has an id
    /// by which its receiver recognises a repetition, so these are always retried.
    pub fn on_unknown_outcome(&self) -> OnUnknownOutcome {
        match self {
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::Notify { .. } => OnUnknownOutcome::Retry,
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
            | Self::CreateTicket { .. }
            | Self::CreateLead { .. }
            | Self::Mutate { .. } => true,
            Self::Notify { .. } => false,
        }
    }

    /// The ticket that it is about; none for a lead, whose ticket does not exist yet.
    pub fn ticket(&self) -> Option<&TicketId> {
        match self {
            Self::AddLabel { ticket, .. }
            | Self::RemoveLabel { ticket, .. }
            | Self::SetOwner { ticket, .. }
            | Self::MoveStage { ticket, .. }
            | Self::Mutate { ticket, .. } => Some(ticket),
            Self::CreateTicket { beside, .. } => Some(beside),
            Self::Notify { about, .. } => about.as_ref(),
            Self::CreateLead { .. } => None,
        }
    }

    /// The same action as it may be kept in a record for ever: without personal data.
    #[must_use]
    pub fn for_record(&self) -> Self {
        match self {
            Self::CreateLead { lead: _, into, name, on_unknown_outcome } => Self::CreateLead {
                lead: Lead::default(),
                into: into.clone(),
                name: name.clone(),
                on_unknown_outcome: *on_unknown_outcome,
            },
            Self::AddLabel { .. }
            | Self::RemoveLabel { .. }
            | Self::SetOwner { .. }
            | Self::MoveStage { .. }
            | Self::CreateTicket { .. }
            | Self::Notify { .. }
            | Self::Mutate { .. } => self.clone(),
        }
    }

    /// The kind, for logs and records: the same as `do` in JSON.
    pub fn kind(&self) -> &'static str {
        self.into()
    }
}

/// An action on its way to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedAction {
    /// Deterministic: the idempotency key.
    pub id: ActionId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The event that the handler decided on.
    pub event: EventId,
    /// The hint that led to the event: the correlation id of one webhook in all logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<HintId>,
    /// The actions that led to that event, oldest first; empty if a person's change did.
    #[serde(default)]
    pub chain: Vec<ActionId>,
    /// The ticket's version in that event; absent if the event has no ticket. Its journal says what came after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket_version: Option<u64>,
    /// The handler that decided it.
    pub handler: String,
    /// When the handler decided it.
    pub decided_at: Timestamp,
    /// Delivery attempt of the event to the handler, starting at 1.
    pub attempt: u32,
    /// Set if it, or its event, was sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resent: Option<Resent>,
    /// The action.
    pub action: Action,
}

impl PlannedAction {
    /// The actions that lead to the change that this one makes, oldest first: its chain, and itself.
    pub fn chain_with_itself(&self) -> Vec<ActionId> {
        self.chain.iter().chain([&self.id]).cloned().collect()
    }

    /// The FIFO message group. Actions of one ticket are performed one at a time, as two writers would overwrite each
    /// other's labels. Notices are grouped by destination, so that one that is down delays no other. A lead has no ticket
    /// yet, and a group of its own.
    pub fn message_group(&self) -> MessageGroup {
        let Self { organisation, event, action, .. } = self;
        match (action, action.ticket()) {
            (Action::Notify { destination, .. }, _) => {
                MessageGroup::of_destination(organisation, destination)
            }
            (_, Some(ticket)) => MessageGroup::of_ticket(organisation, ticket),
            (_, None) => MessageGroup::of_event(organisation, event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;
    use crate::testing;

    fn planned(action: Action) -> PlannedAction {
        let event = testing::stage_changed("Approved", "Settled");
        PlannedAction {
            id: ActionId::of(&event.id, "h", 0).unwrap(),
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: None,
            chain: Vec::new(),
            ticket_version: Some(2),
            handler: "h".to_owned(),
            decided_at: event.observed_at,
            attempt: 1,
            resent: None,
            action,
        }
    }

    fn lead() -> Action {
        let lead = Lead { first_name: Private::new("Jane".to_owned()), ..Lead::default() };
        Action::create_lead(lead, &LeadTarget::first_stage_of("Home loans"), "{contact}")
    }

    #[test]
    fn notices_are_grouped_by_where_they_go_and_the_rest_by_ticket() {
        let ticket = testing::ticket();
        let group = |action| planned(action).message_group();
        let label = group(Action::add_label(&ticket, "x"));
        assert_eq!(label, group(Action::set_owner(&ticket, &OwnerId::parse("o").unwrap())));
        assert_eq!(label, testing::stage_changed("a", "b").message_group(), "that of the ticket's events");
        let team = DestinationName::parse("team").unwrap();
        let notice = group(Action::notify(&ticket, &team, "x"));
        assert_eq!(notice.as_str(), "north/destination/team");
        assert!(group(lead()).as_str().starts_with("north/event/"));
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
}
