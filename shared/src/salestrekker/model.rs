//! The vendor's things, as its API shows and takes them. Nullability is the reconstructed schema's; each document says
//! where its fields are known from. Unknown fields pass, and words from a list of the vendor's are plain text: a new one
//! breaks nothing.

use super::Error;
use crate::id::{ContactId, LabelId, MembershipId, OwnerId, StageId, TicketId, WorkflowId};
use crate::private::Private;
use serde::{Deserialize, Serialize};

/// A date or time as received: whether it is seconds, milliseconds or text is not known (salestrekker-facts.md,
/// section 5), so nothing is made of it.
pub type AsReceived = serde_json::Value;

/// A ticket with everything that an update must send back: an update replaces the whole object, so whoever changes
/// one field reads the rest first (salestrekker-facts.md, section 4). Observed but for `is_active`.
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
    pub id_labels: Option<Vec<LabelId>>,
    /// Its contacts.
    pub id_clients: Option<Vec<ContactId>>,
    /// What each contact is on this ticket.
    pub ticket_client_types: Option<Vec<TicketRole>>,
    /// Its amounts.
    pub values: Option<Values>,
    /// Inferred: settable on creation.
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

/// What is less sure of a ticket; nothing that runs depends on it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketExtras {
    /// Inferred: settable on creation.
    pub description: Option<Private<String>>,
    /// Observed once, unproven; of what is not known.
    pub time_stamp: Option<AsReceived>,
    /// Observed once, unproven.
    pub assets: Option<Vec<Asset>>,
}

/// What a ticket is secured by. Observed once, unproven.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    /// Its type.
    pub asset_type: Option<NameOnly>,
    /// Where it stands.
    pub address: Option<Private<Address>>,
}

/// A thing of which only a name is known.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NameOnly {
    /// Its name.
    pub name: Option<String>,
}

/// An address. Observed once, unproven; `street_type` on assets only.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Address {
    pub suite_number: Option<String>,
    pub street_number: Option<String>,
    pub street: Option<String>,
    pub street_type: Option<String>,
    pub suburb: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub post_code: Option<String>,
    pub country: Option<String>,
}

/// A workflow with its stages. All of it was observed together in one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Its stages in board order.
    pub stages: Vec<StageName>,
    /// The user who owns it; an observed caller makes that the owner of a new ticket.
    pub id_owner: Option<OwnerId>,
    /// Whether it is a project's.
    pub is_project: Option<bool>,
    /// Free text.
    pub description: Option<String>,
    /// The users who work in it.
    pub id_team_members: Option<Vec<OwnerId>>,
    /// Its type, such as `Home Loan`; the words on the wire were not observed.
    #[serde(rename = "type")]
    pub kind: Option<NameOnly>,
}

/// A stage of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct StageName {
    /// Its id.
    pub id: StageId,
    /// Its name, free text and not unique beyond its workflow.
    pub name: String,
}

/// A workflow as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowName {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Whether it is a project's; a search shows it, the list of all does not.
    pub is_project: Option<bool>,
}

/// A label of tickets or of contacts: one list holds both.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// Its id.
    pub id: LabelId,
    /// Its name.
    pub name: String,
}

/// An organisation that the token's user may enter. Observed in one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Membership {
    /// What switching takes. Whether it is the organisation's own id is not known.
    pub id: MembershipId,
    /// The organisation; its name is all that was observed.
    pub organization: NameOnly,
}

/// What `ticketCreate` takes. Observed in one source, with exactly these fields.
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
    /// Its amount; an observed caller that has none sends zero.
    pub once_off: serde_json::Number,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Private<String>>,
}

/// What the update of a ticket takes: the whole ticket. Inferred, strongly.
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
    once_off: serde_json::Number,
}

impl TryFrom<FullTicket> for TicketUpdate {
    type Error = Error;

    /// The update that changes nothing; where the API showed nothing for a field that it wants back, guessing a value
    /// would overwrite what is there, so that is an error.
    fn try_from(ticket: FullTicket) -> Result<Self, Error> {
        Ok(Self {
            id: ticket.id,
            id_owner: required_field(ticket.id_owner, "idOwner")?,
            id_workflow: required_field(ticket.id_workflow, "idWorkflow")?,
            id_stage: required_field(ticket.id_stage, "idStage")?,
            id_labels: ticket.id_labels.unwrap_or_default(),
            id_clients: ticket.id_clients.unwrap_or_default(),
            ticket_client_types: ticket.ticket_client_types.unwrap_or_default(),
            name: required_field(ticket.name, "name")?,
            once_off: required_field(ticket.values.and_then(|values| values.once_off), "values.onceOff")?,
        })
    }
}

/// A field of a ticket that must not be null where it is needed.
pub(super) fn required_field<T>(field: Option<T>, at: &str) -> Result<T, Error> {
    field.ok_or_else(|| Error::InvalidResponse { at: format!("ticket.{at}") })
}
