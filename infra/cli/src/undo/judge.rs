//! Whether an action can be undone, and how: pure.

use super::opposite::{NoOpposite, opposite};
use super::part::Part;
use crate::event_text;
use automations::clock::Timestamp;
use automations::id::{ActionId, DestinationName, EventId, OrganisationId, TicketId};
use automations::model::action::PlannedAction;
use automations::model::event::{Cause, EventKind};
use automations::model::own_changes::{Attribution, ChangeMark, MarkedPart, OwnChanges};
use automations::model::resent::Resent;
use automations::store::{ActionRecord, Done, Outcome};
use automations::{Action, Event};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A change of ours is found by a check within this time: an hour later at most, and a run of the reconciler. A mark that is older is of a
/// change that came to nothing.
const FOUND_WITHIN: Duration = Duration::from_hours(2);

/// An action, and whether it can be undone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Undo {
    /// The action.
    pub action: ActionId,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket, if it has one.
    pub ticket: Option<TicketId>,
    /// The handler that decided it.
    pub handler: String,
    /// Its kind, such as `add_label`.
    pub kind: &'static str,
    /// When it was performed.
    pub done_at: Timestamp,
    /// Whether it can be undone.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether an action can be undone.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// By this action.
    Undoable {
        /// The opposite action, as it is sent.
        by: Box<PlannedAction>,
    },
    /// It was undone already.
    AlreadyUndone {
        /// When.
        at: Timestamp,
    },
    /// It changed nothing, so there is nothing to undo.
    ChangedNothing {
        /// Why not.
        why: &'static str,
    },
    /// The same part of the ticket was changed since.
    ChangedSince {
        /// When that change was found.
        at: Timestamp,
        /// The event of that change.
        event: EventId,
        /// What it changed.
        what: String,
        /// What led to it.
        by: String,
    },
    /// No check of the ticket has found its change yet, so it is not known what was before.
    NotFoundYet,
    /// Another action, or its undo, changed the same part of the ticket, and no check has found that yet.
    NotCheckedSince {
        /// That action.
        by: ActionId,
        /// When it changed it.
        at: Timestamp,
    },
    /// A person must decide, and do it.
    ForAPerson {
        /// Why, and what to do.
        why: String,
    },
}

/// What is known of a ticket, or of none.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its events, oldest first.
    pub journal: &'a [Event],
    /// What actions of ours changed there, also what no check has found yet.
    pub marks: &'a OwnChanges,
    /// The records of undos that were sent before.
    pub undos: &'a BTreeMap<ActionId, ActionRecord>,
}

/// The actions that are judged, and those among them that are undone, as far as it has come.
#[derive(Debug, Default)]
struct Judged<'a> {
    left: BTreeSet<&'a ActionId>,
    undone: BTreeSet<ActionId>,
}

/// Judges the performed actions of one ticket, the last one first: so they are to be undone.
pub fn judge(done: &[Done], facts: Facts<'_>, now: Timestamp) -> Vec<Undo> {
    let mut newest: Vec<&Done> = done.iter().collect();
    newest.sort_by_key(|done| {
        let Done { planned, done_at, .. } = done;
        Reverse((*done_at, planned.ticket_version, position(&planned.id)))
    });
    let left = newest.iter().map(|done| &done.planned.id).collect();
    let mut judged = Judged { left, ..Judged::default() };
    let verdicts = newest.into_iter().map(|done| {
        judged.left.remove(&done.planned.id);
        let verdict = verdict(done, facts, &judged, now);
        if matches!(verdict, Verdict::Undoable { .. }) {
            judged.undone.insert(done.planned.id.clone());
        }
        let PlannedAction { id, organisation, handler, action, .. } = &done.planned;
        Undo {
            action: id.clone(),
            organisation: organisation.clone(),
            ticket: action.ticket().cloned(),
            handler: handler.clone(),
            kind: action.kind(),
            done_at: done.done_at,
            verdict,
        }
    });
    verdicts.collect()
}

