//! The part of a ticket that is in events and snapshots: ids, names of workflows, stages and labels, the amount. It has no
//! name of a contact and no name of a ticket, which usually contains one.

use crate::digest::sha256;
use crate::id::{ContactId, FieldName, LabelId, OwnerId, StageId, TicketId, WorkflowId};
use crate::model::date::Date;
use crate::model::field_value::FieldValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A ticket as it was when it was last read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// Its id at Salestrekker.
    pub id: TicketId,
    /// The number of versions that were seen, starting at 1. Part of every event's deterministic id.
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
    /// The amount: `values.onceOff` as received. The unit is not known (salestrekker-facts.md, section 5). See [`Self::amount`].
    pub value: Option<serde_json::Number>,
    /// `isActive` as received.
    pub active: Option<bool>,
    /// The fields that the template's parameter `TicketFields` names, except private ones; null if the field is empty. A field
    /// that was never read is absent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<FieldName, Option<FieldValue>>,
}

/// A workflow, stage or label: its id, and the name that people gave it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Named<Id> {
    /// The id.
    pub id: Id,
    /// The name; absent if the API returned none, such as for a stage that was deleted while a ticket was in it.
    pub name: Option<String>,
}

impl<Id: AsRef<str>> Named<Id> {
    /// Whether this is its exact name, or its id: names are not unique at Salestrekker, so an id is accepted wherever a name is.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name) || self.id.as_ref() == name
    }
}

/// A stage with its workflow, as different workflows have stages of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkflowStage {
    /// The workflow.
    pub workflow: Named<WorkflowId>,
    /// The stage within it.
    pub stage: Named<StageId>,
}

impl Ticket {
    /// Its amount, if it has one. The unit is not known: it is as [`Self::value`] was received.
    ///
    /// ```
    /// use automations::testing::a_ticket;
    ///
    /// assert_eq!(a_ticket().worth(450_000).ticket().amount(), Some(450_000.0));
    /// assert_eq!(a_ticket().ticket().amount(), None);
    /// ```
    pub fn amount(&self) -> Option<f64> {
        self.value.as_ref().and_then(serde_json::Number::as_f64)
    }

    /// The value of the field of this name in the template's parameter `TicketFields`; none if it is empty, private or was never
    /// read.
    ///
    /// ```
    /// use automations::testing::a_ticket;
    ///
    /// let ticket = a_ticket().with_field("lender", "Bank").ticket();
    /// assert_eq!(ticket.field("lender").and_then(|value| value.text()).as_deref(), Some("Bank"));
    /// assert!(ticket.field("settlement").is_none());
    /// ```
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        self.fields.iter().find(|(own, _)| own.as_str() == name)?.1.as_ref()
    }

    /// The date in the field of this name, if it has one.
    ///
    /// ```
    /// use automations::testing::a_ticket;
    ///
    /// let ticket = a_ticket().with_field("settlement", "2026-12-01").ticket();
    /// assert_eq!(ticket.date("settlement"), "2026-12-01".parse().ok());
    /// ```
    pub fn date(&self, name: &str) -> Option<Date> {
        self.field(name)?.date()
    }

    /// The workflow and stage that it is in.
    pub fn workflow_stage(&self) -> WorkflowStage {
        WorkflowStage { workflow: self.workflow.clone(), stage: self.stage.clone() }
    }

    /// One of these choices, derived from the ticket's id: always the same one for a ticket, and each one for about as many
    /// tickets as any other. There is no counter that could be lost or counted twice.
    ///
    /// ```
    /// let ticket = automations::testing::ticket();
    /// assert_eq!(ticket.one_of(&["Ana", "Ben"]), ticket.one_of(&["Ana", "Ben"]));
    /// assert_eq!(ticket.one_of::<&str>(&[]), None);
    /// ```
    pub fn one_of<'a, T>(&self, choices: &'a [T]) -> Option<&'a T> {
        let digest = sha256(&[self.id.as_str().as_bytes()]);
        let number = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        let position = number.checked_rem(u64::try_from(choices.len()).ok()?)?;
        choices.get(usize::try_from(position).ok()?)
    }
}
