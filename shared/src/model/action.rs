//! What to do: a plain value that a handler returns and the action worker performs.

use crate::clock::Timestamp;
use crate::id::{ActionId, DestinationName, EventId, HintId, OrganisationId, OwnerId, TicketId};
use crate::model::lead::{Lead, LeadTarget};
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing to do at Salestrekker. Names of workflows, stages and labels are the ones that people see; the worker
/// looks up their ids, so that a handler needs no look-up of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// Give a ticket a label; a ticket that has it already is left as it is.
    AddLabel {
        /// The ticket.
        ticket: TicketId,
        /// The label's name.
        label: String,
    },
    /// Take a label from a ticket; a ticket that does not have it is left as it is.
    RemoveLabel {
        /// The ticket.
        ticket: TicketId,
        /// The label's name.
        label: String,
    },
    /// Make a user the owner of a ticket; one who is that already stays it.
    SetOwner {
        /// The ticket.
        ticket: TicketId,
        /// The user, by id: the API shows no list of names that anybody has seen.
        owner: OwnerId,
    },
    /// Move a ticket to another stage of the workflow it is in; one that is there already is left as it is.
    MoveStage {
        /// The ticket.
        ticket: TicketId,
        /// The stage's name.
        stage: String,
    },
    /// Create a ticket for the same owner and clients as another's.
    CreateTicket {
        /// The ticket whose owner and clients it takes.
        beside: TicketId,
        /// The name of the workflow it goes into.
        workflow: String,
        /// The name of its stage; the workflow's first where absent.
        stage: Option<String>,
        /// Its name, in which `{ticket}` stands for the other ticket's name.
        name: String,
        /// Where nobody knows whether it was created.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
    /// Create a contact and a ticket for it: two steps, each recorded, so that a repetition makes no second contact.
    CreateLead {
        /// Who it is. It travels in encrypted queues and stands in no record of what was done.
        lead: Lead,
        /// Where the ticket goes.
        into: LeadTarget,
        /// The ticket's name, in which `{contact}` stands for the contact's.
        name: String,
        /// Where nobody knows whether a step was done.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
    /// Send a signed message to somewhere else: Slack, Teams, any URL. See [`crate::notice`].
    Notify {
        /// The destination, by the name of its secret.
        destination: DestinationName,
        /// What it says, in which `{ticket}` stands for the name of the ticket that it is about; a client's name is in
        /// that, and only who writes `{ticket}` asks for it.
        text: String,
        /// The ticket that it is about.
        about: Option<TicketId>,
    },
    /// Send a mutation of the handler's own: what the system has no action for.
    Mutate {
        /// The ticket that it is about: its actions are performed one at a time with this one.
        ticket: TicketId,
        /// The GraphQL document, from a `.graphql` file beside the handler, which `cargo xtask schema check` checks too.
        document: String,
        /// Its variables. They travel in queues and records, so they hold ids, not a person's data.
        variables: Value,
        /// Where nobody knows whether it took effect.
        #[serde(default)]
        on_unknown_outcome: OnUnknownOutcome,
    },
}

/// What to do with an action that may or may not have taken effect: its mutation was sent and no answer came, or whoever
/// sent it was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknownOutcome {
    /// Leave it to a person, in the dead-letter queue: better late than twice.
    #[default]
    Park,
    /// Do it again: better twice than never.
    Retry,
}

impl Action {
    /// Give this ticket a label, by its name.
    pub fn add_label(ticket: &Ticket, label: &str) -> Self {
        Self::AddLabel { ticket: ticket.id.clone(), label: label.to_owned() }
    }

    /// Take this label from a ticket, by its name.
    pub fn remove_label(ticket: &Ticket, label: &str) -> Self {
        Self::RemoveLabel { ticket: ticket.id.clone(), label: label.to_owned() }
    }

    /// Make this user the owner of a ticket.
    pub fn set_owner(ticket: &Ticket, owner: &OwnerId) -> Self {
        Self::SetOwner { ticket: ticket.id.clone(), owner: owner.clone() }
    }

    /// Send a message about a ticket to a destination; `{ticket}` in `text` stands for the ticket's name, which usually
    /// holds a client's.
    pub fn notify(ticket: &Ticket, destination: &DestinationName, text: &str) -> Self {
        let (destination, text) = (destination.clone(), text.to_owned());
        Self::Notify { destination, text, about: Some(ticket.id.clone()) }
    }

    /// Create a contact and a ticket for it; `{contact}` in `name` stands for the contact's name.
    pub fn create_lead(lead: Lead, into: &LeadTarget, name: &str) -> Self {
        Self::CreateLead {
            lead,
            into: into.clone(),
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::Park,
        }
    }

