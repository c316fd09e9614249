//! Somebody who may become a client, and where their ticket goes.

use crate::id::{OwnerId, StageId, WorkflowId};
use crate::private::Private;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody who asked to be called: what `contactCreate` takes of a person. All of it is personal data: it prints as
/// `[private]`, and it is left out of the record of what was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct Lead {
    pub first_name: Private<String>,
    pub family_name: Private<String>,
    pub email: Private<String>,
    /// The telephone number's country, as in `+61`.
    pub phone_code: Private<String>,
    pub phone: Private<String>,
}

/// Where a lead's ticket goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum LeadTarget {
    /// By id, for a brokerage whose credential may write and not read: nothing is looked up.
    Ids {
        /// The workflow.
        id_workflow: WorkflowId,
        /// Its stage.
        id_stage: StageId,
        /// Who will own contact and ticket.
        id_owner: OwnerId,
    },
    /// By the names that people see.
    Names {
        /// The workflow.
        workflow: String,
        /// Its stage; the first where absent.
        stage: Option<String>,
        /// Who will own contact and ticket; the workflow's owner where absent.
        owner: Option<OwnerId>,
    },
}

impl LeadTarget {
    /// The first stage of the workflow of this name, for its owner.
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
