//! One change of a ticket: what it changes, and the part of the ticket that its decision saw.

use crate::error::ActionError;
use crate::tickets::Tickets;
use automations::id::{LabelId, OwnerId, StageId, TicketId, WorkflowId};
use automations::model::action::{Action, PlannedAction};
use automations::model::amount::is_same;
use automations::model::own_changes::ChangeMark;
use automations::model::ticket_part::TicketPart;
use automations::salestrekker::{Error, FullTicket, Session};
use automations::serde_json::Number;

/// An action that changes a ticket, with ids for names.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    pub(crate) planned: &'a PlannedAction,
    pub(crate) change: Change,
    /// The part as the decision saw it, or as an earlier action of ours made it since.
    pub(crate) seen: Option<TicketPart>,
}

/// What it changes.
#[derive(Debug)]
pub(crate) enum Change {
    AddLabel(LabelId),
    /// The labels of a new ticket.
    AddLabels(Vec<LabelId>),
    RemoveLabel(LabelId),
    Owner(OwnerId),
    /// The stage of this name in the ticket's workflow.
    Stage(String),
    Workflow(WorkflowId, StageId),
    Value(Number),
}

/// A part of a ticket, for the comparison of two changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Labels(Vec<LabelId>),
    Owner,
    Stage,
    Value,
}

/// What an edit does to a ticket.
#[derive(Debug)]
pub(crate) enum Judged {
    /// The ticket is as wanted.
    AsWanted,
    /// The ticket with the edit.
    Changed(Box<FullTicket>),
    /// The part was changed since the decision.
    Superseded { expected: TicketPart, found: TicketPart },
    /// An earlier edit of the same run changes the same part.
    OfItsOwnRun,
}

/// The ticket that an action changes by reading, writing and reading it back; none if it does something else.
pub(crate) fn edited_ticket(action: &Action) -> Option<&TicketId> {
    match action {
        Action::AddLabel { ticket, .. }
        | Action::RemoveLabel { ticket, .. }
        | Action::SetOwner { ticket, .. }
        | Action::MoveStage { ticket, .. }
        | Action::MoveWorkflow { ticket, .. }
        | Action::SetValue { ticket, .. } => Some(ticket),
        Action::CreateTicket { .. }
        | Action::CreateLead { .. }
        | Action::Notify { .. }
        | Action::NotifyJson { .. }
        | Action::Remind { .. }
        | Action::Forget { .. }
        | Action::Defer { .. }
        | Action::Mutate { .. } => None,
    }
}

impl<'a> Edit<'a> {
    /// The edit of an action, and its ticket; none if it is not one.
    pub(crate) async fn of(
        planned: &'a PlannedAction,
        session: Session<'_>,
    ) -> Result<Option<(TicketId, Self)>, Error> {
        let (ticket, change, seen) = match &planned.action {
            Action::AddLabel { ticket, label, seen } => {
                (ticket, Change::AddLabel(session.label_named(label).await?), seen)
            }
            Action::RemoveLabel { ticket, label, seen } => {
                (ticket, Change::RemoveLabel(session.label_named(label).await?), seen)
            }
            Action::SetOwner { ticket, owner, seen } => (ticket, Change::Owner(owner.clone()), seen),
            Action::MoveStage { ticket, stage, seen } => (ticket, Change::Stage(stage.clone()), seen),
            Action::MoveWorkflow { ticket, workflow, stage, seen } => {
                let workflow = session.workflow_named(workflow).await?.id.clone();
                let stage = session.stage_named(&workflow, stage).await?.id;
                (ticket, Change::Workflow(workflow, stage), seen)
            }
            Action::SetValue { ticket, value, seen } => (ticket, Change::Value(value.clone()), seen),
            Action::CreateTicket { .. }
            | Action::CreateLead { .. }
            | Action::Notify { .. }
            | Action::NotifyJson { .. }
            | Action::Remind { .. }
            | Action::Forget { .. }
            | Action::Defer { .. }
            | Action::Mutate { .. } => return Ok(None),
        };
        Ok(Some((ticket.clone(), Self { planned, change, seen: seen.clone() })))
    }