    /// Move this ticket to a stage of its workflow, by its name.
    pub fn move_stage(ticket: &Ticket, stage: &str) -> Self {
        Self::MoveStage { ticket: ticket.id.clone(), stage: stage.to_owned() }
    }

    /// Create a ticket in the first stage of a workflow, for the owner and the clients of this one; `{ticket}` in
    /// `name` stands for this one's name.
    pub fn create_ticket(beside: &Ticket, workflow: &str, name: &str) -> Self {
        Self::CreateTicket {
            beside: beside.id.clone(),
            workflow: workflow.to_owned(),
            stage: None,
            name: name.to_owned(),
            on_unknown_outcome: OnUnknownOutcome::Park,
        }
    }

    /// Send a mutation of the handler's own, once: where no answer comes, it is left for a person.
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
        Self::Mutate { ticket, document, variables, on_unknown_outcome: OnUnknownOutcome::Park }
    }

    /// The same action, done again where nobody knows whether it was: for one that does no harm twice.
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

    /// What to do with it in doubt. A change of a ticket is read first and read back, and a notice has an id by which its
    /// receiver can tell a repetition, so these are always done again.
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

    /// The same action as it may stand in a record for good: without a person's data.
    #[must_use]
    pub fn for_record(&self) -> Self {
        match self.clone() {
            Self::CreateLead { into, name, on_unknown_outcome, .. } => {
                Self::CreateLead { lead: Lead::default(), into, name, on_unknown_outcome }
            }
            other => other,
        }
    }

    /// The kind, for logs and records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AddLabel { .. } => "add_label",
            Self::RemoveLabel { .. } => "remove_label",
            Self::SetOwner { .. } => "set_owner",
            Self::CreateLead { .. } => "create_lead",
            Self::Notify { .. } => "notify",
            Self::MoveStage { .. } => "move_stage",
            Self::CreateTicket { .. } => "create_ticket",
            Self::Mutate { .. } => "mutate",
        }
    }
}

/// An action on its way to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedAction {
    /// Deterministic: the idempotency key.
    pub id: ActionId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The event that it answers.
    pub event: EventId,
    /// The hint that made us look, by which one webhook is followed through the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<HintId>,
    /// The actions that led to that event, oldest first; empty where a person's change did.
    #[serde(default)]
    pub chain: Vec<ActionId>,
    /// The handler that decided it.
    pub handler: String,
    /// When.
    pub decided_at: Timestamp,
    /// The how-manieth delivery of the event to the handler it was: 1 for the first.
    pub attempt: u32,
    /// What to do.
    pub action: Action,
}

impl PlannedAction {
    /// The actions that lead to whatever this one changes: those before it, and itself.
    pub fn links(&self) -> Vec<ActionId> {
        self.chain.iter().chain([&self.id]).cloned().collect()
    }

    /// The message group, within which one is performed after the other: those of one ticket, as two writers would lose
    /// each other's labels; those to one destination, so that a dead one holds up itself alone. A lead has no ticket yet,
    /// and a group of its own.
    pub fn group(&self) -> String {
        let Self { organisation, event, action, .. } = self;
        match (action, action.ticket()) {
            (Action::Notify { destination, .. }, _) => format!("{organisation}/to/{destination}"),
            (_, Some(ticket)) => format!("{organisation}/{ticket}"),
            (_, None) => format!("{organisation}/new/{event}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;
    use crate::testing;

    fn decided(action: Action) -> PlannedAction {
        let event = testing::stage_changed("Approved", "Settled");
        PlannedAction {
            id: ActionId::of(&event.id, "h", 0).unwrap(),
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: None,
            chain: Vec::new(),
            handler: "h".to_owned(),
            decided_at: event.observed_at,
            attempt: 1,
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
        let label = decided(Action::add_label(&ticket, "x")).group();
        let owner = decided(Action::set_owner(&ticket, &OwnerId::parse("o").unwrap())).group();
        assert_eq!((label.as_str(), owner), ("north/ticket-1", label.clone()));
        let team = DestinationName::parse("team").unwrap();
        assert_eq!(decided(Action::notify(&ticket, &team, "x")).group(), "north/to/team");
        assert!(decided(lead()).group().starts_with("north/new/"));
    }

    #[test]
    fn a_record_of_a_lead_says_nothing_of_the_person() {
        let text = crate::json::to_json(&lead().for_record());
        assert!(!text.contains("Jane") && text.contains("Home loans"), "{text}");
        assert!(crate::json::to_json(&lead()).contains("Jane"), "but the worker gets it");
        assert!(!format!("{:?}", lead()).contains("Jane"));
    }
}
