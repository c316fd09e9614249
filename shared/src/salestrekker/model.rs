//! Salestrekker's data, as its API returns and accepts it. Nullability is that of the reconstructed schema;
//! each document says how well its fields are known. Unknown fields are ignored, and the vendor's
//! enumerations are plain text, so that a new value breaks nothing.

use super::Error;
use crate::id::{ContactId, LabelId, MembershipId, OwnerId, StageId, TicketId, WorkflowId};
use crate::private::Private;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A date or time as received: whether it is seconds, milliseconds or text is not known
/// (salestrekker-facts.md, section 5), so it is not interpreted.
pub type AsReceived = Value;

/// A ticket with everything that its document reads. An update may replace the whole object: that is not known
/// (salestrekker-second-reading.md, section 2). So what changes one field reads the rest first, and sends all of it back.
/// Observed, except `is_active`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FullTicket {
    /// Its id.
    pub id: TicketId,
    /// Its name, which usually holds a client's name.
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
    /// The role of each contact on this ticket.
    pub ticket_client_types: Option<Vec<TicketRole>>,
    /// Its amounts.
    pub values: Option<Values>,
    /// Inferred: settable on creation.
    pub is_active: Option<bool>,
    /// What else the document reads: nothing, until `automations schema adopt` adds to it.
    #[serde(flatten)]
    pub rest: Private<Map<String, Value>>,
}

/// A contact's role on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketRole {
    /// The contact.
    pub id_contact: Option<ContactId>,
    /// The label that names the role.
    pub id_label: Option<LabelId>,
    /// What else the document reads.
    #[serde(flatten)]
    pub rest: Private<Map<String, Value>>,
}

/// A ticket's amounts; the unit is not known, so they stay as received.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Values {
    /// The only amount ever observed.
    pub once_off: Option<serde_json::Number>,
    /// What else the document reads.
    #[serde(flatten)]
    pub rest: Private<Map<String, Value>>,
}

/// Fields of a ticket that are less certain; no automation depends on them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketExtras {
    /// Inferred: settable on creation.
    pub description: Option<Private<String>>,
    /// Observed once, unproven; its meaning is not known.
    pub time_stamp: Option<AsReceived>,
    /// Observed once, unproven.
    pub assets: Option<Vec<Asset>>,
}

/// The asset that secures a ticket's loan. Observed once, unproven.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    /// Its type.
    pub asset_type: Option<NameOnly>,
    /// Its address.
    pub address: Option<Private<Address>>,
}

/// A thing whose only known field is its name.
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

/// A workflow with its stages. All its fields were observed together in one source.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Its stages in board order.
    pub stages: Vec<StageName>,
    /// The user who owns it; an observed caller makes this user the owner of a new ticket.
    pub id_owner: Option<OwnerId>,
    /// Whether it belongs to a project.
    pub is_project: Option<bool>,
    /// Free text.
    pub description: Option<String>,
    /// The users who work in it.
    pub id_team_members: Option<Vec<OwnerId>>,
    /// Its type, such as `Home Loan`; the API's values have not been observed.
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

/// A workflow in a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowName {
    /// Its id.
    pub id: WorkflowId,
    /// Its name.
    pub name: String,
    /// Whether it belongs to a project; a search returns it, the list of all workflows does not.
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
    /// The id that `authenticateInDifferentOrganization` takes. Whether it is the organisation's own id is
    /// not known.
    pub id: MembershipId,
    /// The organisation; its name is all that was observed.
    pub organization: NameOnly,
}

/// The input of `ticketCreate`. Observed in one source, with exactly these fields.
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
    /// The role of each contact on it.
    pub ticket_client_types: Vec<TicketRole>,
    /// Its amount; an observed caller that has none sends zero.
    pub once_off: serde_json::Number,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Private<String>>,
}

/// A field of a ticket that must not be null here.
pub(super) fn required_field<T>(field: Option<T>, at: &str) -> Result<T, Error> {
    field.ok_or_else(|| Error::InvalidResponse { at: format!("ticket.{at}") })
}
