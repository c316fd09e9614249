//! A timeline in words.

use super::model::{ActionState, Entry, Nothing, Publication, Step, Timeline};
use automations::id::EventId;
use automations::store::Outcome;
use std::collections::BTreeMap;
use std::fmt;

/// Where in the pipeline an entry belongs, in a word.
pub fn label(step: &Step) -> &'static str {
    match step {
        Step::Webhook { .. } => "webhook",
        Step::Reconciler { .. } => "reconciler",
        Step::Schedule { .. } => "schedule",
        Step::OwnChange { .. } => "own change",
        Step::Fetched { .. } => "fetch",
        Step::Event { .. } => "event",
        Step::Decided { .. } | Step::Nothing { .. } | Step::Waits { .. } => "handler",
        Step::Retried { .. } => "retry",
        Step::Action { .. } => "action",
        Step::DeadLetter { .. } => "dead letter",
        Step::Reminder { .. } => "reminder",
        Step::NextCheck { .. } => "check",
    }
}

/// What an entry says, in a sentence.
pub fn words(step: &Step) -> String {
    match step {
        Step::Webhook { action, hint } => format!("{action} was received, hint {hint}"),
        Step::Reconciler { hint } => {
            format!("no webhook: a check was due, regularly, after a change or by `recheck`, hint {hint}")
        }
        Step::Schedule { hint } => format!("a handler's schedule fired, hint {hint}"),
        Step::OwnChange { hint, chain } => match chain.last() {
            Some(action) => format!("the action {action} made the change, hint {hint}"),
            None => format!("the check was asked for by hint {hint}"),
        },
        Step::Fetched { version, differences } => {
            format!("version {version}, {} from the version before", number(*differences, "difference"))
        }
        Step::Event { event, text, publication, .. } => match publication {
            Publication::Published | Publication::Unknown => format!("{text}, {event}"),
            Publication::InOutbox => {
                format!("{text}, {event}: in the outbox still; it is published at the next check")
            }
        },
        Step::Decided { handler, actions, resent, .. } => {
            let resent = resent.map(|at| format!("; sent again at {at}")).unwrap_or_default();
            format!("{handler} decided {}{resent}", number(*actions, "action"))
        }
        Step::Nothing { handler, why, .. } => format!("{handler} did nothing: {}", reason(why)),
        Step::Retried { function, reason, retry_ms, .. } => {
            let after = retry_ms.map(|ms| format!(", received again after {ms} ms")).unwrap_or_default();
            format!("an attempt of {function} failed: {reason}{after}")
        }
        Step::Action { action, kind, state } => {
            let by = if action.undoes().is_some() { "an operator undoes it: " } else { "" };
            format!("{by}{} {}, {action}", kind.unwrap_or("of unknown kind"), outcome(state))
        }
        Step::DeadLetter { message, queue, subject, reason, error, superseded_by } => {
            let superseded = superseded_by
                .as_ref()
                .map(|newer| format!("; superseded by {newer}, which was performed"))
                .unwrap_or_default();
            let error = if error.is_empty() { String::new() } else { format!(": {error}") };
            format!("{reason}{error} ({subject} in {queue}, --id {message}{superseded})")
        }
        Step::Reminder { key, set_by, due_at, text } => {
            let due_at = due_at.map(|due_at| format!(" until {due_at}")).unwrap_or_default();
            format!("{key} of {set_by} {text}{due_at}")
        }
        Step::Waits { handler, events, until } => {
            format!(
                "{handler} decides on {} once the ticket was left alone; it waits until {until}",
                number(*events, "event")
            )
        }
        Step::NextCheck { version, next_check, is_gone } => {
            let gone = if *is_gone { "Salestrekker no longer returns the ticket; " } else { "" };
            format!(
                "{gone}no check found more than version {version}; the next one is at {next_check}, at the latest. A webhook whose check fails \
                 waits in the queue of hints, which is not shown here: `automations organisation check` says whether the API can be asked"
            )
        }
    }
}

