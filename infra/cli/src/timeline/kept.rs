//! What was read, before it is put in order.

use crate::filter_policy::FilterPolicy;
use automations::Event;
use automations::clock::Timestamp;
use automations::id::{ActionId, EventId, HintId, InboundKind, OrganisationId, TicketId, WebhookAction};
use automations::model::action::PlannedAction;
use automations::store::{ActionRecord, StoredDeferral, StoredReminder};
use automations::telemetry::EventName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What is kept of a ticket, an event or an action, as far as it could be read.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket.
    pub ticket: Option<TicketId>,
    /// When it is read, to which leases are compared.
    pub now: Timestamp,
    /// The last check of the ticket; none if it was not read.
    pub last_check: Option<LastCheck>,
    /// The post to an inbound webhook, if it is one that is asked for.
    pub lead: Option<Lead>,
    /// The journal's events, oldest first.
    pub events: Vec<Event>,
    /// The handlers.
    pub handlers: Vec<Subscriber>,
    /// The records of actions.
    pub records: BTreeMap<ActionId, ActionRecord>,
    /// The dead letters.
    pub dead_letters: Vec<DeadMessage>,
    /// The ticket's reminders that wait, lapsed or were cancelled; the journal has the event of one that was due.
    pub reminders: Vec<StoredReminder>,
    /// What handlers have to decide once the ticket was left alone.
    pub deferrals: Vec<StoredDeferral>,
    /// Lines of the functions' logs.
    pub log_lines: Vec<LogLine>,
    /// What could not be read, for [`super::Timeline::notes`].
    pub notes: Vec<String>,
}

impl Kept {
    /// The action with this id, from its record or from a dead letter.
    pub(super) fn planned(&self, id: &ActionId) -> Option<&PlannedAction> {
        if let Some(ActionRecord::Done(done)) = self.records.get(id) {
            return Some(&done.planned);
        }
        self.dead_letters.iter().find_map(|dead| match &dead.subject {
            Subject::Action(planned) if planned.id == *id => Some(&**planned),
            Subject::Action(_) | Subject::Hint(_) | Subject::Event { .. } => None,
        })
    }

    /// Whether an event is the change by which an operator undid an action of this handler.
    pub(super) fn is_own_undo(&self, event: &EventId, handler: &str) -> bool {
        let event = self.events.iter().find(|other| other.id == *event);
        let last = event.and_then(|event| event.chain().last());
        last.is_some_and(|last| last.undoes().is_some() && last.handler() == Some(handler))
    }
}

/// What the last check that found something left, and when the next one is. One that finds nothing leaves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCheck {
    /// The version that it has since.
    pub version: u64,
    /// When it is checked next, at the latest.
    pub next: Timestamp,
    /// Salestrekker no longer returns it.
    pub is_gone: bool,
    /// The events in the outbox, which are perhaps not published.
    pub unpublished: BTreeSet<EventId>,
}

/// A post to an inbound webhook. Its fields are kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The kind of its event.
    pub kind: InboundKind,
    /// The hint that it became.
    pub hint: HintId,
    /// Its event.
    pub event: EventId,
    /// When it was received; none if it was found by its hint, which does not say it.
    pub at: Option<Timestamp>,
}

impl Lead {
    /// The action in the URL that it was posted to.
    pub(super) fn webhook(&self) -> Option<WebhookAction> {
        WebhookAction::parse(self.kind.as_str().replacen('.', "-", 1)).ok()
    }

    /// What is known of its event, as far as a filter policy can judge it.
    pub(super) fn body(&self) -> Value {
        json!({ "type": self.kind, "id": self.event, "cause": { "by": "webhook", "hint": self.hint } })
    }
}

/// A handler, as it is deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscriber {
    /// Its name.
    pub name: String,
    /// The filter policies of its subscriptions.
    pub policies: Vec<FilterPolicy>,
    /// Whether it only logs what it would do, for this organisation.
    pub dry_run: bool,
    /// Whether it is enabled for this organisation.
    pub enabled: bool,
    /// Since when an operator paused it.
    pub paused: Option<Timestamp>,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadMessage {
    /// The message's id.
    pub message: String,
    /// The dead-letter queue.
    pub queue: String,
    /// The reason code.
    pub reason: String,
    /// What happened, in a sentence.
    pub error: String,
    /// When it was dead-lettered.
    pub at: Timestamp,
    /// What is in it.
    pub subject: Subject,
    /// A newer action of the same handler that was performed.
    pub superseded_by: Option<ActionId>,
}

/// What is in a dead letter.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A hint: the ticket was not checked.
    Hint(HintId),
    /// An event that this handler did not process.
    Event {
        /// The event.
        event: EventId,
        /// The handler.
        handler: String,
    },
    /// An action that was not performed.
    Action(Box<PlannedAction>),
}

/// A line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Timestamp,
    /// The function's name without the stack's.
    pub function: String,
    /// What it reports.
    pub name: EventName,
    /// The id of the event or the action that it is about.
    pub subject: String,
    /// The number of actions, if it says one.
    pub actions: Option<usize>,
    /// The reason code, if it says one.
    pub reason: Option<String>,
    /// The delay of a retry in milliseconds.
    pub retry_ms: Option<u64>,
}
