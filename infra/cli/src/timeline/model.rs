//! What a timeline says. Ids, names of handlers, stages and labels, and no person's data.

use automations::clock::Timestamp;
use automations::id::{ActionId, EventId, HintId, OrganisationId, ReminderKey, TicketId, WebhookAction};
use automations::store::Outcome;
use serde::{Serialize, Serializer};

/// What happened to a ticket, or around one event, in order: a cause is before its effects, and else the earlier entry is first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket; none for an event that has none, such as that of a form.
    pub ticket: Option<TicketId>,
    /// What happened.
    pub entries: Vec<Entry>,
    /// What could not be found out, and where it may be found.
    pub notes: Vec<String>,
}

/// One thing that happened, or did not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// When; none if that is not recorded: then it is after its cause.
    pub at: Option<Timestamp>,
    /// What.
    #[serde(flatten)]
    pub step: Step,
}

/// What happened, or did not.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A webhook that named the ticket was received.
    Webhook {
        /// The action in its URL.
        action: WebhookAction,
        /// The hint that it became.
        hint: HintId,
    },
    /// No webhook named the ticket: the reconciler asked for a check that was due.
    Reconciler {
        /// Its hint.
        hint: HintId,
    },
    /// A handler's schedule fired.
    Schedule {
        /// The hint of the firing, the same for all organisations.
        hint: HintId,
    },
    /// The change was made by an action of ours; the hint led to the check that found it.
    OwnChange {
        /// The hint.
        hint: HintId,
        /// The actions that led to it, oldest first.
        chain: Vec<ActionId>,
    },
    /// The ticket was fetched, and differs from the snapshot.
    Fetched {
        /// The ticket's new version.
        version: u64,
        /// The number of differences, each of which is an event.
        differences: usize,
    },
    /// One difference, or one post to an inbound webhook.
    Event {
        /// Its id.
        event: EventId,
        /// Its kind; none if the event is not in the journal.
        kind: Option<String>,
        /// What changed, from what to what.
        text: String,
        /// Whether it was published.
        publication: Publication,
    },
    /// A handler decided.
    Decided {
        /// On this event.
        event: EventId,
        /// The handler.
        handler: String,
        /// The number of its actions, as far as it is known.
        actions: usize,
        /// When the event was sent again, if it was: by an operator, or from an outbox.
        resent: Option<Timestamp>,
    },
    /// A handler did nothing about an event.
    Nothing {
        /// The event.
        event: EventId,
        /// The handler.
        handler: String,
        /// Why.
        #[serde(flatten)]
        why: Nothing,
    },
    /// An attempt failed, and the message was received again later.
    Retried {
        /// The id of the event or the action.
        subject: String,
        /// The function.
        function: String,
        /// The reason code.
        reason: String,
        /// The delay in milliseconds.
        retry_ms: Option<u64>,
    },
    /// What became of an action.
    Action {
        /// Its id.
        action: ActionId,
        /// Its kind, such as `add_label`; none if no record says it.
        kind: Option<&'static str>,
        /// What became of it.
        #[serde(flatten)]
        state: ActionState,
    },
    /// A message is a dead letter.
    DeadLetter {
        /// The message's id, for `automations dlq`.
        message: String,
        /// The dead-letter queue.
        queue: String,
        /// The id of the hint, the event or the action in it.
        subject: String,
        /// The reason code.
        reason: String,
        /// What happened, in a sentence.
        error: String,
        /// A newer action of the same handler that was performed.
        superseded_by: Option<ActionId>,
    },
    /// A reminder waits, lapsed or was cancelled.
    Reminder {
        /// Its key.
        key: ReminderKey,
        /// The handler that set it.
        set_by: String,
        /// When it is due, if it waits for a time.
        due_at: Option<Timestamp>,
        /// What became of it, in words.
        text: String,
    },
    /// A handler waits until the ticket was left alone for its quiet period.
    Waits {
        /// The handler.
        handler: String,
        /// The number of events that it will decide on at once.
        events: usize,
        /// When that is, unless another change comes before.
        until: Timestamp,
    },
    /// No check found anything since.
    NextCheck {
        /// The version that the ticket still has.
        version: u64,
        /// When it is checked next, at the latest.
        next_check: Timestamp,
        /// Salestrekker no longer returns it.
        is_gone: bool,
    },
}

/// Whether an event reached the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Publication {
    /// It is no longer in the outbox.
    Published,
    /// It is in the outbox still: it is published at the next check.
    InOutbox,
    /// The outbox was not read.
    Unknown,
}

/// Why a handler did nothing about an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Nothing {
    /// Its subscription, as it is deployed now, does not accept the event.
    NotSubscribed {
        /// The keys of the filter policy that the event does not fulfil; empty if there is no subscription.
        keys: Vec<String>,
    },
    /// The event was not published yet.
    InOutbox,
    /// The change is the undo of its own action by an operator: it would do the same again.
    OwnUndo,
    /// It decided that there is nothing to do, as its log says.
    DecidedNothing,
    /// It is in its dry run: what it decides is logged and not sent.
    DryRun {
        /// The number of actions that its log has; none if it was not read or has none.
        actions: Option<usize>,
    },
    /// It was disabled for the organisation (`automations settings`), as its log says.
    Disabled,
    /// It is disabled for the organisation now, and nothing says whether it was then.
    DisabledNow,
    /// It is paused since before the event: the event waits in its queue.
    Paused,
    /// Its last attempt failed, and the event is received again.
    Retried,
    /// The event is a dead letter of its queue.
    DeadLettered,
    /// Its subscription accepts the event, and nothing that was read says what it did.
    NotRecorded,
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ActionState {
    /// It reached its end.
    Done {
        /// Its outcome; in JSON its name, the ids of what was created, and what superseded it, without an amount.
        #[serde(flatten, serialize_with = "without_amounts")]
        outcome: Outcome,
    },
    /// An invocation performs it.
    InProgress {
        /// When its lease ends.
        until: Timestamp,
    },
    /// An attempt ended without a result: it is retried.
    Waiting {
        /// Something that must not happen twice may have been sent.
        outcome_unknown: bool,
    },
    /// It may or may not have taken effect: a person decides.
    Parked,
    /// It is a dead letter, and was not performed.
    DeadLettered,
    /// Its record cannot be read.
    Unreadable,
    /// It has no record: it is in the queue of actions, or its dead letter was deleted.
    NotRecorded,
}

fn without_amounts<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(outcome).map_err(serde::ser::Error::custom)?;
    for part in ["expected", "found"] {
        if let Some(part) = value.get_mut(part).and_then(serde_json::Value::as_object_mut) {
            part.remove("value");
        }
    }
    value.serialize(serializer)
}
