mod ages;
mod failures;

use super::*;
use crate::edit::Change;
use crate::run::MAX_WRITES;
use crate::tickets::{Update, Written};
use automations::clock::Timestamp;
use automations::failure::Remedy;
use automations::id::{LabelId, OwnerId, StageId, WorkflowId};
use automations::model::action::PlannedAction;
use automations::model::own_changes::ChangeMark;
use automations::model::ticket_part::TicketPart;
use automations::private::Private;
use automations::salestrekker::FullTicket;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

/// What becomes of a write, or happens after it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Kept,
    /// The API accepts it and drops every field.
    Dropped,
    /// It accepts it and drops the owner.
    OwnerDropped,
    /// It takes effect, and then a person moves the ticket to this stage.
    Moved(&'static str),
    /// The same, but the API drops the owner; or everything.
    MovedOwnerDropped(&'static str),
    MovedAndDropped(&'static str),
    /// It takes effect after a look, and before the response.
    Late,
    /// It takes effect, and the response is lost.
    Lost,
    Rejected,
    /// It does not take effect, and may be sent again.
    Unavailable,
}

const FATES: [Fate; 5] =
    [Fate::Kept, Fate::Dropped, Fate::Moved("old"), Fate::Moved("other"), Fate::Moved("new")];

/// Some tickets, and what is done with them.
#[derive(Default)]
struct InMemory {
    tickets: RefCell<BTreeMap<TicketId, FullTicket>>,
    fates: RefCell<VecDeque<Fate>>,
    /// The stage that an earlier action of ours moved a ticket to.
    ours: Option<&'static str>,
    /// Whether a ticket is looked at while its update is under way.
    looks: bool,
    reads: Cell<u32>,
    /// The stage that each write replaced.
    replaced: RefCell<Vec<String>>,
    /// Each action that a change was marked for, and the number of its marks.
    marked: RefCell<Vec<(String, usize)>>,
    removed: RefCell<Vec<ChangeMark>>,
    was_too_early: Cell<bool>,
    /// The time, in milliseconds; and how long the next lookups of stages and the next marks take.
    now: Cell<u64>,
    stage_ms: RefCell<VecDeque<u64>>,
    mark_ms: RefCell<VecDeque<u64>>,
    /// The stage to which a person moves the ticket while it is marked.
    moved_while_marked: Cell<Option<&'static str>>,
    /// Whether it cannot be said which earlier action made a change.
    is_table_down: bool,
}

impl Tickets for InMemory {
    async fn read(&self, tickets: &[TicketId]) -> Vec<Result<FullTicket, ActionError>> {
        self.reads.set(self.reads.get().saturating_add(1));
        let missing = || Error::NotFound { what: "ticket".to_owned() }.into();
        let found = tickets.iter().map(|id| self.tickets.borrow().get(id).cloned().ok_or_else(missing));
        found.collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    async fn mark(&self, updates: &[Update<'_>]) -> Vec<Result<(), ActionError>> {
        self.pass(&self.mark_ms);
        if let (Some(stage), Some(ticket)) =
            (self.moved_while_marked.take(), self.tickets.borrow_mut().get_mut(&id("t-1")))
        {
            ticket.id_stage = StageId::parse(stage).ok();
        }
        updates.iter().map(|_| Ok(())).collect()
    }

    async fn write(&self, updates: &[Update<'_>]) -> Vec<Written> {
        updates.iter().map(|update| self.write_one(update)).collect()
    }

    async fn remove_marks(&self, update: &Update<'_>) {
        self.removed.borrow_mut().extend(update.changes.iter().flat_map(|(_, marks)| marks.clone()));
    }

    async fn stage(&self, _: &WorkflowId, name: &str) -> Result<StageId, Error> {
        self.pass(&self.stage_ms);
        let missing = || Error::NotFound { what: "stage".to_owned() };
        (name != "missing").then(|| StageId::parse(name).unwrap()).ok_or_else(missing)
    }

    async fn is_of_earlier_action(&self, _: &PlannedAction, mark: &ChangeMark) -> Result<bool, ActionError> {
        if self.is_table_down {
            return Err(Error::Unavailable { why: "a test" }.into());
        }
        Ok(self.ours.is_some_and(|stage| *mark == ChangeMark::stage(&StageId::parse(stage).unwrap())))
    }

    fn look_was_too_early(&self) {
        self.was_too_early.set(true);
    }
}

impl InMemory {
    fn with(tickets: &[FullTicket], fates: &[Fate]) -> Self {
        let tickets = tickets.iter().map(|ticket| (ticket.id.clone(), ticket.clone())).collect();
        let fates = RefCell::new(fates.iter().copied().collect());
        Self { tickets: RefCell::new(tickets), fates, ..Self::default() }
    }

    fn pass(&self, times: &RefCell<VecDeque<u64>>) {
        let time = times.borrow_mut().pop_front().unwrap_or_default();
        self.now.set(self.now.get().saturating_add(time));
    }

    fn write_one(&self, update: &Update<'_>) -> Written {
        let fate = self.fates.borrow_mut().pop_front().unwrap_or(Fate::Kept);
        let marked = update.changes.iter().map(|(planned, marks)| (planned.id.to_string(), marks.len()));
        self.marked.borrow_mut().extend(marked);
        let mut tickets = self.tickets.borrow_mut();
        let ticket = tickets.get_mut(&update.after.id).unwrap();
        let before = ticket.clone();
        self.replaced.borrow_mut().push(before.id_stage.as_ref().unwrap().to_string());
        match fate {
            Fate::Kept | Fate::Late | Fate::Lost => *ticket = update.after.clone(),
            Fate::Dropped | Fate::Rejected | Fate::Unavailable => {}
            Fate::OwnerDropped => {
                *ticket = FullTicket { id_owner: before.id_owner.clone(), ..update.after.clone() };
            }
            Fate::Moved(stage) => {
                *ticket = FullTicket { id_stage: StageId::parse(stage).ok(), ..update.after.clone() };
            }
            Fate::MovedOwnerDropped(stage) => {
                let (id_stage, id_owner) = (StageId::parse(stage).ok(), before.id_owner.clone());
                *ticket = FullTicket { id_stage, id_owner, ..update.after.clone() };
            }
            Fate::MovedAndDropped(stage) => ticket.id_stage = StageId::parse(stage).ok(),
        }
        let look = if fate == Fate::Late { before } else { ticket.clone() };
        let result = match fate {
            Fate::Lost => Err(Error::OutcomeUnknown.into()),
            Fate::Rejected => {
                let (messages, lines) = (Private::default(), Vec::new());
                Err(Error::Rejected { messages, lines, is_final: true }.into())
            }
            Fate::Unavailable => Err(Error::Unavailable { why: "a test" }.into()),
            _ => Ok(()),
        };
        Written { result, look: self.looks.then_some(look) }
    }

    fn stage(&self) -> String {
        self.tickets.borrow()[&id("t-1")].id_stage.as_ref().unwrap().to_string()
    }
}

fn id(ticket: &str) -> TicketId {
    TicketId::parse(ticket).unwrap()
}

fn ticket(id: &str, stage: &str) -> FullTicket {
    let text = format!(r#"{{"id": "{id}", "idWorkflow": "w", "idStage": "{stage}", "idOwner": "o-1"}}"#);
    automations::json::from_json(text.as_bytes()).unwrap()
}

fn planned(position: usize) -> PlannedAction {
    let text = format!(
        r#"{{"id": "e.h.{position}", "organisation": "north", "event": "e", "handler": "h", "attempt": 1,
        "decided_at": "2026-09-21T14:13:20.000Z", "action": {{"do": "add_label", "ticket": "t-1", "label": "x"}}}}"#
    );
    automations::json::from_json(text.as_bytes()).unwrap()
}

fn in_stage(stage: &str) -> TicketPart {
    TicketPart::Stage { workflow: WorkflowId::parse("w").ok(), stage: StageId::parse(stage).ok() }
}

/// Performs these changes of the first ticket, each as a decision that saw this.
async fn edited(at: &InMemory, changes: Vec<(Change, Option<TicketPart>)>) -> Edited {
    let all: Vec<PlannedAction> = (0..changes.len()).map(planned).collect();
    let edits = all.iter().zip(changes).map(|(planned, (change, seen))| Edit { planned, change, seen });
    edit_tickets(at, vec![Run::new(id("t-1"), edits.collect(), None)]).await.remove(0)
}

fn label(name: &str) -> (Change, Option<TicketPart>) {
    (Change::AddLabel(LabelId::parse(name).unwrap()), Some(TicketPart::Label { present: false }))
}

fn owner() -> (Change, Option<TicketPart>) {
    let seen = TicketPart::Owner { owner: OwnerId::parse("o-1").ok() };
    (Change::Owner(OwnerId::parse("o-2").unwrap()), Some(seen))
}

fn stage(to: &str, from: &str) -> (Change, Option<TicketPart>) {
    (Change::Stage(to.to_owned()), Some(in_stage(from)))
}

fn outcomes(edited: &Edited) -> Vec<Option<Outcome>> {
    let outcome = |result: &Option<Result<Outcome, ActionError>>| result.as_ref()?.as_ref().ok().cloned();
    edited.results.iter().map(outcome).collect()
}

/// The error of each edit, and whether it waits for an earlier one.
fn errors(edited: &Edited) -> Vec<Option<&ActionError>> {
    edited.results.iter().map(|result| result.as_ref()?.as_ref().err()).collect()
}

fn waits(edited: &Edited) -> Vec<bool> {
    edited.results.iter().map(Option::is_none).collect()
}

const CHANGED: Option<Outcome> = Some(Outcome::Changed);
const NO_OP: Option<Outcome> = Some(Outcome::NoOp);

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
    let at = InMemory { ours, ..InMemory::with(&[ticket("t-1", stage)], fates) };
    let seen = is_conditional.then(|| in_stage("old"));
    let edited = edited(&at, vec![(Change::Stage("new".to_owned()), seen)]).await;
    assert_eq!(edited.results.len(), 1);
    (outcomes(&edited).remove(0), at)
}

fn superseded(found: &str) -> Outcome {
    Outcome::Superseded { expected: in_stage("old"), found: in_stage(found) }
}

impl InMemory {
    fn replaced(&self) -> Vec<String> {
        self.replaced.borrow().clone()
    }
}

#[tokio::test]
async fn a_ticket_that_a_person_moved_since_the_decision_is_left_where_it_is() {
    let (outcome, at) = moved("other", &[], true).await;
    assert_eq!((outcome, at.stage(), at.replaced().len()), (Some(superseded("other")), "other".into(), 0));
}

#[tokio::test]
async fn a_ticket_that_an_earlier_action_of_ours_moved_is_moved_on_but_not_if_a_person_moved_it_then() {
    let (outcome, at) = moved_after(Some("ours"), "ours", &[Fate::Dropped], true).await;
    assert_eq!((outcome, at.replaced()), (CHANGED, vec!["ours".to_owned(); 2]));
    let (outcome, at) = moved_after(Some("ours"), "other", &[], true).await;
    assert_eq!((outcome, at.replaced().len()), (Some(superseded("other")), 0));
    let (outcome, at) = moved_after(Some("ours"), "ours", &[Fate::Moved("other")], true).await;
    assert_eq!((at.stage(), at.replaced().len()), ("other".into(), 1));
    assert!(matches!(outcome, Some(Outcome::Superseded { .. })), "{outcome:?}");
}

#[tokio::test]
async fn an_action_that_is_performed_regardless_moves_it_all_the_same() {
    let (outcome, at) = moved("other", &[], false).await;
    assert_eq!((outcome, at.stage(), at.replaced().len()), (CHANGED, "new".into(), 1));
}

/// As after a lost response to the update.
#[tokio::test]
async fn a_ticket_that_is_as_wanted_is_not_written_whatever_the_decision_saw() {
    for is_conditional in [true, false] {
        let (outcome, at) = moved("new", &[], is_conditional).await;
        assert_eq!((outcome, at.replaced().len()), (NO_OP, 0));
    }
}

#[tokio::test]
async fn an_update_without_effect_is_written_again_and_one_that_a_person_replaced_is_not() {
    let (outcome, at) = moved("old", &[Fate::Dropped], true).await;
    assert_eq!((outcome, at.replaced()), (CHANGED, vec!["old".to_owned(); 2]));
    let (outcome, at) = moved("old", &[Fate::Moved("other")], true).await;
    assert_eq!((outcome, at.stage(), at.replaced().len()), (Some(superseded("other")), "other".into(), 1));
    let (outcome, at) = moved("old", &[Fate::Dropped; 3], true).await;
    assert_eq!((outcome, at.replaced().len()), (None, MAX_WRITES.try_into().unwrap()));
}

/// Every course of three writes, from every stage, with and without looks.
#[tokio::test]
async fn a_conditional_action_never_writes_over_a_stage_that_its_decision_did_not_see() {
    for start in ["old", "other", "new"] {
        for course in 0..FATES.len().pow(3) {
            for looks in [false, true] {
                let fates =
                    [1, FATES.len(), FATES.len().pow(2)].map(|unit| FATES[course / unit % FATES.len()]);
                let at = InMemory { looks, ..InMemory::with(&[ticket("t-1", start)], &fates) };
                let outcome = outcomes(&edited(&at, vec![stage("new", "old")]).await).remove(0);
                assert!(at.replaced().iter().all(|stage| stage == "old"), "{start} {fates:?}");
                let expected = match at.stage().as_str() {
                    "new" if at.replaced().is_empty() => NO_OP,
                    "new" => CHANGED,
                    "old" => None,
                    other => Some(superseded(other)),
                };
                assert_eq!(outcome, expected, "{start} {fates:?} {looks}");
            }
        }
    }
}

#[tokio::test]
async fn edits_of_one_ticket_are_one_read_one_update_and_one_read_back_and_each_leaves_its_own_mark() {
    for (looks, reads) in [(false, 2), (true, 1)] {
        let at = InMemory { looks, ..InMemory::with(&[ticket("t-1", "old")], &[]) };
        let edited =
            edited(&at, vec![label("l-1"), label("l-2"), owner(), stage("new", "old"), label("l-1")]).await;
        let expected = [CHANGED, CHANGED, CHANGED, CHANGED, NO_OP];
        assert_eq!((outcomes(&edited), at.reads.get()), (expected.to_vec(), reads));
        let marked = [0, 1, 2, 3].map(|position| (format!("e.h.{position}"), 1));
        assert_eq!((at.replaced().len(), at.marked.borrow().as_slice()), (1, marked.as_slice()));
        assert_eq!(edited.read_back.unwrap(), at.tickets.borrow()[&id("t-1")]);
    }
}

#[tokio::test]
async fn a_stage_that_a_ticket_passes_through_is_written() {
    let at = InMemory::with(&[ticket("t-1", "old")], &[]);
    let changes = || vec![stage("between", "old"), label("l-1"), stage("new", "between")];
    let first = edited(&at, changes()).await;
    assert_eq!((outcomes(&first), at.stage()), (vec![CHANGED, CHANGED, None], "between".into()));
    assert_eq!(waits(&first), [false, false, true]);
}

#[tokio::test]
async fn an_edit_of_what_a_person_changed_is_left_out_and_the_others_are_written() {
    let at = InMemory::with(&[ticket("t-1", "other")], &[]);
    let edited = edited(&at, vec![label("l-1"), stage("new", "old"), owner()]).await;
    assert_eq!(outcomes(&edited), [CHANGED, Some(superseded("other")), CHANGED]);
    assert_eq!((at.stage(), at.replaced().len()), ("other".into(), 1));
    assert!(at.marked.borrow().iter().all(|(action, _)| action != "e.h.1"));
}

#[tokio::test]
async fn a_field_that_the_api_drops_is_written_again() {
    let at = InMemory { looks: true, ..InMemory::with(&[ticket("t-1", "old")], &[Fate::OwnerDropped]) };
    let all = || vec![label("l-1"), owner(), stage("new", "old")];
    assert_eq!(outcomes(&edited(&at, all()).await), [CHANGED; 3]);
    assert_eq!(at.marked.borrow().last().unwrap().0, "e.h.1", "the second update is of the owner alone");
    assert!(!at.was_too_early.get(), "the look was right");
}

#[tokio::test]
async fn a_look_that_comes_too_early_is_followed_by_a_read_back() {
    let at = InMemory { looks: true, ..InMemory::with(&[ticket("t-1", "old")], &[Fate::Late]) };
    assert_eq!(outcomes(&edited(&at, vec![label("l-1"), owner()]).await), [CHANGED; 2]);
    assert_eq!((at.reads.get(), at.replaced().len(), at.was_too_early.get()), (2, 1, true));
}

#[tokio::test]
async fn tickets_of_a_batch_share_their_reads_and_each_has_its_own_fate() {
    let tickets = ["t-1", "t-2", "t-3"].map(|id| ticket(id, "old"));
    let at = InMemory::with(&tickets, &[Fate::Kept, Fate::Lost, Fate::Dropped]);
    let all: Vec<PlannedAction> = (0..4).map(planned).collect();
    let runs = all.iter().zip(["t-1", "t-2", "t-3", "gone"]).map(|(planned, ticket)| {
        let (change, seen) = label("l-1");
        Run::new(id(ticket), vec![Edit { planned, change, seen }], None)
    });
    let edited = edit_tickets(&at, runs.collect()).await;
    let fates: Vec<_> = edited.iter().map(|edited| outcomes(edited).remove(0)).collect();
    assert_eq!(fates, [CHANGED, None, CHANGED, None]);
    assert_eq!((at.reads.get(), at.replaced().len()), (3, 4), "read, read back, and the third once more");
}
