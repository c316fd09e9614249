//! What an action of ours leaves at a ticket, so that the enricher knows the change again when it sees it.
//!
//! A trace is made twice: by the worker from what it is about to write, and by the enricher from the difference that it
//! found. Where the two are equal, and the trace is younger than the last look, the change is our own.

use crate::clock::Moment;
use crate::id::{ActionId, ContactId, LabelId, OwnerId, StageId, WorkflowId};
use crate::model::event::What;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// One change of a ticket, by its kind and what it set; never an amount or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Trace(String);

impl Trace {
    /// The ticket exists.
    pub fn created() -> Self {
        Self("created".to_owned())
    }

    /// It has this label.
    pub fn label_added(label: &LabelId) -> Self {
        Self(format!("label_added {label}"))
    }

    /// It no longer has this label.
    pub fn label_removed(label: &LabelId) -> Self {
        Self(format!("label_removed {label}"))
    }

    /// It stands in this stage.
    pub fn stage(stage: &StageId) -> Self {
        Self(format!("stage {stage}"))
    }

    /// It is in this workflow.
    pub fn workflow(workflow: &WorkflowId) -> Self {
        Self(format!("workflow {workflow}"))
    }

    /// This user owns it, or nobody.
    pub fn owner(owner: Option<&OwnerId>) -> Self {
        Self(format!("owner {}", owner.map(OwnerId::as_str).unwrap_or_default()))
    }

    /// This contact is one of its clients.
    pub fn client_added(client: &ContactId) -> Self {
        Self(format!("client_added {client}"))
    }

    /// This contact is no longer one of its clients.
    pub fn client_removed(client: &ContactId) -> Self {
        Self(format!("client_removed {client}"))
    }

    /// The trace of what happened; none for what no action of ours does.
    pub fn of(what: &What) -> Option<Self> {
        match what {
            What::TicketCreated { .. } => Some(Self::created()),
            What::StageChanged { to, .. } => Some(Self::stage(&to.stage.id)),
            What::WorkflowChanged { to, .. } => Some(Self::workflow(&to.id)),
            What::OwnerChanged { to, .. } => Some(Self::owner(to.as_ref())),
            What::LabelAdded { label, .. } => Some(Self::label_added(&label.id)),
            What::LabelRemoved { label, .. } => Some(Self::label_removed(&label.id)),
            What::ClientAdded { client, .. } => Some(Self::client_added(client)),
            What::ClientRemoved { client, .. } => Some(Self::client_removed(client)),
            What::TicketFirstSeen { .. }
            | What::ValueChanged { .. }
            | What::ActiveChanged { .. }
            | What::Renamed { .. }
            | What::StageAged { .. }
            | What::Vanished { .. }
            | What::Inbound { .. }
            | What::WebhookUnrecognised { .. } => None,
        }
    }

    /// As it stands in the table.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As [`Trace::as_str`] gave it.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

/// Who left a trace, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The actions that led to it, oldest first; the last one left it.
    pub chain: Vec<ActionId>,
    /// Just before it was sent.
    pub at: Moment,
}

/// What our actions left at one ticket, the last one of each trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ours(pub HashMap<Trace, Left>);

impl Ours {
    /// The actions that led to this change, where the last one made it after `last_look`; else none.
    pub fn chain_of(&self, what: &What, last_look: Moment) -> Option<&[ActionId]> {
        let left = self.0.get(&Trace::of(what)?)?;
        // An older one was seen by then: whoever does the same again now is somebody else.
        (left.at >= last_look).then_some(left.chain.as_slice())
    }

    /// Whether an action of ours created the ticket.
    pub fn created(&self) -> bool {
        self.0.contains_key(&Trace::created())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn left(what: &What, at: u64) -> Ours {
        let left = Left { chain: vec![ActionId::parse("a.h.0").unwrap()], at: Moment::from_millis(at) };
        Ours(HashMap::from([(Trace::of(what).unwrap(), left)]))
    }

    #[test]
    fn a_change_is_ours_where_its_trace_is_younger_than_the_last_look() {
        let what = testing::stage_changed("Approved", "Settled").what;
        let look = Moment::from_millis(5);
        assert_eq!(left(&what, 5).chain_of(&what, look).map(<[_]>::len), Some(1));
        assert_eq!(left(&what, 4).chain_of(&what, look), None, "seen before");
        let other = testing::stage_changed("Settled", "Approved").what;
        assert_eq!(left(&what, 9).chain_of(&other, look), None, "another stage");
        assert_eq!(Ours::default().chain_of(&what, look), None);
    }

    #[test]
    fn no_two_kinds_of_change_leave_the_same_trace() {
        let all: Vec<_> = testing::one_of_each().iter().filter_map(|event| Trace::of(&event.what)).collect();
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }
}
