//! The vendor's things, as its API shows and takes them.

use super::Error;
use crate::id::{ContactId, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use crate::private::Private;
use serde::{Deserialize, Serialize};

/// A ticket with everything that an update must send back: an update replaces the whole object, so whoever changes
/// one field reads the rest first (salestrekker-facts.md, section 4). Nullability as in the reconstructed schema.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullTicket {
    /// Its id.
    pub id: TicketId,
    /// Its name, which usually holds a client's.
    pub name: Option<Private<String>>,
    /// The user who owns it.
    pub id_owner: Option<OwnerId>,
    /// The workflow it is in.
    pub id_workflow: Option<WorkflowId>,
    /// The stage it is in.
    pub id_stage: Option<StageId>,
    /// Its labels.
    #[serde(default)]
    pub id_labels: Option<Vec<LabelId>>,
    /// Its contacts.
    #[serde(default)]
    pub id_clients: Option<Vec<ContactId>>,
    /// What each contact is on this ticket.
    #[serde(default)]
    pub ticket_client_types: Option<Vec<TicketRole>>,
    /// Its amounts.
    #[serde(default)]
    pub values: Option<Values>,
    /// Inferred: settable on creation.
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// What a contact is on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRole {
    /// The contact.
    pub id_contact: Option<ContactId>,
    /// The label that names the role.
    pub id_label: Option<LabelId>,
}

/// A ticket's amounts; the unit is not known, so they stay as received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// The only amount ever observed.
    pub once_off: Option<serde_json::Number>,
}

/// A workflow with its stages in board order.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Its stages, first to last.
    pub stages: Vec<Stage>,
}

/// A stage of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stage {
    /// Its id.
    pub id: StageId,
    /// Its name, free text and not unique beyond its workflow.
    pub name: String,
}

/// What `ticketCreate` takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTicket {
    /// The user who will own it.
    pub id_owner: OwnerId,
    /// The workflow.
    pub id_workflow: WorkflowId,
    /// The stage.
    pub id_stage: StageId,
    /// Its contacts.
    pub id_clients: Vec<ContactId>,
    /// Observed callers send `true`.
    pub is_active: bool,
    /// Its name.
    pub name: Private<String>,
    /// What each contact is on it.
    pub ticket_client_types: Vec<TicketRole>,
    /// Its amounts; an observed caller that has none sends zero.
    pub values: Values,
}

/// What `ticketUpdate` takes: the whole ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TicketUpdate {
    id: TicketId,
    id_owner: OwnerId,
    id_workflow: WorkflowId,
    id_stage: StageId,
    id_labels: Vec<LabelId>,
    id_clients: Vec<ContactId>,
    ticket_client_types: Vec<TicketRole>,
    name: Private<String>,
    values: Values,
}

impl TryFrom<FullTicket> for TicketUpdate {
    type Error = Error;

    /// The update that changes nothing; where the API showed nothing for a field that it wants back, guessing a value
    /// would overwrite what is there, so that is an error.
    fn try_from(ticket: FullTicket) -> Result<Self, Error> {
        let values = ticket.values.filter(|values| values.once_off.is_some());
        Ok(Self {
            id: ticket.id,
            id_owner: shown(ticket.id_owner, "idOwner")?,
            id_workflow: shown(ticket.id_workflow, "idWorkflow")?,
            id_stage: shown(ticket.id_stage, "idStage")?,
            id_labels: ticket.id_labels.unwrap_or_default(),
            id_clients: ticket.id_clients.unwrap_or_default(),
            ticket_client_types: ticket.ticket_client_types.unwrap_or_default(),
            name: shown(ticket.name, "name")?,
            values: shown(values, "values.onceOff")?,
        })
    }
}

/// A field of a ticket that must not be null where it is needed.
pub(super) fn shown<T>(field: Option<T>, at: &str) -> Result<T, Error> {
    field.ok_or_else(|| Error::Malformed { at: format!("ticket.{at}") })
}