    /// The part of the ticket that it changes.
    pub(crate) fn target(&self) -> Target {
        match &self.change {
            Change::AddLabel(label) | Change::RemoveLabel(label) => Target::Labels(vec![label.clone()]),
            Change::AddLabels(labels) => Target::Labels(labels.clone()),
            Change::Owner(_) => Target::Owner,
            Change::Stage(_) | Change::Workflow(..) => Target::Stage,
            Change::Value(_) => Target::Value,
        }
    }

    /// What it does to this ticket. A ticket whose part is not as wanted, and not as the decision saw it either, was changed since,
    /// and that is not undone; unless an earlier action of ours did it, which this one is to follow.
    pub(crate) async fn judge(
        &mut self,
        at: &impl Tickets,
        ticket: &FullTicket,
        touched: &[Target],
    ) -> Result<Judged, ActionError> {
        let mut after = ticket.clone();
        if !self.apply(at, &mut after).await? {
            return Ok(Judged::AsWanted);
        }
        if touched.contains(&self.target()) {
            return Ok(Judged::OfItsOwnRun);
        }
        let (mark, found) = self.part(ticket);
        if let Some(expected) = self.seen.clone().filter(|seen| *seen != found) {
            let is_ours = match mark {
                Some(mark) => at.is_of_earlier_action(self.planned, &mark).await?,
                None => false,
            };
            if !is_ours {
                return Ok(Judged::Superseded { expected, found });
            }
            self.seen = Some(found);
        }
        Ok(Judged::Changed(Box::new(after)))
    }

    /// Whether the ticket is as wanted.
    pub(crate) async fn is_shown_by(&self, at: &impl Tickets, ticket: &FullTicket) -> bool {
        self.apply(at, &mut ticket.clone()).await.is_ok_and(|is_change| !is_change)
    }

    /// Makes the ticket as wanted; returns whether it was not.
    async fn apply(&self, at: &impl Tickets, ticket: &mut FullTicket) -> Result<bool, Error> {
        Ok(match &self.change {
            Change::AddLabel(label) => put_labels(ticket, std::slice::from_ref(label)),
            Change::AddLabels(labels) => put_labels(ticket, labels),
            Change::RemoveLabel(label) => {
                let is_there = has(ticket, label);
                ticket.id_labels.get_or_insert_default().retain(|other| other != label);
                is_there
            }
            Change::Owner(owner) => ticket.id_owner.replace(owner.clone()).as_ref() != Some(owner),
            Change::Stage(_) if is_in_another_workflow(ticket, self.seen.as_ref()) => {
                // It is not where it was, and that workflow need not have such a stage.
                true
            }
            Change::Stage(stage) => {
                let missing = || Error::InvalidResponse { at: "ticket.idWorkflow".to_owned() };
                let workflow = ticket.id_workflow.as_ref().ok_or_else(missing)?;
                let stage = at.stage(workflow, stage).await?;
                ticket.id_stage.replace(stage.clone()) != Some(stage)
            }
            Change::Workflow(workflow, stage) => put_into(ticket, workflow, stage),
            Change::Value(value) => put_value(ticket, value),
        })
    }

    /// The part as it is, and the mark that an action of ours would have left by making it so.
    fn part(&self, ticket: &FullTicket) -> (Option<ChangeMark>, TicketPart) {
        let stage =
            || TicketPart::Stage { workflow: ticket.id_workflow.clone(), stage: ticket.id_stage.clone() };
        match &self.change {
            Change::AddLabel(label) | Change::RemoveLabel(label) => {
                let present = has(ticket, label);
                let mark =
                    if present { ChangeMark::label_added(label) } else { ChangeMark::label_removed(label) };
                (Some(mark), TicketPart::Label { present })
            }
            Change::AddLabels(_) => (None, TicketPart::Label { present: false }),
            Change::Owner(_) => {
                let owner = ticket.id_owner.clone();
                (Some(ChangeMark::owner(owner.as_ref())), TicketPart::Owner { owner })
            }
            Change::Stage(_) => {
                let is_elsewhere = is_in_another_workflow(ticket, self.seen.as_ref());
                let own = ticket.id_stage.as_ref().filter(|_| !is_elsewhere);
                (own.map(ChangeMark::stage), stage())
            }
            Change::Workflow(..) => (ticket.id_stage.as_ref().map(ChangeMark::stage), stage()),
            Change::Value(_) => {
                let value = value_of(ticket);
                (Some(ChangeMark::value(value)), TicketPart::value(value))
            }
        }
    }
}

