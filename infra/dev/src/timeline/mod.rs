//! The way of an event, put together from what the functions say of it: the webhook, the change, what each handler decides,
//! and what became of each action.

use crate::line::{LogLine, moment, time_of_day};
use automations::telemetry::EventName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// A way is told when all that is known to come has come, and nothing came for so long.
const QUIET_MS: i64 = 2_000;
/// What is missing then is waited for so long; when it comes, the way is told again.
const PATIENCE_MS: i64 = 15_000;
/// What stood still for so long is forgotten.
const MEMORY_MS: i64 = 3_600_000;

/// The ways that are under way.
#[derive(Debug, Default)]
pub struct Ways {
    /// When a webhook was accepted, by its request.
    webhooks: HashMap<String, i64>,
    /// By the event's id.
    ways: BTreeMap<String, Timeline>,
}

/// One event's way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    event: String,
    kind: String,
    ticket: Option<String>,
    cause: String,
    /// The request that the webhook came with.
    request: Option<String>,
    webhook_at: Option<i64>,
    stored_at: Option<i64>,
    /// By handler.
    handlers: BTreeMap<String, Step>,
    /// By id.
    actions: BTreeMap<String, Step>,
    /// When something was heard of it.
    heard_at: i64,
    is_told: bool,
}

/// What a handler or the worker did.
#[derive(Debug, Clone, Default, PartialEq)]
struct Step {
    at: i64,
    says: String,
    /// So many actions a handler sent.
    sent: u64,
    /// Whether it comes again.
    is_open: bool,
}

impl Ways {
    /// Takes up what a line says.
    pub fn hear(&mut self, line: &LogLine, now: i64) {
        let text = |field| line.text(field).unwrap_or_default();
        match line.event_name() {
            Some(EventName::WebhookAccepted) => {
                self.webhooks.insert(text("request.id").to_owned(), line.at);
            }
            Some(EventName::ChangeStored | EventName::WebhookUnrecognised) => {
                let way = self.of(text("event.id"), now);
                let unrecognised = || "webhook.unrecognised".to_owned();
                way.kind = line.text("event.kind").map_or_else(unrecognised, str::to_owned);
                way.ticket = line.text("ticket.id").map(str::to_owned);
                line.text("cause.by").unwrap_or("webhook").clone_into(&mut way.cause);
                // A hint's id is the request's, and its place among the request's hints.
                way.request = text("hint.id").rsplit_once('.').map(|(request, _)| request.to_owned());
                way.stored_at = Some(line.at);
            }
            Some(EventName::ActionsDecided) => {
                let sent = line.count("actions").unwrap_or_default();
                let says = if sent == 0 { "nothing to do".to_owned() } else { counted(sent) };
                let step = Step { at: line.at, says, sent, is_open: false };
                self.of(text("event.id"), now).handlers.insert(line.function.clone(), step);
            }
            Some(EventName::ActionsDryRun) => {
                let step = Step { at: line.at, says: "dry run".to_owned(), ..Step::default() };
                self.of(text("event.id"), now).handlers.insert(line.function.clone(), step);
            }
            Some(EventName::ActionPerformed) => {
                let says = format!("{} {}", text("action.kind"), text("outcome").replace('_', " "));
                self.step(line, text("action.id"), says, false, now);
            }
            Some(EventName::MessageRetried) => {
                let after = line.count("retry_ms").unwrap_or_default();
                let says = format!("{}, retried in {after} ms", text("reason"));
                self.step(line, text("subject"), says, true, now);
            }
            Some(EventName::MessageDeadLettered) => {
                self.step(line, text("subject"), format!("dead-lettered: {}", text("reason")), false, now);
            }
            _ => {}
        }
    }

    /// The ways that can be told now, each once unless more was heard of it since.
    pub fn told(&mut self, now: i64) -> Vec<Timeline> {
        let webhooks = &self.webhooks;
        let mut told = Vec::new();
        for way in self.ways.values_mut() {
            way.webhook_at = way.request.as_ref().and_then(|request| webhooks.get(request)).copied();
            let quiet = now.saturating_sub(way.heard_at);
            if !way.is_told && quiet >= if way.is_whole() { QUIET_MS } else { PATIENCE_MS } {
                way.is_told = true;
                told.push(way.clone());
            }
        }
        self.ways.retain(|_, way| now.saturating_sub(way.heard_at) < MEMORY_MS);
        self.webhooks.retain(|_, at| now.saturating_sub(*at) < MEMORY_MS);
        told.sort_by_key(Timeline::start);
        told
    }

