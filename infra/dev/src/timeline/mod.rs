//! The timeline of an event, assembled from the functions' log lines: the webhook, the change, what each handler decides,
//! and the outcome of each action.

use crate::line::{LogLine, time_of_day, timestamp};
use automations::telemetry::EventName;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// A complete timeline is finished after this time without a new line.
const QUIET_MS: i64 = 2_000;
/// An incomplete timeline is finished after this time without a new line. A later line makes it finish again.
const INCOMPLETE_MS: i64 = 15_000;
/// A timeline is removed after this time without a new line.
const RETENTION_MS: i64 = 3_600_000;

/// The timelines of recent events.
#[derive(Debug, Default)]
pub struct Timelines {
    /// The time at which a webhook was accepted, by request id.
    webhooks: HashMap<String, i64>,
    /// By event id.
    timelines: BTreeMap<String, Timeline>,
}

/// One event's timeline.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    event: String,
    kind: String,
    ticket: Option<String>,
    cause: String,
    /// The id of the request with the webhook.
    request: Option<String>,
    webhook_at: Option<i64>,
    stored_at: Option<i64>,
    /// By handler.
    handlers: BTreeMap<String, Step>,
    /// By action id.
    actions: BTreeMap<String, Step>,
    /// The time of the last line about it.
    updated_at: i64,
    is_finished: bool,
}

/// What a handler decided, or the state of an action.
#[derive(Debug, Clone, Default, PartialEq)]
struct Step {
    at: i64,
    text: String,
    /// The number of actions that a handler sent.
    sent: u64,
    /// Whether the message will be retried.
    is_open: bool,
}

impl Timelines {
    /// Adds a log line; `now` is in milliseconds since 1970.
    pub fn record(&mut self, line: &LogLine, now: i64) {
        let field = |field| line.text(field).unwrap_or_default();
        match line.event_name() {
            Some(EventName::WebhookAccepted) => {
                let request = field("hint.id").rsplit_once('.').map(|(request, _)| request.to_owned());
                self.webhooks.extend(request.map(|request| (request, line.at)));
            }
            Some(EventName::ChangeStored | EventName::WebhookUnrecognised | EventName::InboundReceived) => {
                let timeline = self.timeline(field("event.id"), now);
                let unrecognised = || "webhook.unrecognised".to_owned();
                timeline.kind = line.text("event.kind").map_or_else(unrecognised, str::to_owned);
                timeline.ticket = line.text("ticket.id").map(str::to_owned);
                line.text("found_by").unwrap_or("webhook").clone_into(&mut timeline.cause);
                // A hint's id is the request's id and the index of the hint in the request.
                timeline.request = field("hint.id").rsplit_once('.').map(|(request, _)| request.to_owned());
                timeline.stored_at = Some(line.at);
            }
            Some(EventName::InboundDuplicate) => {
                let kind =
                    format!("{}, dropped as a repetition by its {}", field("event.kind"), field("repeats"));
                self.timeline(field("event.id"), now).kind = kind;
            }
            Some(EventName::ActionsDecided) => {
                let sent = line.count("actions").unwrap_or_default();
                let text = if sent == 0 { "nothing to do".to_owned() } else { counted(sent) };
                let step = Step { at: line.at, text, sent, is_open: false };
                self.timeline(field("event.id"), now).handlers.insert(line.function.clone(), step);
            }
            Some(EventName::ActionsDryRun) => {
                let step = Step { at: line.at, text: "dry run".to_owned(), ..Step::default() };
                self.timeline(field("event.id"), now).handlers.insert(line.function.clone(), step);
            }
            Some(EventName::ActionPerformed) => {
                let text = format!("{} {}", field("action.kind"), field("outcome").replace('_', " "));
                self.step(line, field("action.id"), text, false, now);
            }
            Some(EventName::MessageRetried) => {
                let after = line.count("retry_ms").unwrap_or_default();
                let text = format!("{}, retried in {after} ms", field("reason"));
                self.step(line, field("subject"), text, true, now);
            }
            Some(EventName::MessageDeadLettered) => {
                self.step(line, field("subject"), format!("dead-lettered: {}", field("reason")), false, now);
            }
            _ => {}
        }
    }

    /// Returns the timelines that have finished, each once unless a line was added since; `now` is in milliseconds since 1970.
    pub fn finished(&mut self, now: i64) -> Vec<Timeline> {
        let webhooks = &self.webhooks;
        let mut finished = Vec::new();
        for timeline in self.timelines.values_mut() {
            timeline.webhook_at =
                timeline.request.as_ref().and_then(|request| webhooks.get(request)).copied();
            let quiet = now.saturating_sub(timeline.updated_at);
            if !timeline.is_finished && quiet >= if timeline.is_complete() { QUIET_MS } else { INCOMPLETE_MS }
            {
                timeline.is_finished = true;
                finished.push(timeline.clone());
            }
        }
        self.timelines.retain(|_, timeline| now.saturating_sub(timeline.updated_at) < RETENTION_MS);
        self.webhooks.retain(|_, at| now.saturating_sub(*at) < RETENTION_MS);
        finished.sort_by_key(Timeline::start);
        finished
    }

