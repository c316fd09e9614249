//! The part of a ticket that events carry and snapshots keep: ids, names of workflows, stages and labels, amounts. No
//! contact's name and no ticket's name, which usually holds one.

use crate::id::{ContactId, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A ticket as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowStage {
    /// The workflow.
    pub workflow: Named<WorkflowId>,
    /// The stage within it.
    pub stage: Named<StageId>,
}

impl Ticket {
    /// Where it stands.
    pub fn place(&self) -> WorkflowStage {
        WorkflowStage { workflow: self.workflow.clone(), stage: self.stage.clone() }
    }

    /// The one of these that falls to this ticket: the same whenever it is asked, as it is made of the ticket's id, and each
    /// of them for about as many tickets as any other. Nothing is counted, so nothing can be lost or counted twice.
    ///
    /// ```
    /// let ticket = automations::testing::ticket();
    /// assert_eq!(ticket.one_of(&["Ana", "Ben"]), ticket.one_of(&["Ana", "Ben"]));
    /// assert_eq!(ticket.one_of::<&str>(&[]), None);
    /// ```
    pub fn one_of<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        let digest = Sha256::digest(self.id.as_str());
        let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let place = number.checked_rem(u64::try_from(choices.len()).ok()?)?;
        choices.get(usize::try_from(place).ok()?)
    }
}
