//! Changes of one ticket: read it, change it, write it, read it back.

use crate::context::Context;
use crate::error::ActionError;
use automations::id::{LabelId, OwnerId, StageId, TicketId, WorkflowId};
use automations::model::own_changes::ChangeMark;
use automations::model::ticket_part::TicketPart;
use automations::salestrekker::{Error, FullTicket};
use automations::store::Outcome;

/// A ticket is written at most this often until it is as wanted when it is read back.
const MAX_WRITES: u32 = 3;

/// Adds the label of this name.
pub(crate) async fn add_label(
    context: &mut Context<'_>,
    id: &TicketId,
    label: &str,
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let label = context.session.label_named(label).await?;
    let part = |ticket: &FullTicket| label_of(ticket, &label);
    edit(&mut Remote { context, id }, seen, part, async |ticket| {
        let is_missing = !has(ticket, &label);
        if is_missing {
            ticket.id_labels.get_or_insert_default().push(label.clone());
        }
        Ok(is_missing)
    })
    .await
}

/// Removes the label of this name.
pub(crate) async fn remove_label(
    context: &mut Context<'_>,
    id: &TicketId,
    label: &str,
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let label = context.session.label_named(label).await?;
    let part = |ticket: &FullTicket| label_of(ticket, &label);
    edit(&mut Remote { context, id }, seen, part, async |ticket| {
        let is_there = has(ticket, &label);
        ticket.id_labels.get_or_insert_default().retain(|other| other != &label);
        Ok(is_there)
    })
    .await
}

/// Sets the owner.
pub(crate) async fn set_owner(
    context: &mut Context<'_>,
    id: &TicketId,
    owner: &OwnerId,
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let part = |ticket: &FullTicket| {
        let owner = ticket.id_owner.clone();
        (Some(ChangeMark::owner(owner.as_ref())), TicketPart::Owner { owner })
    };
    edit(&mut Remote { context, id }, seen, part, async |ticket| {
        Ok(ticket.id_owner.replace(owner.clone()).as_ref() != Some(owner))
    })
    .await
}

/// Moves it to the stage of this name in its workflow.
pub(crate) async fn move_stage(
    context: &mut Context<'_>,
    id: &TicketId,
    stage: &str,
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let session = context.session;
    let part = |ticket: &FullTicket| {
        let mark = ticket.id_stage.as_ref().filter(|_| !is_in_another_workflow(ticket, seen));
        (mark.map(ChangeMark::stage), stage_of(ticket))
    };
    edit(&mut Remote { context, id }, seen, part, async |ticket| {
        if is_in_another_workflow(ticket, seen) {
            // It is not where it was, and that workflow need not have such a stage.
            return Ok(true);
        }
        let workflow = ticket.id_workflow.as_ref();
        let workflow =
            workflow.ok_or_else(|| Error::InvalidResponse { at: "ticket.idWorkflow".to_owned() })?;
        let stage = session.stage_named(workflow, stage).await?;
        Ok(ticket.id_stage.replace(stage.id.clone()) != Some(stage.id))
    })
    .await
}

/// Moves it to the stage of this name in the workflow of this name.
pub(crate) async fn move_workflow(
    context: &mut Context<'_>,
    id: &TicketId,
    (workflow, stage): (&str, &str),
    seen: Option<&TicketPart>,
) -> Result<Outcome, ActionError> {
    let workflow = context.session.workflow_named(workflow).await?.id.clone();
    let stage = context.session.stage_named(&workflow, stage).await?.id;
    let part = |ticket: &FullTicket| (ticket.id_stage.as_ref().map(ChangeMark::stage), stage_of(ticket));
    edit(&mut Remote { context, id }, seen, part, async |ticket| Ok(put_into(ticket, &workflow, &stage)))
        .await
}

