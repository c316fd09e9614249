//! The part of a ticket that events carry and snapshots keep: ids, names of workflows, stages and labels, amounts. No
//! contact's name and no ticket's name, which usually holds one.

use crate::id::{ContactId, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use serde::{Deserialize, Serialize};

/// A ticket as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its id at Salestrekker.
    pub id: TicketId,
    /// How often we have seen it change: 1 the first time. Part of every event's deterministic id.
    pub version: u64,
    /// The workflow it is in.
    pub workflow: Named<WorkflowId>,
    /// The stage of that workflow.
    pub stage: Named<StageId>,
    /// The user who owns it.
    pub owner: Option<OwnerId>,
    /// Its labels, sorted by id.
    pub labels: Vec<Named<LabelId>>,
    /// Its contacts by id, sorted.
    pub clients: Vec<ContactId>,
    /// `values.onceOff` as received: the unit is not known (salestrekker-facts.md, section 5).
    pub value: Option<serde_json::Number>,
    /// `isActive` as received.
    pub active: Option<bool>,
}

/// Something of Salestrekker's with an id that is its own and a name that people give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Named<Id> {
    /// The id.
    pub id: Id,
    /// The name; absent where the API did not know the id's name (a stage deleted while a ticket was in it).
    pub name: Option<String>,
}

impl<Id> Named<Id> {
    /// Whether it is called exactly this.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

/// Where a ticket stands: a stage means something only within its workflow, as names of stages repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The workflow.
    pub workflow: Named<WorkflowId>,
    /// The stage within it.
    pub stage: Named<StageId>,
}

impl Ticket {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { workflow: self.workflow.clone(), stage: self.stage.clone() }
    }
}