    fn timeline(&mut self, event: &str, now: i64) -> &mut Timeline {
        let timeline = self.timelines.entry(event.to_owned()).or_default();
        event.clone_into(&mut timeline.event);
        (timeline.updated_at, timeline.is_finished) = (now, false);
        timeline
    }

    /// Adds a step: the worker's lines have an action as their subject (`{event}.{handler}.{index}`), a handler's the event.
    fn step(&mut self, line: &LogLine, subject: &str, text: String, is_open: bool, now: i64) {
        let mut step = Step { at: line.at, text, sent: 0, is_open };
        match subject.split('.').collect::<Vec<_>>().as_slice() {
            [event, _, index, ..] => {
                if line.text("action.kind").is_none() {
                    step.text = format!("action {index} {}", step.text);
                }
                self.timeline(event, now).actions.insert(subject.to_owned(), step);
            }
            [event] if !event.is_empty() => {
                self.timeline(event, now).handlers.insert(line.function.clone(), step);
            }
            // The subject is a hint, which has no event yet.
            _ => {}
        }
    }
}

impl Timeline {
    /// The functions that took part.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        let ingest = self.webhook_at.map(|_| "webhook-ingest");
        let worker = (!self.actions.is_empty()).then_some("action-worker");
        let handlers = self.handlers.keys().map(String::as_str);
        ingest.into_iter().chain(["event-enricher"]).chain(handlers).chain(worker)
    }

    /// The timeline as one line of text.
    pub fn text(&self) -> String {
        let start = self.start();
        let after = |at: i64| format!("+{} ms", at.saturating_sub(start));
        let ticket = self.ticket.as_deref().map(|id| format!(" of {id}")).unwrap_or_default();
        let kind = if self.kind.is_empty() { "an earlier event" } else { &self.kind };
        let mut steps = vec![if self.cause.is_empty() { "…".to_owned() } else { self.cause.clone() }];
        steps.extend(self.stored_at.map(|at| format!("event {}", after(at))));
        let handlers =
            by_time(&self.handlers).map(|(name, step)| format!("{name} {}: {}", after(step.at), step.text));
        steps.extend(handlers);
        steps.extend(by_time(&self.actions).map(|(_, step)| format!("{} {}", step.text, after(step.at))));
        let outcome = match self.waiting() {
            0 if self.handlers.is_empty() => " → no handler".to_owned(),
            0 => String::new(),
            waiting => format!(" → {} not done yet", counted(waiting)),
        };
        format!("{} {kind}{ticket}: {}{outcome}", time_of_day(start), steps.join(" → "))
    }

    /// The timeline as one JSON object.
    pub fn json(&self) -> Value {
        let start = self.start();
        let step = |step: &str, name: &str, at: i64, text: &str| json!({ "step": step, "name": name, "after_ms": at.saturating_sub(start), "text": text });
        let mut steps: Vec<Value> =
            self.webhook_at.map(|at| step("webhook", "", at, "accepted")).into_iter().collect();
        steps.extend(self.stored_at.map(|at| step("event", &self.kind, at, "stored")));
        steps.extend(by_time(&self.handlers).map(|(name, done)| step("handler", name, done.at, &done.text)));
        steps.extend(by_time(&self.actions).map(|(id, done)| step("action", id, done.at, &done.text)));
        json!({ "timeline": {
            "event": self.event, "kind": self.kind, "ticket": self.ticket, "cause": self.cause,
            "started": timestamp(start), "waiting": self.waiting(), "steps": steps,
        }})
    }

    /// The earliest known time.
    fn start(&self) -> i64 {
        let steps = self.handlers.values().chain(self.actions.values()).map(|step| step.at);
        self.webhook_at.or(self.stored_at).or_else(|| steps.min()).unwrap_or(self.updated_at)
    }

    fn is_complete(&self) -> bool {
        self.stored_at.is_some() && self.waiting() == 0 && self.handlers.values().all(|step| !step.is_open)
    }

    /// The number of actions that were sent and have no final outcome yet.
    fn waiting(&self) -> u64 {
        let sent = self.handlers.values().fold(0_u64, |sum, step| sum.saturating_add(step.sent));
        let done = self.actions.values().filter(|step| !step.is_open).count();
        sent.saturating_sub(u64::try_from(done).unwrap_or(u64::MAX))
    }
}

fn by_time(steps: &BTreeMap<String, Step>) -> impl Iterator<Item = (&str, &Step)> {
    let mut steps: Vec<_> = steps.iter().map(|(name, step)| (name.as_str(), step)).collect();
    steps.sort_by_key(|(_, step)| step.at);
    steps.into_iter()
}

fn counted(count: u64) -> String {
    if count == 1 { "1 action".to_owned() } else { format!("{count} actions") }
}

#[cfg(test)]
mod tests;