    fn of(&mut self, event: &str, now: i64) -> &mut Timeline {
        let way = self.ways.entry(event.to_owned()).or_default();
        event.clone_into(&mut way.event);
        (way.heard_at, way.is_told) = (now, false);
        way
    }

    /// A step of the worker's, whose subject is an action (`{event}.{handler}.{place}`), or a handler's, whose is the event.
    fn step(&mut self, line: &LogLine, subject: &str, says: String, is_open: bool, now: i64) {
        let mut step = Step { at: line.at, says, sent: 0, is_open };
        match subject.split('.').collect::<Vec<_>>().as_slice() {
            [event, _, place, ..] => {
                if line.text("action.kind").is_none() {
                    step.says = format!("action {place} {}", step.says);
                }
                self.of(event, now).actions.insert(subject.to_owned(), step);
            }
            [event] if !event.is_empty() => {
                self.of(event, now).handlers.insert(line.function.clone(), step);
            }
            // A hint's: no event came of it yet.
            _ => {}
        }
    }
}

impl Timeline {
    /// The functions that it went through.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        let door = self.webhook_at.map(|_| "webhook-ingest");
        let worker = (!self.actions.is_empty()).then_some("action-worker");
        let handlers = self.handlers.keys().map(String::as_str);
        door.into_iter().chain(["event-enricher"]).chain(handlers).chain(worker)
    }

    /// The way on one line.
    pub fn text(&self) -> String {
        let start = self.start();
        let after = |at: i64| format!("+{} ms", at.saturating_sub(start));
        let ticket = self.ticket.as_deref().map(|id| format!(" of {id}")).unwrap_or_default();
        let kind = if self.kind.is_empty() { "an earlier event" } else { &self.kind };
        let mut steps = vec![if self.cause.is_empty() { "…".to_owned() } else { self.cause.clone() }];
        steps.extend(self.stored_at.map(|at| format!("event {}", after(at))));
        let handlers =
            in_time(&self.handlers).map(|(name, step)| format!("{name} {}: {}", after(step.at), step.says));
        steps.extend(handlers);
        steps.extend(in_time(&self.actions).map(|(_, step)| format!("{} {}", step.says, after(step.at))));
        let outcome = match self.waiting() {
            0 if self.handlers.is_empty() => " → no handler".to_owned(),
            0 => String::new(),
            waiting => format!(" → {} not done yet", counted(waiting)),
        };
        format!("{} {kind}{ticket}: {}{outcome}", time_of_day(start), steps.join(" → "))
    }

    /// The way as one JSON object.
    pub fn json(&self) -> Value {
        let start = self.start();
        let step = |step: &str, name: &str, at: i64, says: &str| json!({ "step": step, "name": name, "after_ms": at.saturating_sub(start), "says": says });
        let mut steps: Vec<Value> =
            self.webhook_at.map(|at| step("webhook", "", at, "accepted")).into_iter().collect();
        steps.extend(self.stored_at.map(|at| step("event", &self.kind, at, "stored")));
        steps.extend(in_time(&self.handlers).map(|(name, done)| step("handler", name, done.at, &done.says)));
        steps.extend(in_time(&self.actions).map(|(id, done)| step("action", id, done.at, &done.says)));
        json!({ "way": {
            "event": self.event, "kind": self.kind, "ticket": self.ticket, "cause": self.cause,
            "started": moment(start), "waiting": self.waiting(), "steps": steps,
        }})
    }

    /// When it began, as far as it is known.
    fn start(&self) -> i64 {
        let steps = self.handlers.values().chain(self.actions.values()).map(|step| step.at);
        self.webhook_at.or(self.stored_at).or_else(|| steps.min()).unwrap_or(self.heard_at)
    }

    fn is_whole(&self) -> bool {
        self.stored_at.is_some() && self.waiting() == 0 && self.handlers.values().all(|step| !step.is_open)
    }

    /// How many actions were decided and are not over.
    fn waiting(&self) -> u64 {
        let sent = self.handlers.values().fold(0_u64, |sum, step| sum.saturating_add(step.sent));
        let over = self.actions.values().filter(|step| !step.is_open).count();
        sent.saturating_sub(u64::try_from(over).unwrap_or(u64::MAX))
    }
}

fn in_time(steps: &BTreeMap<String, Step>) -> impl Iterator<Item = (&str, &Step)> {
    let mut steps: Vec<_> = steps.iter().map(|(name, step)| (name.as_str(), step)).collect();
    steps.sort_by_key(|(_, step)| step.at);
    steps.into_iter()
}

fn counted(count: u64) -> String {
    if count == 1 { "1 action".to_owned() } else { format!("{count} actions") }
}

#[cfg(test)]
mod tests;