/// Puts a ticket into a stage of a workflow; returns whether it was elsewhere.
fn put_into(ticket: &mut FullTicket, workflow: &WorkflowId, stage: &StageId) -> bool {
    let before = (ticket.id_workflow.replace(workflow.clone()), ticket.id_stage.replace(stage.clone()));
    before != (Some(workflow.clone()), Some(stage.clone()))
}

fn has(ticket: &FullTicket, label: &LabelId) -> bool {
    ticket.id_labels.as_ref().is_some_and(|labels| labels.contains(label))
}

fn label_of(ticket: &FullTicket, label: &LabelId) -> Part {
    let present = has(ticket, label);
    let mark = if present { ChangeMark::label_added(label) } else { ChangeMark::label_removed(label) };
    (Some(mark), TicketPart::Label { present })
}

fn stage_of(ticket: &FullTicket) -> TicketPart {
    TicketPart::Stage { workflow: ticket.id_workflow.clone(), stage: ticket.id_stage.clone() }
}

fn is_in_another_workflow(ticket: &FullTicket, seen: Option<&TicketPart>) -> bool {
    matches!(seen, Some(TicketPart::Stage { workflow, .. }) if *workflow != ticket.id_workflow)
}

/// A part of a ticket, and the mark that an action of ours would have left by making it so.
pub(crate) type Part = (Option<ChangeMark>, TicketPart);

/// One ticket, where it is read and written.
pub(crate) trait Ticket {
    async fn read(&self) -> Result<FullTicket, ActionError>;
    async fn write(&mut self, before: &FullTicket, after: FullTicket) -> Result<(), ActionError>;
    /// Whether an action of ours that comes before this one made this change after the decision saw the ticket.
    async fn is_of_earlier_action(&self, mark: &ChangeMark) -> Result<bool, ActionError>;
}

/// A ticket at Salestrekker.
pub(crate) struct Remote<'a, 'b> {
    pub(crate) context: &'a mut Context<'b>,
    pub(crate) id: &'a TicketId,
}

impl Ticket for Remote<'_, '_> {
    async fn read(&self) -> Result<FullTicket, ActionError> {
        Ok(self.context.session.ticket(self.id).await?)
    }

    async fn write(&mut self, before: &FullTicket, after: FullTicket) -> Result<(), ActionError> {
        self.context.progress.record_change(before, &after).await?;
        self.context.session.update_ticket(after).await?;
        Ok(())
    }

    async fn is_of_earlier_action(&self, mark: &ChangeMark) -> Result<bool, ActionError> {
        Ok(self.context.progress.is_of_earlier_action(mark).await?)
    }
}