fn has(ticket: &FullTicket, label: &LabelId) -> bool {
    ticket.id_labels.as_ref().is_some_and(|labels| labels.contains(label))
}

/// Adds the labels that a ticket does not have; returns whether there were any.
fn put_labels(ticket: &mut FullTicket, labels: &[LabelId]) -> bool {
    let own = ticket.id_labels.get_or_insert_default();
    let before = own.len();
    for label in labels {
        if !own.contains(label) {
            own.push(label.clone());
        }
    }
    own.len() > before
}

/// Puts a ticket into a stage of a workflow; returns whether it was elsewhere.
fn put_into(ticket: &mut FullTicket, workflow: &WorkflowId, stage: &StageId) -> bool {
    let before = (ticket.id_workflow.replace(workflow.clone()), ticket.id_stage.replace(stage.clone()));
    before != (Some(workflow.clone()), Some(stage.clone()))
}

fn is_in_another_workflow(ticket: &FullTicket, seen: Option<&TicketPart>) -> bool {
    matches!(seen, Some(TicketPart::Stage { workflow, .. }) if *workflow != ticket.id_workflow)
}

fn value_of(ticket: &FullTicket) -> Option<&Number> {
    ticket.values.as_ref()?.once_off.as_ref()
}

/// Gives a ticket this amount; returns whether it had another one.
fn put_value(ticket: &mut FullTicket, value: &Number) -> bool {
    if is_same(value_of(ticket), Some(value)) {
        return false;
    }
    ticket.values.get_or_insert_default().once_off = Some(value.clone());
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(fields: &str) -> FullTicket {
        automations::json::from_json(format!(r#"{{"id": "t-1"{fields}}}"#).as_bytes()).unwrap()
    }

    fn within(workflow: &str, stage: &str) -> FullTicket {
        ticket(&format!(r#", "idWorkflow": "{workflow}", "idStage": "{stage}""#))
    }

    #[test]
    fn an_amount_is_changed_only_if_it_is_another_one() {
        let wanted: Number = 450_000.into();
        for (fields, is_change) in [
            (r#", "values": {"onceOff": 450000}"#, false),
            (r#", "values": {"onceOff": 450000.0}"#, false),
            (r#", "values": {"onceOff": 450000.5}"#, true),
            (r#", "values": {"onceOff": null}"#, true),
            ("", true),
        ] {
            let mut ticket = ticket(fields);
            assert_eq!(put_value(&mut ticket, &wanted), is_change, "{fields}");
            assert!(is_same(value_of(&ticket), Some(&wanted)), "{fields}");
        }
    }

    #[test]
    fn a_label_is_added_once_and_the_others_stay() {
        let [a, b] = ["l-a", "l-b"].map(|id| LabelId::parse(id).unwrap());
        let mut ticket = ticket(r#", "idLabels": ["l-a"]"#);
        assert!(put_labels(&mut ticket, &[a.clone(), b.clone(), b.clone()]));
        assert_eq!(ticket.id_labels, Some(vec![a.clone(), b.clone()]));
        assert!(!put_labels(&mut ticket, &[a, b]));
    }

    #[test]
    fn a_ticket_in_another_workflow_is_not_where_it_was() {
        let seen = TicketPart::Stage { workflow: Some(WorkflowId::parse("w").unwrap()), stage: None };
        assert!(is_in_another_workflow(&within("w-2", "old"), Some(&seen)));
        assert!(!is_in_another_workflow(&within("w", "other"), Some(&seen)));
        assert!(!is_in_another_workflow(&within("w-2", "old"), None));
    }

    #[test]
    fn a_ticket_is_in_another_workflow_with_its_stage_and_both_must_be_as_wanted() {
        let [w, w2] = ["w", "w-2"].map(|id| WorkflowId::parse(id).unwrap());
        let [old, new] = ["old", "new"].map(|id| StageId::parse(id).unwrap());
        for (workflow, stage, is_change) in
            [(&w, &old, false), (&w2, &new, true), (&w, &new, true), (&w2, &old, true)]
        {
            let mut moved = within("w", "old");
            assert_eq!(put_into(&mut moved, workflow, stage), is_change, "{workflow} {stage}");
            assert_eq!(moved, within(workflow.as_str(), stage.as_str()));
        }
    }
}
