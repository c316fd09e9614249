//! A lead: a person who may become a client, and the target of their ticket.

use crate::id::{OwnerId, StageId, WorkflowId};
use crate::model::phone::{Phone, PhoneCode};
use crate::private::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A person to contact: the fields of a person in `contactCreate`. All of it is personal data: `Debug` prints `[private]`, and
/// the record of the performed action does not contain it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are clear")]
pub struct Lead {
    pub first_name: Private<String>,
    pub family_name: Private<String>,
    pub email: Private<String>,
    /// The country of a telephone number that does not say its own.
    pub phone_code: PhoneCode,
    /// The telephone number as it was typed; see [`Phone`].
    pub phone: Private<String>,
}

impl Lead {
    /// The telephone number as it is sent.
    pub fn normal_phone(&self) -> Phone {
        Phone::read(self.phone.reveal(), &self.phone_code)
    }
}

/// The workflow, stage and owner of a lead's ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LeadTarget {
    /// By id, for a brokerage whose credential may only write: nothing is looked up.
    Ids {
        /// The workflow.
        id_workflow: WorkflowId,
        /// Its stage.
        id_stage: StageId,
        /// The owner of contact and ticket.
        id_owner: OwnerId,
    },
    /// By the names that people see.
    Names {
        /// The workflow.
        workflow: String,
        /// Its stage; absent for the first.
        stage: Option<String>,
        /// The owner of contact and ticket; absent for the workflow's owner.
        owner: Option<OwnerId>,
    },
}

impl LeadTarget {
    /// The first stage of the workflow of this name, and the workflow's owner.
    pub fn first_stage_of(workflow: &str) -> Self {
        Self::Names { workflow: workflow.to_owned(), stage: None, owner: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_names_or_ids() {
        let names: LeadTarget = serde_json::from_str(r#"{"workflow": "Home loans"}"#).unwrap();
        assert_eq!(names, LeadTarget::first_stage_of("Home loans"));
        let ids = r#"{"id_workflow": "w", "id_stage": "s", "id_owner": "o"}"#;
        assert!(matches!(serde_json::from_str(ids).unwrap(), LeadTarget::Ids { .. }));
        assert!(serde_json::from_str::<LeadTarget>(r#"{"id_workflow": "w"}"#).is_err());
    }
}
