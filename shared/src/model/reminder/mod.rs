//! A reminder: an event about a ticket that a handler asks for and that is published later, if the ticket is then still as it
//! should be. Pure: the time and the ticket are arguments.

mod event_day;
mod holidays;
mod time_of_day;
mod when;
mod zone;

pub use holidays::{KNOWN_UNTIL, Region, holidays_left};
pub use time_of_day::{InvalidTimeOfDay, TimeOfDay};
pub use when::{Day, Offset, Start, When};
pub use zone::Zone;

pub(crate) use when::business_days_after;
pub(crate) use zone::rules;

use crate::clock::Timestamp;
use crate::id::{ActionId, ReminderKey};
use crate::model::diff::Change;
use crate::model::event::EventKind;
use crate::model::snapshot::Snapshot;
use crate::model::speed::Speed;
use crate::model::ticket::Ticket;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

/// The maximum number of reminders that one version of a ticket has events of: they end in its transaction, which has at most 100
/// items. The others are due at the next check.
const MAX_DUE: usize = 40;

/// A reminder as it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Its name: a ticket has one reminder of a name.
    pub key: ReminderKey,
    /// When it is due.
    pub when: When,
    /// What must hold of the ticket when it is due.
    #[serde(default)]
    pub only_while: OnlyWhile,
    /// When the event was found that it was decided on.
    pub event_at: Timestamp,
    /// When it was set.
    pub set_at: Timestamp,
    /// The handler that set it.
    pub set_by: String,
    /// The action that set it.
    pub action: ActionId,
    /// How fast its wait passes: as time, except on a developer's stack.
    #[serde(default, skip_serializing_if = "Speed::is_real")]
    pub speed: Speed,
}

/// What must hold of a ticket when its reminder is due; otherwise the reminder lapses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OnlyWhile {
    /// It is in the workflow of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// It is in the stage of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// It is not switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub active: bool,
}

/// What becomes of a reminder of the same key that the ticket has already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfSet {
    /// The new one replaces it.
    #[default]
    Replace,
    /// It stays, and the new one is not set. One that lapsed, was cancelled or was due is replaced.
    Keep,
}

/// What a check of a ticket makes of a reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has been due since then, and its event is to be published.
    Due(Timestamp),
    /// It is due, and the ticket is no longer as it should be.
    Lapsed(Lapse),
    /// It is due later, or waits for a date.
    Waits(Option<Timestamp>),
}

/// Why a reminder lapsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, EnumString, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Lapse {
    /// The API no longer returns the ticket.
    TicketGone,
    /// The ticket is switched off.
    TicketInactive,
    /// The ticket is in another workflow.
    OtherWorkflow,
    /// The ticket is in another stage.
    OtherStage,
}

impl Reminder {
    /// When it is due for this ticket; none while it waits for a date.
    pub fn due_at(&self, ticket: Option<&Ticket>) -> Option<Timestamp> {
        self.when.resolve(self.event_at, ticket).map(|at| self.speed.end(self.event_at, at))
    }

    /// What a check makes of it that found the ticket like this; none if there is no such ticket.
    pub fn judge(&self, found: Option<&Snapshot>, now: Timestamp) -> Verdict {
        let due_at = match self.due_at(found.map(|found| &found.ticket)) {
            Some(due_at) if due_at <= now => due_at,
            later => return Verdict::Waits(later),
        };
        let Some(found) = found.filter(|found| !found.gone) else {
            return Verdict::Lapsed(Lapse::TicketGone);
        };
        if let Some(lapse) = self.only_while.broken_by(&found.ticket) {
            return Verdict::Lapsed(lapse);
        }
        Verdict::Due(due_at)
    }

    /// Its event about this ticket.
    fn event(&self, ticket: &Ticket, due_at: Timestamp, now: Timestamp) -> EventKind {
        let asked_for = self.when.resolve(self.event_at, Some(ticket));
        EventKind::ReminderDue {
            ticket: ticket.clone(),
            key: self.key.clone(),
            due_at: asked_for.unwrap_or(due_at),
            late_by: now.since(due_at).as_secs(),
            set_at: self.set_at,
            set_by: self.set_by.clone(),
        }
    }
}

/// Adds to the change that a check found an event for each reminder that is due, in the same version and in the order in which
/// they were due. Also returns these reminders.
pub fn apply<'a>(
    waiting: &'a [Reminder],
    before: Option<&Snapshot>,
    found: Option<Change>,
    now: Timestamp,
) -> (Option<Change>, Vec<&'a Reminder>) {
    let current = found.as_ref().map(|change| &change.snapshot).or(before);
    let judged = waiting.iter().filter_map(|reminder| match reminder.judge(current, now) {
        Verdict::Due(since) => Some((since, reminder)),
        Verdict::Lapsed(_) | Verdict::Waits(_) => None,
    });
    let mut due: Vec<(Timestamp, &Reminder)> = judged.collect();
    due.sort_by_key(|(since, reminder)| (*since, &reminder.key));
    due.truncate(MAX_DUE);
    let change = match (found, before) {
        (Some(change), _) => Some(change),
        (None, Some(before)) if !due.is_empty() => Some(Change { snapshot: before.next(), kind: Vec::new() }),
        (None, _) => None,
    };
    let change = change.map(|mut change| {
        let events = due.iter().map(|(since, reminder)| reminder.event(&change.snapshot.ticket, *since, now));
        change.kind.extend(events);
        change
    });
    (change, due.into_iter().map(|(_, reminder)| reminder).collect())
}

impl OnlyWhile {
    /// Whether nothing must hold.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first part of it that does not hold.
    fn broken_by(&self, ticket: &Ticket) -> Option<Lapse> {
        let is_other_stage = self.stage.as_deref().is_some_and(|name| !ticket.stage.is_named(name));
        let is_other_workflow = self.workflow.as_deref().is_some_and(|name| !ticket.workflow.is_named(name));
        if self.active && ticket.active == Some(false) {
            Some(Lapse::TicketInactive)
        } else if is_other_workflow {
            Some(Lapse::OtherWorkflow)
        } else if is_other_stage {
            Some(Lapse::OtherStage)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