fn verdict(done: &Done, facts: Facts<'_>, judged: &Judged<'_>, now: Timestamp) -> Verdict {
    let Facts { journal, marks, undos } = facts;
    if let Some(verdict) = without_opposite(done) {
        return verdict;
    }
    let planned = &done.planned;
    let Ok(id) = planned.id.undo() else {
        return Verdict::ForAPerson { why: "its id is too long for that of an undo".to_owned() };
    };
    let is_only_recorded = match undos.get(&id) {
        None => false,
        Some(ActionRecord::Done(earlier)) if earlier.outcome.is_performed() => {
            return Verdict::AlreadyUndone { at: earlier.done_at };
        }
        Some(ActionRecord::Done(earlier)) if earlier.outcome.is_only_recorded() => true,
        Some(ActionRecord::Done(earlier)) => {
            let at = earlier.done_at;
            let why = format!("an undo was refused at {at}, as the ticket had been changed since");
            return Verdict::ForAPerson { why };
        }
        Some(ActionRecord::Claimed { .. } | ActionRecord::Parked | ActionRecord::Unreadable) => {
            let why = format!("its undo {id} is under way: see `automations timeline`");
            return Verdict::ForAPerson { why };
        }
    };
    let Some((_, part)) = Part::of(&planned.action) else {
        return Verdict::ForAPerson { why: "it changes no part of a ticket".to_owned() };
    };
    let own =
        journal.iter().position(|event| maker(event) == Some(&planned.id) && part.is_changed_by(&event.kind));
    if let Some(event) = changed_since(done, journal, own, &part, &judged.undone) {
        return Verdict::ChangedSince {
            at: event.observed_at,
            event: event.id.clone(),
            what: event_text::what(&event.kind),
            by: cause(&event.cause),
        };
    }
    let own = own.and_then(|own| journal.get(own)).map(|event| &event.kind);
    if let Some((by, at)) = marked_since(done, journal, marks, (&part, own), judged)
        && now.since(at) < FOUND_WITHIN
    {
        return Verdict::NotCheckedSince { by: by.clone(), at };
    }
    match opposite(&planned.action, own) {
        Ok(action) => {
            let resent = is_only_recorded.then(|| Resent { not_performed: true, ..Resent::at(now) });
            Verdict::Undoable { by: Box::new(undo(planned, id, action, resent, now)) }
        }
        Err(NoOpposite::NotFoundYet) => Verdict::NotFoundYet,
        Err(NoOpposite::NoOwnerBefore) => Verdict::ForAPerson {
            why: "the ticket had no owner before, and no action takes an owner away".to_owned(),
        },
        Err(NoOpposite::NoAmountBefore) => Verdict::ForAPerson {
            why: "the ticket had no amount before, and no action takes an amount away".to_owned(),
        },
        Err(NoOpposite::NoPart) => Verdict::ForAPerson { why: "it changes no part of a ticket".to_owned() },
    }
}

/// The verdict on an action that changed no part of a ticket.
fn without_opposite(done: &Done) -> Option<Verdict> {
    let planned = &done.planned;
    let nothing = |why| Some(Verdict::ChangedNothing { why });
    let person = |why: String| Some(Verdict::ForAPerson { why });
    match &done.outcome {
        Outcome::Changed if planned.id.undoes().is_some() => {
            person("it is an undo itself: let the handler decide again with `automations replay --reprocess`".to_owned())
        }
        Outcome::Changed => None,
        Outcome::NoOp => nothing("the ticket was so already"),
        Outcome::Superseded { .. } => nothing("it was superseded, and not performed"),
        Outcome::DryRun | Outcome::Unrehearsed => nothing("it was only recorded, and not performed"),
        Outcome::Created { ticket } => {
            person(format!("it created the ticket {ticket}: archive or delete it in Salestrekker"))
        }
        Outcome::LeadCreated { contact, ticket } => person(format!(
            "it created the contact {contact} and the ticket {ticket}: archive or delete them in Salestrekker"
        )),
        Outcome::Sent => person(match destination(&planned.action) {
            Some(destination) => {
                format!("a notice was sent to {destination}, and cannot be taken back: say there that it was wrong")
            }
            None => "what a mutation of the handler's own changes is not known, such as a note or a task: look at the ticket in \
                     Salestrekker"
                .to_owned(),
        }),
        Outcome::Deferred { .. } => nothing("it put a decision off; what was decided later is actions of its own"),
        Outcome::ReminderSet { .. } => person(format!(
            "it set a reminder: `automations reminders cancel --organisation {}{}`",
            planned.organisation,
            reminder(&planned.action)
        )),
        Outcome::ReminderCancelled => {
            person("it cancelled a reminder, of which no record says when it was due".to_owned())
        }
    }
}

