//! What the dead letters explain: which actions and events were dead-lettered, and whether each was tried.

use crate::queues::{DeadLetter, MOVED_BY_QUEUE};
use automations::json::from_json;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reasons of a message that was received and not tried.
pub(crate) const UNTRIED: [&str; 2] = ["blocked_by_earlier_message", "out_of_time"];

#[derive(Debug, Default)]
pub(crate) struct DeadLetters {
    actions: BTreeSet<String>,
    /// Ids of events, each with the handler's queue.
    events: BTreeSet<(String, String)>,
    /// By handler and ticket: actions with an unknown outcome.
    unknown_outcomes: BTreeMap<(String, String), usize>,
    /// By queue and reason.
    pub(crate) by_reason: BTreeMap<String, usize>,
    /// Messages that say themselves that they were not tried.
    pub(crate) untried: Vec<String>,
    /// Actions that the queue moved, organisation and id: only their claims and the log say whether they were tried.
    pub(crate) moved_actions: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct PlannedAction {
    id: String,
    organisation: String,
    handler: String,
    action: Value,
}

impl DeadLetters {
    pub(crate) fn of(all: &[DeadLetter]) -> Self {
        let mut found = Self::default();
        for dead_letter in all {
            found.add(dead_letter);
        }
        found
    }

    /// Whether this action of this handler's, or the event that it is of, was dead-lettered.
    pub(crate) fn explain(&self, handler: &str, event: &str, action: &str) -> bool {
        self.actions.contains(action) || self.events.contains(&(handler.to_owned(), event.to_owned()))
    }

    /// The number of a handler's actions for this ticket of which it is not known whether they took effect.
    pub(crate) fn unknown_outcomes(&self, handler: &str, ticket: &str) -> usize {
        self.unknown_outcomes.get(&(handler.to_owned(), ticket.to_owned())).copied().unwrap_or(0)
    }

    fn add(&mut self, DeadLetter { queue, body, reason, last_failure }: &DeadLetter) {
        *self.by_reason.entry(format!("{queue}: {reason}")).or_default() += 1;
        if let Some(why) = [reason, last_failure].into_iter().find(|why| UNTRIED.contains(&why.as_str())) {
            self.untried.push(format!("a message in {queue}: {why}"));
        }
        if let Ok(PlannedAction { id, organisation, handler, action }) = from_json(body.as_bytes()) {
            let about = action.get("beside").or(action.get("ticket")).and_then(Value::as_str);
            if let (Some(ticket), "outcome_unknown") = (about, reason.as_str()) {
                *self.unknown_outcomes.entry((handler, ticket.to_owned())).or_default() += 1;
            }
            if reason == MOVED_BY_QUEUE {
                self.moved_actions.push((organisation, id.clone()));
            }
            self.actions.insert(id);
        } else if let Ok(event) = from_json::<Value>(body.as_bytes()) {
            let id = event.get("id").and_then(Value::as_str);
            let handler = queue.trim_end_matches(".fifo").trim_end_matches("-dead-letters");
            self.events.extend(id.map(|id| (handler.to_owned(), id.to_owned())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn dead_letter(queue: &str, body: &Value, reason: &str, last_failure: &str) -> DeadLetter {
        let [queue, reason, last_failure] = [queue, reason, last_failure].map(str::to_owned);
        DeadLetter { queue, body: body.to_string(), reason, last_failure }
    }

    fn action() -> Value {
        json!({ "id": "e.h.0", "organisation": "o", "handler": "h", "action": { "do": "create_ticket", "beside": "t" } })
    }

    #[test]
    fn an_event_explains_the_actions_of_its_own_handler() {
        let event = json!({ "id": "e", "type": "ticket.stage_changed" });
        let dead_letter =
            dead_letter("h-dead-letters.fifo", &event, "retries_exhausted", "queue_unavailable");
        let found = DeadLetters::of(&[dead_letter]);
        assert!(found.explain("h", "e", "e.h.0"));
        assert!(!found.explain("other", "e", "e.other.0"));
        assert!(found.untried.is_empty());
    }

    #[test]
    fn a_message_that_was_not_tried_is_noticed() {
        for (reason, last) in [("out_of_time", ""), ("retries_exhausted", "blocked_by_earlier_message")] {
            let found = DeadLetters::of(&[dead_letter("actions-dead-letters.fifo", &action(), reason, last)]);
            assert_eq!(found.untried.len(), 1, "{reason}");
        }
        let moved = dead_letter("actions-dead-letters.fifo", &action(), MOVED_BY_QUEUE, "");
        let moved = DeadLetters::of(&[moved]);
        assert_eq!(moved.moved_actions, [("o".to_owned(), "e.h.0".to_owned())]);
    }

    #[test]
    fn an_unknown_outcome_counts_for_its_handler_and_ticket() {
        let found =
            DeadLetters::of(&[dead_letter("actions-dead-letters.fifo", &action(), "outcome_unknown", "")]);
        assert_eq!((found.unknown_outcomes("h", "t"), found.unknown_outcomes("h", "u")), (1, 0));
        assert!(found.explain("h", "e", "e.h.0"));
    }
}