/// Changes a ticket until it is as wanted when it is read back: an update replaces the whole ticket, so that a person who
/// saves at the same time undoes ours, and the API may drop a field without an error. `change` returns whether it changed
/// anything. A ticket whose `part` is not as wanted, and not as the decision saw it either, was changed since, and that is not
/// undone; unless an earlier action of ours did it, which this one is to follow.
pub(crate) async fn edit(
    at: &mut impl Ticket,
    seen: Option<&TicketPart>,
    part: impl Fn(&FullTicket) -> Part,
    change: impl AsyncFn(&mut FullTicket) -> Result<bool, Error>,
) -> Result<Outcome, ActionError> {
    let mut outcome = Outcome::NoOp;
    let mut seen = seen.cloned();
    for writes in 0..=MAX_WRITES {
        let before = at.read().await?;
        let mut after = before.clone();
        if !change(&mut after).await? {
            return Ok(outcome);
        }
        let (mark, found) = part(&before);
        if let Some(expected) = seen.take_if(|seen| *seen != found) {
            let is_ours = match mark {
                Some(mark) => at.is_of_earlier_action(&mark).await?,
                None => false,
            };
            if !is_ours {
                return Ok(Outcome::Superseded { expected, found });
            }
            seen = Some(found);
        }
        if writes < MAX_WRITES {
            at.write(&before, after).await?;
            outcome = Outcome::Changed;
        }
    }
    let why = "an update that it accepted is not there when the ticket is read back";
    Err(Error::Unavailable { why }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a write, or happens after it.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fate {
        Kept,
        /// The API accepts it and drops the field.
        Dropped,
        /// It takes effect, and then a person moves the ticket to this stage.
        Moved(&'static str),
    }

    const FATES: [Fate; 5] =
        [Fate::Kept, Fate::Dropped, Fate::Moved("old"), Fate::Moved("other"), Fate::Moved("new")];

    struct InMemory {
        stage: &'static str,
        fates: Vec<Fate>,
        /// The stage that an earlier action of ours moved it to.
        ours: Option<&'static str>,
        /// The stage that each write replaced.
        replaced: Vec<String>,
    }

    impl Ticket for InMemory {
        async fn read(&self) -> Result<FullTicket, ActionError> {
            Ok(ticket("w", self.stage))
        }

        async fn write(&mut self, before: &FullTicket, _: FullTicket) -> Result<(), ActionError> {
            let fate = self.fates.get(self.replaced.len()).copied().unwrap_or(Fate::Kept);
            self.replaced.push(before.id_stage.as_ref().unwrap().to_string());
            match fate {
                Fate::Kept => self.stage = "new",
                Fate::Dropped => {}
                Fate::Moved(stage) => self.stage = stage,
            }
            Ok(())
        }

        async fn is_of_earlier_action(&self, mark: &ChangeMark) -> Result<bool, ActionError> {
            Ok(self.ours.is_some_and(|stage| *mark == ChangeMark::stage(&StageId::parse(stage).unwrap())))
        }
    }

    fn ticket(workflow: &str, stage: &str) -> FullTicket {
        let text = format!(r#"{{"id": "t-1", "idWorkflow": "{workflow}", "idStage": "{stage}"}}"#);
        automations::json::from_json(text.as_bytes()).unwrap()
    }

    /// Moves a ticket in this stage to `new`, as a decision that saw it in `old`, or regardless.
    async fn moved(stage: &'static str, fates: &[Fate], is_conditional: bool) -> (Option<Outcome>, InMemory) {
        moved_after(None, stage, fates, is_conditional).await
    }

    /// The same after an earlier action of ours moved it to the stage `ours`.
    async fn moved_after(
        ours: Option<&'static str>,
        stage: &'static str,
        fates: &[Fate],
        is_conditional: bool,
    ) -> (Option<Outcome>, InMemory) {
        let mut at = InMemory { stage, fates: fates.to_vec(), ours, replaced: Vec::new() };
        let seen = is_conditional.then(|| stage_of(&ticket("w", "old")));
        let new = StageId::parse("new").unwrap();
        let change =
            async |ticket: &mut FullTicket| Ok(ticket.id_stage.replace(new.clone()).as_ref() != Some(&new));
        let part = |ticket: &FullTicket| (ticket.id_stage.as_ref().map(ChangeMark::stage), stage_of(ticket));
        let outcome = edit(&mut at, seen.as_ref(), part, change).await;
        (outcome.ok(), at)
    }

    fn superseded(found: &str) -> Outcome {
        Outcome::Superseded { expected: stage_of(&ticket("w", "old")), found: stage_of(&ticket("w", found)) }
    }

    #[tokio::test]
    async fn a_ticket_that_a_person_moved_since_the_decision_is_left_where_it_is() {
        let (outcome, at) = moved("other", &[], true).await;
        assert_eq!((outcome, at.stage, at.replaced.len()), (Some(superseded("other")), "other", 0));
    }

    #[tokio::test]
    async fn a_ticket_that_an_earlier_action_of_ours_moved_is_moved_on_but_not_if_a_person_moved_it_then() {
        let (outcome, at) = moved_after(Some("ours"), "ours", &[Fate::Dropped], true).await;
        assert_eq!((outcome, at.replaced), (Some(Outcome::Changed), vec!["ours".to_owned(); 2]));
        let (outcome, at) = moved_after(Some("ours"), "other", &[], true).await;
        assert_eq!((outcome, at.replaced.len()), (Some(superseded("other")), 0));
        let (outcome, at) = moved_after(Some("ours"), "ours", &[Fate::Moved("other")], true).await;
        assert_eq!((at.stage, at.replaced.len()), ("other", 1));
        assert!(matches!(outcome, Some(Outcome::Superseded { .. })), "{outcome:?}");
    }

    #[tokio::test]
    async fn an_action_that_is_performed_regardless_moves_it_all_the_same() {
        let (outcome, at) = moved("other", &[], false).await;
        assert_eq!((outcome, at.stage, at.replaced.len()), (Some(Outcome::Changed), "new", 1));
    }

    /// As after a lost response to the update.
    #[tokio::test]
    async fn a_ticket_that_is_as_wanted_is_not_written_whatever_the_decision_saw() {
        for is_conditional in [true, false] {
            let (outcome, at) = moved("new", &[], is_conditional).await;
            assert_eq!((outcome, at.replaced.len()), (Some(Outcome::NoOp), 0));
        }
    }

    #[tokio::test]
    async fn an_update_without_effect_is_written_again_and_one_that_a_person_replaced_is_not() {
        let (outcome, at) = moved("old", &[Fate::Dropped], true).await;
        assert_eq!((outcome, at.replaced), (Some(Outcome::Changed), vec!["old".to_owned(); 2]));
        let (outcome, at) = moved("old", &[Fate::Moved("other")], true).await;
        assert_eq!((outcome, at.stage, at.replaced.len()), (Some(superseded("other")), "other", 1));
        let (outcome, at) = moved("old", &[Fate::Dropped; 3], true).await;
        assert_eq!((outcome, at.replaced.len()), (None, 3));
    }

    /// Every course of three writes, from every stage.
    #[tokio::test]
    async fn a_conditional_action_never_writes_over_a_stage_that_its_decision_did_not_see() {
        for start in ["old", "other", "new"] {
            for course in 0..FATES.len().pow(3) {
                let fates =
                    [1, FATES.len(), FATES.len().pow(2)].map(|unit| FATES[course / unit % FATES.len()]);
                let (outcome, at) = moved(start, &fates, true).await;
                assert!(
                    at.replaced.iter().all(|stage| stage == "old"),
                    "{start} {fates:?}: {:?}",
                    at.replaced
                );
                let expected = match at.stage {
                    "new" if at.replaced.is_empty() => Some(Outcome::NoOp),
                    "new" => Some(Outcome::Changed),
                    "old" => None,
                    other => Some(superseded(other)),
                };
                assert_eq!(outcome, expected, "{start} {fates:?}");
            }
        }
    }

    #[test]
    fn a_ticket_in_another_workflow_is_not_where_it_was() {
        let seen = stage_of(&ticket("w", "old"));
        assert!(is_in_another_workflow(&ticket("w-2", "old"), Some(&seen)));
        assert!(!is_in_another_workflow(&ticket("w", "other"), Some(&seen)));
        assert!(!is_in_another_workflow(&ticket("w-2", "old"), None));
    }

    #[test]
    fn a_ticket_is_in_another_workflow_with_its_stage_and_both_must_be_as_wanted() {
        let [w, w2] = ["w", "w-2"].map(|id| WorkflowId::parse(id).unwrap());
        let [old, new] = ["old", "new"].map(|id| StageId::parse(id).unwrap());
        for (workflow, stage, is_change) in
            [(&w, &old, false), (&w2, &new, true), (&w, &new, true), (&w2, &old, true)]
        {
            let mut moved = ticket("w", "old");
            assert_eq!(put_into(&mut moved, workflow, stage), is_change, "{workflow} {stage}");
            assert_eq!(moved, ticket(workflow.as_str(), stage.as_str()));
        }
    }
}
