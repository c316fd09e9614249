//! The part of a ticket that an action changes.

use crate::id::{OwnerId, StageId, WorkflowId};
use crate::json;
use crate::model::amount;
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// One part of a ticket, as it was at some time: as a decision saw it, or as it is when the action is performed. Ids and an
/// amount only, as it is in queues and in records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum TicketPart {
    /// The stage that it is in. Each workflow has stages of its own.
    Stage {
        /// The workflow; absent if Salestrekker returns none.
        workflow: Option<WorkflowId>,
        /// The stage; absent if Salestrekker returns none.
        stage: Option<StageId>,
    },
    /// The user who owns it.
    Owner {
        /// The user; absent if the ticket has no owner.
        owner: Option<OwnerId>,
    },
    /// Its amount.
    Value {
        /// The amount; absent if the ticket has none.
        value: Option<Number>,
    },
    /// The label that the action names.
    Label {
        /// Whether the ticket has it.
        present: bool,
    },
}

impl TicketPart {
    /// The stage that a ticket is in.
    pub fn stage_of(ticket: &Ticket) -> Self {
        Self::Stage { workflow: Some(ticket.workflow.id.clone()), stage: Some(ticket.stage.id.clone()) }
    }

    /// The owner of a ticket.
    pub fn owner_of(ticket: &Ticket) -> Self {
        Self::Owner { owner: ticket.owner.clone() }
    }

    /// The amount of a ticket: the same part however the number is written.
    pub fn value(value: Option<&Number>) -> Self {
        Self::Value { value: value.map(amount::in_one_form) }
    }

    /// As JSON for a log line: without an amount.
    pub fn for_log(&self) -> String {
        match self {
            Self::Value { .. } => r#"{"part":"value"}"#.to_owned(),
            Self::Stage { .. } | Self::Owner { .. } | Self::Label { .. } => json::to_json(self),
        }
    }

    /// Whether a ticket has the label of this name; none if that is not known, as the names of some of its labels are not.
    pub fn label_of(ticket: &Ticket, label: &str) -> Option<Self> {
        let present = ticket.labels.iter().any(|known| known.is_named(label));
        let is_known = present || ticket.labels.iter().all(|known| known.name.is_some());
        is_known.then_some(Self::Label { present })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_label_without_a_name_may_be_the_one_that_is_asked_for() {
        let mut ticket = testing::ticket();
        let seen = |ticket: &Ticket, label: &str| TicketPart::label_of(ticket, label);
        assert_eq!(seen(&ticket, "Refinance"), Some(TicketPart::Label { present: true }));
        assert_eq!(seen(&ticket, "Client"), Some(TicketPart::Label { present: false }));
        ticket.labels[0].name = None;
        assert_eq!(seen(&ticket, "Refinance"), None);
        ticket.labels.clear();
        assert_eq!(seen(&ticket, "Refinance"), Some(TicketPart::Label { present: false }));
    }

    #[test]
    fn an_amount_is_the_same_part_however_it_is_written_and_is_in_no_log() {
        let part = |text: &str| TicketPart::value(Some(&text.parse().unwrap()));
        assert_eq!(part("450000"), part("450000.0"));
        assert_ne!(part("450000"), part("450000.5"));
        assert_ne!(part("450000"), TicketPart::value(None));
        assert_eq!(part("450000").for_log(), r#"{"part":"value"}"#);
        assert_eq!(TicketPart::Label { present: true }.for_log(), r#"{"part":"label","present":true}"#);
    }
}