fn destination(action: &Action) -> Option<&DestinationName> {
    if let Action::Notify { destination, .. } | Action::NotifyJson { destination, .. } = action {
        return Some(destination);
    }
    None
}

fn reminder(action: &Action) -> String {
    if let Action::Remind { ticket, key, .. } = action {
        return format!(" --ticket {ticket} --key {key} --yes");
    }
    String::new()
}

/// The first change of the same part since the action, that is not its own, not one that is undone too, and not an undo.
fn changed_since<'a>(
    done: &Done,
    journal: &'a [Event],
    own: Option<usize>,
    part: &Part,
    undone: &BTreeSet<ActionId>,
) -> Option<&'a Event> {
    let since = |(position, event): &(usize, &Event)| match own {
        Some(own) => *position > own,
        None => event.observed_at >= done.done_at,
    };
    let has_undo_in_journal = |made_by: &ActionId| {
        made_by.undo().is_ok_and(|undo| journal.iter().any(|event| maker(event) == Some(&undo)))
    };
    let is_undone = |event: &Event| {
        maker(event).is_some_and(|made_by| {
            undone.contains(made_by) || made_by.undoes().is_some() || has_undo_in_journal(made_by)
        })
    };
    let mut later = journal.iter().enumerate().filter(since).map(|(_, event)| event);
    later.find(|event| part.is_changed_by(&event.kind) && !is_undone(event))
}

/// The action that changed the same part of the ticket after this one, if no check has found that. Not one that is undone too, nor one that
/// is older and whose turn comes.
fn marked_since<'a>(
    done: &Done,
    journal: &[Event],
    marks: &'a OwnChanges,
    (part, own): (&Part, Option<&EventKind>),
    judged: &Judged<'_>,
) -> Option<(&'a ActionId, Timestamp)> {
    let made = |(mark, by): (&'a ChangeMark, &'a Attribution)| Some((mark, by.chain.last()?, by.at));
    let all = || marks.0.iter().filter_map(made);
    let own_mark = all().find(|(mark, by, _)| **by == done.planned.id && part.is_marked_by(mark, None));
    let since = own_mark.map_or(done.done_at, |(_, _, at)| at);
    let label = own.map(ChangeMark::of).or(own_mark.map(|(mark, _, _)| Some(mark.clone()))).flatten();
    let label = label.as_ref().and_then(|mark| match mark.part() {
        MarkedPart::Label(id) => Some(id),
        MarkedPart::Stage | MarkedPart::Owner | MarkedPart::Value | MarkedPart::Other => None,
    });
    let is_found = |by: &ActionId| {
        journal.iter().any(|event| maker(event) == Some(by) && part.is_changed_by(&event.kind))
    };
    let mut others = all().filter(|(mark, by, at)| {
        let is_other = **by != done.planned.id && !judged.undone.contains(*by) && !judged.left.contains(by);
        is_other && *at >= since && part.is_marked_by(mark, label) && !is_found(by)
    });
    others.next().map(|(_, by, at)| (by, at))
}

/// The opposite action. It has no version of the ticket: its condition holds for every change, also for one of ours that came before.
fn undo(
    undone: &PlannedAction,
    id: ActionId,
    action: Action,
    resent: Option<Resent>,
    now: Timestamp,
) -> PlannedAction {
    PlannedAction {
        id,
        organisation: undone.organisation.clone(),
        event: undone.event.clone(),
        hint: undone.hint.clone(),
        chain: undone.chain_with_itself(),
        ticket_version: None,
        handler: undone.handler.clone(),
        decided_at: now,
        attempt: 1,
        resent,
        action,
    }
}

/// The action of ours that made a change.
fn maker(event: &Event) -> Option<&ActionId> {
    event.chain().last()
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Webhook { action, .. } => format!("a person or another program, webhook {action}"),
        Cause::Reconciler { .. } => "a person or another program, found by a regular check".to_owned(),
        Cause::Action { chain, .. } => match chain.last() {
            Some(action) => format!("the action {action}"),
            None => "an action".to_owned(),
        },
        // A cause of a newer version of the library.
        cause => cause.by().to_owned(),
    }
}

fn position(id: &ActionId) -> Option<usize> {
    id.as_str().split('.').nth(2)?.parse().ok()
}
