//! What to do: a plain value that a handler returns and the action worker performs.

use crate::clock::Moment;
use crate::id::{ActionId, EventId, OrganisationId, TicketId};
use crate::ticket::Ticket;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing to do at Salestrekker. Names of workflows, stages and labels are the ones that people see; the worker
/// looks up their ids, so that a handler needs no look-up of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
        in_doubt: InDoubt,
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
        in_doubt: InDoubt,
    },
}

/// What to do with an action that may or may not have taken effect: its mutation was sent and no answer came, or whoever
/// sent it was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InDoubt {
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
            in_doubt: InDoubt::Park,
        }
    }

    /// Send a mutation of the handler's own, once: where no answer comes, it is left for a person.
    ///
    /// ```
    /// use automations::{Action, example, serde_json::json};
    ///
    /// let ticket = example::ticket();
    /// let document = "mutation Pause($id: ID!) { ticketPause(id: $id) }"; // include_str!("pause.graphql")
    /// let action = Action::mutate(&ticket, document, json!({ "id": ticket.id }));
    /// assert_eq!(action.kind(), "mutate");
    /// ```
    pub fn mutate(ticket: &Ticket, document: &str, variables: Value) -> Self {
        let (ticket, document) = (ticket.id.clone(), document.to_owned());
        Self::Mutate { ticket, document, variables, in_doubt: InDoubt::Park }
    }

    /// The same action, done again where nobody knows whether it was: for one that does no harm twice.
    #[must_use]
    pub fn retried_in_doubt(mut self) -> Self {
        if let Self::CreateTicket { in_doubt, .. } | Self::Mutate { in_doubt, .. } = &mut self {
            *in_doubt = InDoubt::Retry;
        }
        self
    }

    /// What to do with it in doubt. A change of a ticket is read first and read back, so it is always done again.
    pub fn in_doubt(&self) -> InDoubt {
        match self {
            Self::AddLabel { .. } | Self::MoveStage { .. } => InDoubt::Retry,
            Self::CreateTicket { in_doubt, .. } | Self::Mutate { in_doubt, .. } => *in_doubt,
        }
    }

    /// The ticket whose actions are performed one at a time with this one.
    pub fn ticket(&self) -> &TicketId {
        match self {
            Self::AddLabel { ticket, .. } | Self::MoveStage { ticket, .. } | Self::Mutate { ticket, .. } => {
                ticket
            }
            Self::CreateTicket { beside, .. } => beside,
        }
    }

    /// The kind, for logs and records.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::AddLabel { .. } => "add_label",
            Self::MoveStage { .. } => "move_stage",
            Self::CreateTicket { .. } => "create_ticket",
            Self::Mutate { .. } => "mutate",
        }
    }
}

/// An action on its way to the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Deterministic: the idempotency key.
    pub id: ActionId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The event that it answers.
    pub event: EventId,
    /// The actions that led to that event, oldest first; empty where a person's change did.
    #[serde(default)]
    pub chain: Vec<ActionId>,
    /// The handler that decided it.
    pub handler: String,
    /// When.
    pub decided_at: Moment,
    /// The how-manieth delivery of the event to the handler it was: 1 for the first.
    pub attempt: u32,
    /// What to do.
    pub action: Action,
}

impl Decided {
    /// The actions that lead to whatever this one changes: those before it, and itself.
    pub fn links(&self) -> Vec<ActionId> {
        self.chain.iter().chain([&self.id]).cloned().collect()
    }

    /// The message group: one writer at a time per organisation and ticket.
    pub fn group(&self) -> String {
        format!("{}/{}", self.organisation, self.action.ticket())
    }
}
