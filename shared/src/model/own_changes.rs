//! Marks of our own changes, by which the enricher recognises a change that an action of ours made.
//!
//! A mark is made twice: by the worker from what it is about to write, and by the enricher from the difference that it
//! finds. If the two are equal, and the mark is younger than the last check, the change is our own.

use crate::clock::Timestamp;
use crate::digest::short_sha256;
use crate::id::{ActionId, ContactId, LabelId, OwnerId, StageId, WorkflowId};
use crate::model::amount;
use crate::model::event::EventKind;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::HashMap;

/// One change of a ticket, by its kind and the id that it set; never an amount or a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeMark(String);

impl ChangeMark {
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

    /// It is in this stage.
    pub fn stage(stage: &StageId) -> Self {
        Self(format!("stage {stage}"))
    }

    /// It is in this workflow.
    pub fn workflow(workflow: &WorkflowId) -> Self {
        Self(format!("workflow {workflow}"))
    }

    /// This user owns it; none if it has no owner.
    pub fn owner(owner: Option<&OwnerId>) -> Self {
        Self(format!("owner {}", owner.map(OwnerId::as_str).unwrap_or_default()))
    }

    /// It has this amount. The mark has two digits of a digest: marks are kept, so that their number must be bounded. A person
    /// who sets another amount at the same time is taken for ours once in 256 times.
    pub fn value(value: Option<&Number>) -> Self {
        let text = value.map(|value| amount::in_one_form(value).to_string()).unwrap_or_default();
        let digits: String = short_sha256(&[text.as_bytes()]).chars().take(2).collect();
        Self(format!("value {digits}"))
    }

    /// This contact is one of its clients.
    pub fn client_added(client: &ContactId) -> Self {
        Self(format!("client_added {client}"))
    }

    /// This contact is no longer one of its clients.
    pub fn client_removed(client: &ContactId) -> Self {
        Self(format!("client_removed {client}"))
    }

    /// The change mark of an event; none if no action of ours causes events of this kind.
    pub fn of(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::TicketCreated { .. } => Some(Self::created()),
            EventKind::StageChanged { to, .. } => Some(Self::stage(&to.stage.id)),
            EventKind::StageResumed { ticket, .. } => Some(Self::stage(&ticket.stage.id)),
            EventKind::WorkflowChanged { to, .. } => Some(Self::workflow(&to.id)),
            EventKind::OwnerChanged { to, .. } => Some(Self::owner(to.as_ref())),
            EventKind::LabelAdded { label, .. } => Some(Self::label_added(&label.id)),
            EventKind::LabelRemoved { label, .. } => Some(Self::label_removed(&label.id)),
            EventKind::ClientAdded { client, .. } => Some(Self::client_added(client)),
            EventKind::ClientRemoved { client, .. } => Some(Self::client_removed(client)),
            EventKind::ValueChanged { to, .. } => Some(Self::value(to.as_ref())),
            EventKind::TicketFirstSeen { .. }
            | EventKind::ActiveChanged { .. }
            | EventKind::Renamed { .. }
            | EventKind::FieldChanged { .. }
            | EventKind::StageAged { .. }
            | EventKind::ReminderDue { .. }
            | EventKind::Vanished { .. }
            | EventKind::Inbound { .. }
            | EventKind::Clock { .. }
            | EventKind::WebhookUnrecognised { .. } => None,
        }
    }

    /// As it is stored in the table.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From the table, as [`ChangeMark::as_str`] returned it.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

/// The part of a ticket that a mark is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkedPart<'a> {
    /// The label with this id.
    Label(&'a str),
    /// Its stage and workflow.
    Stage,
    /// Its owner.
    Owner,
    /// Its amount.
    Value,
    /// Something else.
    Other,
}

impl ChangeMark {
    /// The part of the ticket that changed.
    pub fn part(&self) -> MarkedPart<'_> {
        match self.0.split_once(' ') {
            Some(("label_added" | "label_removed", label)) => MarkedPart::Label(label),
            Some(("stage" | "workflow", _)) => MarkedPart::Stage,
            Some(("owner", _)) => MarkedPart::Owner,
            Some(("value", _)) => MarkedPart::Value,
            Some((_, _)) | None => MarkedPart::Other,
        }
    }
}