fn reason(why: &Nothing) -> String {
    match why {
        Nothing::NotSubscribed { keys } if keys.is_empty() => "it has no subscription".to_owned(),
        Nothing::NotSubscribed { keys } => {
            format!("its subscription, as it is deployed now, does not accept the event's {}", keys.join(", "))
        }
        Nothing::InOutbox => "the event is not published yet".to_owned(),
        Nothing::OwnUndo => "an operator undid its own action with this change, and it would do the same again".to_owned(),
        Nothing::DecidedNothing => "it decided that there is nothing to do".to_owned(),
        Nothing::DryRun { actions: Some(actions) } => {
            format!("dry run; its log has {} that it would send", number(*actions, "action"))
        }
        Nothing::DryRun { actions: None } => "dry run: what it decides is in its log and is not sent".to_owned(),
        Nothing::Disabled => "it is disabled for the organisation; see `automations settings`".to_owned(),
        Nothing::DisabledNow => {
            "not recorded; it is disabled for the organisation now, and may not have been then; see `automations settings`".to_owned()
        }
        Nothing::Paused => "it is paused; the event waits in its queue until `automations resume`".to_owned(),
        Nothing::Retried => "its last attempt failed, and the event is received again".to_owned(),
        Nothing::DeadLettered => "the event is a dead letter of its queue".to_owned(),
        Nothing::NotRecorded => {
            "not recorded; its subscription accepts the event and there is no action of it. It decided that there is nothing to do, has not \
             received the event yet, or was deployed later"
                .to_owned()
        }
    }
}

fn outcome(state: &ActionState) -> String {
    match state {
        ActionState::Done { outcome } => match outcome {
            Outcome::Changed => "done: the ticket was changed".to_owned(),
            Outcome::NoOp => "no change needed: the ticket was so already".to_owned(),
            Outcome::Superseded { expected, found } => format!(
                "superseded, nothing was written: the decision saw {}, and then it was {}",
                expected.for_log(),
                found.for_log()
            ),
            Outcome::DryRun => "only recorded: the organisation is read-only".to_owned(),
            Outcome::Unrehearsed => "only recorded: no rehearsal of the organisation has passed".to_owned(),
            Outcome::Sent => "done: sent and accepted".to_owned(),
            Outcome::ReminderSet { due_at: Some(due_at) } => format!("done: a reminder for {due_at}"),
            Outcome::ReminderSet { due_at: None } => "done: a reminder that waits for a date".to_owned(),
            Outcome::Deferred { until } => {
                format!("waits until {until}, or longer if the ticket changes again")
            }
            Outcome::ReminderCancelled => "done: the reminder is cancelled".to_owned(),
            Outcome::LeadCreated { contact, ticket } => {
                format!("done: created the contact {contact} and the ticket {ticket}")
            }
            Outcome::Created { ticket } => format!("done: created the ticket {ticket}"),
        },
        ActionState::InProgress { until } => format!("in progress, until {until} at the latest"),
        ActionState::Waiting { outcome_unknown: false } => "waits for its next attempt".to_owned(),
        ActionState::Waiting { outcome_unknown: true } => {
            "waits for its next attempt; the last one may have taken effect".to_owned()
        }
        ActionState::Parked => {
            "parked: it may or may not have taken effect; check in Salestrekker".to_owned()
        }
        ActionState::DeadLettered => "not performed: it is a dead letter".to_owned(),
        ActionState::Unreadable => "has a record that cannot be read".to_owned(),
        ActionState::NotRecorded => {
            "not performed: it waits in the queue of actions, or its dead letter was deleted".to_owned()
        }
    }
}

fn number(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// An entry as a person reads it.
#[derive(Debug)]
pub struct Line<'a> {
    /// The entry; the first of those that are one line.
    pub entry: &'a Entry,
    /// What it says, in a sentence.
    pub words: String,
}

impl Timeline {
    /// The entries as a person reads them: the handlers that do not subscribe to an event's kind are one line.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let mut others: BTreeMap<&EventId, Vec<&str>> = BTreeMap::new();
        for (event, handler) in self.entries.iter().filter_map(of_another_kind) {
            others.entry(event).or_default().push(handler);
        }
        let lines = self.entries.iter().filter_map(|entry| {
            let words = match of_another_kind(entry) {
                None => words(&entry.step),
                Some((event, _)) => {
                    let handlers = others.remove(event)?;
                    let (number, verb) =
                        (number(handlers.len(), "handler"), if handlers.len() == 1 { "is" } else { "are" });
                    format!("{number} {verb} not subscribed to this kind of event: {}", handlers.join(", "))
                }
            };
            Some(Line { entry, words })
        });
        lines.collect()
    }
}

/// The event and the handler, if the handler does not subscribe to the event's kind.
fn of_another_kind(entry: &Entry) -> Option<(&EventId, &str)> {
    let Step::Nothing { event, handler, why: Nothing::NotSubscribed { keys } } = &entry.step else {
        return None;
    };
    keys.iter().any(|key| key == "type").then_some((event, handler.as_str()))
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.entries.is_empty() {
            writeln!(f, "nothing is kept of it")?;
        }
        for Line { entry: Entry { at, step }, words } in self.lines() {
            let at = at.map(|at| at.to_string()).unwrap_or_default();
            writeln!(f, "{at:<24}  {:<11}  {words}", label(step))?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}