/// Which actions made a change, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The actions that led to the change, oldest first; the last one made it.
    pub chain: Vec<ActionId>,
    /// Just before the change was sent.
    pub at: Timestamp,
}

/// What our actions changed at one ticket: the last action for each mark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnChanges(pub HashMap<ChangeMark, Attribution>);

impl OwnChanges {
    /// The actions that led to this change, if the last one made it after `last_checked`; else none.
    pub fn chain_of(&self, kind: &EventKind, last_checked: Timestamp) -> Option<&[ActionId]> {
        let attribution = self.0.get(&ChangeMark::of(kind)?)?;
        // An older change was found by that check: the same change now is a person's.
        (attribution.at >= last_checked).then_some(attribution.chain.as_slice())
    }

    /// Whether an action of ours created the ticket.
    pub fn created(&self) -> bool {
        self.0.contains_key(&ChangeMark::created())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn changed(kind: &EventKind, at: u64) -> OwnChanges {
        let attribution =
            Attribution { chain: vec![ActionId::parse("a.h.0").unwrap()], at: Timestamp::from_millis(at) };
        OwnChanges(HashMap::from([(ChangeMark::of(kind).unwrap(), attribution)]))
    }

    #[test]
    fn a_change_is_ours_where_its_trace_is_younger_than_the_last_look() {
        let kind = testing::stage_changed("Approved", "Settled").kind;
        let checked = Timestamp::from_millis(5);
        assert_eq!(changed(&kind, 5).chain_of(&kind, checked).map(<[_]>::len), Some(1));
        assert_eq!(changed(&kind, 4).chain_of(&kind, checked), None, "seen before");
        let other = testing::stage_changed("Settled", "Approved").kind;
        assert_eq!(changed(&kind, 9).chain_of(&other, checked), None, "another stage");
        assert_eq!(OwnChanges::default().chain_of(&kind, checked), None);
    }

    #[test]
    fn a_mark_says_of_which_part_it_is() {
        let label = LabelId::parse("l-1").unwrap();
        for mark in [ChangeMark::label_added(&label), ChangeMark::label_removed(&label)] {
            assert_eq!(mark.part(), MarkedPart::Label(label.as_ref()));
        }
        assert_eq!(ChangeMark::stage(&StageId::parse("s").unwrap()).part(), MarkedPart::Stage);
        assert_eq!(ChangeMark::workflow(&WorkflowId::parse("w").unwrap()).part(), MarkedPart::Stage);
        assert_eq!(ChangeMark::owner(None).part(), MarkedPart::Owner);
        assert_eq!(ChangeMark::value(None).part(), MarkedPart::Value);
        let client = ContactId::parse("c").unwrap();
        for mark in
            [ChangeMark::created(), ChangeMark::client_added(&client), ChangeMark::client_removed(&client)]
        {
            assert_eq!(mark.part(), MarkedPart::Other);
        }
    }

    #[test]
    fn no_two_kinds_of_change_leave_the_same_trace() {
        // A ticket that resumes moves, by the same action.
        let resumed = testing::a_ticket().resumes_in("Settled", 3);
        let moved = testing::stage_changed("Approved", "Settled");
        let mark = |event: &crate::Event| match ChangeMark::of(&event.kind) {
            Some(mark) if event.resumed().is_none() => Some(mark),
            Some(_) | None => None,
        };
        let all: Vec<_> = testing::one_of_each().iter().filter_map(mark).collect();
        assert!(ChangeMark::of(&resumed.kind).is_some() && mark(&moved).is_some());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len(), "{all:?}");
    }

    #[test]
    fn the_mark_of_an_amount_does_not_say_it_and_is_the_same_however_it_is_written() {
        let mark = |text: &str| ChangeMark::value(Some(&text.parse().unwrap()));
        assert_eq!(mark("450000"), mark("450000.0"));
        assert_ne!(mark("450000"), mark("460000"));
        assert_ne!(mark("450000"), ChangeMark::value(None));
        assert_eq!(mark("450000").as_str().len(), "value 00".len());
    }
}
