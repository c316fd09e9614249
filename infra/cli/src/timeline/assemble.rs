//! From what is kept to a timeline: pure.

mod lead;
mod quiet_period;
mod state;

use super::action_parts::ActionParts;
use super::draft::{Cause, Draft};
use super::kept::{DeadMessage, Kept, Lead, LogLine, Subject, Subscriber};
use super::model::{ActionState, Nothing, Publication, Step, Timeline};
use crate::event_text;
use automations::Event;
use automations::id::{ActionId, EventId};
use automations::model::action::PlannedAction;
use automations::model::event::Cause as EventCause;
use automations::store::ActionRecord;
use automations::telemetry::EventName;
use std::collections::{BTreeMap, BTreeSet};

/// Puts what is kept in order, and says of each handler that did nothing why.
pub fn assemble(kept: &Kept) -> Timeline {
    let mut assembly =
        Assembly { kept, decisions: decisions(kept), caused: BTreeMap::new(), draft: Draft::default() };
    for events in kept.events.chunk_by(is_of_one_check) {
        assembly.check(events);
    }
    let missing =
        assembly.decisions.keys().map(|of| &of.event).chain(kept.lead.iter().map(|lead| &lead.event));
    let missing: BTreeSet<EventId> = missing.cloned().collect();
    let ended = assembly.ends_of_quiet_periods();
    let known: BTreeSet<&EventId> = kept.events.iter().map(|event| &event.id).chain(&ended).collect();
    for event in missing.iter().filter(|event| !known.contains(event)) {
        assembly.event_without_journal(event);
    }
    for dead in &kept.dead_letters {
        if let Subject::Hint(hint) = &dead.subject {
            assembly.draft.first(dead.at, Some(dead.at), dead_letter(dead, hint.as_str()));
        }
    }
    assembly.last_check();
    assembly.reminders();
    assembly.waiting();
    Timeline {
        organisation: kept.organisation.clone(),
        ticket: kept.ticket.clone(),
        entries: assembly.draft.in_order(),
        notes: kept.notes.clone(),
    }
}

/// What a handler decided on an event, once: a reprocessed event is another decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Of {
    event: EventId,
    handler: String,
    reprocessed: Option<u64>,
}

/// The actions of a decision that are known, by position.
type Decisions = BTreeMap<Of, BTreeMap<usize, ActionId>>;

struct Assembly<'a> {
    kept: &'a Kept,
    decisions: Decisions,
    /// The decision of each action, for the changes that it led to.
    caused: BTreeMap<ActionId, Cause>,
    draft: Draft,
}

impl<'a> Assembly<'a> {
    /// The events of one check of the ticket, which have one cause.
    fn check(&mut self, events: &[Event]) {
        let Some(first) = events.first() else { return };
        let fetched_at = first.observed_at;
        let (at, step, earlier) = match &first.cause {
            EventCause::Webhook { hint, action, received_at, .. } => {
                (Some(*received_at), Step::Webhook { action: action.clone(), hint: hint.clone() }, None)
            }
            EventCause::Reconciler { hint, asked_at } => {
                (Some(*asked_at), Step::Reconciler { hint: hint.clone() }, None)
            }
            EventCause::Schedule { hint } => (None, Step::Schedule { hint: hint.clone() }, None),
            EventCause::Action { hint, chain } => (
                None,
                Step::OwnChange { hint: hint.clone(), chain: chain.clone() },
                chain.last().and_then(|action| self.caused.get(action)).copied(),
            ),
            // A cause of a newer version of the library.
            cause => (None, Step::OwnChange { hint: cause.hint().clone(), chain: Vec::new() }, None),
        };
        let trigger = match earlier {
            Some(decision) => self.draft.some_time_after(decision, fetched_at, step),
            None => self.draft.first(at.unwrap_or(fetched_at), at, step),
        };
        let fetched = match first.ticket() {
            Some(ticket) => {
                let step = Step::Fetched { version: ticket.version, differences: events.len() };
                self.draft.after(trigger, Some(fetched_at), step)
            }
            None => trigger,
        };
        for event in events {
            let step = Step::Event {
                event: event.id.clone(),
                kind: Some(event.kind.name().to_owned()),
                text: event_text::what(&event.kind),
                publication: self.publication(event),
            };
            let after = self.draft.after(fetched, Some(event.observed_at), step);
            self.handlers(&event.id, Some(event), after);
        }
    }

    fn publication(&self, event: &Event) -> Publication {
        match &self.kept.last_check {
            None => Publication::Unknown,
            Some(check) if check.unpublished.contains(&event.id) => Publication::InOutbox,
            Some(_) => Publication::Published,
        }
    }

    /// An event that has records or dead letters and is in no journal: that of a form, or one that was erased.
    fn event_without_journal(&mut self, event: &EventId) {
        if let Some(lead) = self.lead(event) {
            return self.lead_received(lead);
        }
        let actions = self.of_event(event).flat_map(|(_, all)| all.values());
        let position =
            actions.filter_map(|action| self.kept.planned(action)).map(|planned| planned.decided_at);
        let dead = self.dead_letters_of(event).map(|dead| dead.at);
        let position = position.chain(dead).min().unwrap_or(self.kept.now);
        let step = Step::Event {
            event: event.clone(),
            kind: None,
            text:
                "an event that is not in the journal: a post to an inbound webhook, or its ticket was erased"
                    .to_owned(),
            publication: Publication::Unknown,
        };
        let after = self.draft.first(position, None, step);
        self.handlers(event, None, after);
    }

    /// What each handler did about an event; of one that did nothing, why.
    fn handlers(&mut self, id: &EventId, event: Option<&Event>, after: Cause) {
        let body = match event {
            Some(event) => serde_json::to_value(event).ok(),
            None => self.lead(id).map(Lead::body),
        };
        let decided: Vec<Of> = self.of_event(id).map(|(of, _)| of.clone()).collect();
        let mut names: BTreeSet<&str> = decided.iter().map(|of| of.handler.as_str()).collect();
        let subscribers = if body.is_some() { self.kept.handlers.as_slice() } else { &[] };
        names.extend(subscribers.iter().map(|handler| handler.name.as_str()));
        for name in names {
            let subscriber = subscribers.iter().find(|handler| handler.name == name);
            let of_handler: Vec<&Of> = decided.iter().filter(|of| of.handler == name).collect();
            let retried = self.retries(id.as_str(), Some(name), after);
            let dead: Vec<&DeadMessage> = self.dead_letters_of(id).filter(|dead| is_of(dead, name)).collect();
            for of in &of_handler {
                self.decision(of, after);
            }
            if of_handler.is_empty() {
                self.nothing(id, name, (subscriber, body.as_ref()), (retried, !dead.is_empty()), after);
            }
            for dead in dead {
                self.draft.after(after, Some(dead.at), dead_letter(dead, id.as_str()));
            }
        }
    }

    fn nothing(
        &mut self,
        event: &EventId,
        handler: &str,
        (subscriber, body): (Option<&Subscriber>, Option<&serde_json::Value>),
        (is_retried, is_dead): (bool, bool),
        after: Cause,
    ) {
        let logged = |name| self.logged(event.as_str(), handler, name);
        let dry_lines = logged(EventName::ActionsDryRun).count();
        let decided = logged(EventName::ActionsDecided).last();
        let disabled = logged(EventName::ActionsDisabled).last();
        let at = decided.or_else(|| logged(EventName::ActionsDryRun).last()).or(disabled).map(|line| line.at);
        let is_now = |state: fn(&Subscriber) -> bool| subscriber.is_some_and(state);
        let refused = subscriber.zip(body).and_then(|(subscriber, body)| refusal(subscriber, body));
        let is_waiting = self.kept.last_check.as_ref().is_some_and(|check| check.unpublished.contains(event));
        let is_own_undo = self.kept.is_own_undo(event, handler);
        if let Some(number) = decided.and_then(|line| line.actions).filter(|number| *number > 0) {
            // Its log has more than the records: they wait in the queue, or they are gone.
            let of = Of { event: event.clone(), handler: handler.to_owned(), reprocessed: None };
            let ids = (0..number).filter_map(|at| Some((at, ActionId::of(event, handler, at).ok()?)));
            self.decisions.insert(of.clone(), ids.collect());
            return self.decision(&of, after);
        }
        let why = if is_own_undo && refused.is_none() {
            Nothing::OwnUndo
        } else if dry_lines > 0 {
            Nothing::DryRun { actions: Some(dry_lines) }
        } else if decided.is_some() {
            Nothing::DecidedNothing
        } else if disabled.is_some() {
            Nothing::Disabled
        } else if is_dead {
            Nothing::DeadLettered
        } else if is_retried {
            Nothing::Retried
        } else if let Some(keys) = refused {
            Nothing::NotSubscribed { keys }
        } else if is_waiting {
            Nothing::InOutbox
        } else if subscriber.is_some_and(|subscriber| self.came_in_a_pause(event, subscriber)) {
            Nothing::Paused
        } else if is_now(|subscriber| !subscriber.enabled) {
            Nothing::DisabledNow
        } else if is_now(|subscriber| subscriber.dry_run) {
            Nothing::DryRun { actions: None }
        } else {
            Nothing::NotRecorded
        };
        let step = Step::Nothing { event: event.clone(), handler: handler.to_owned(), why };
        self.draft.after(after, at, step);
    }

    /// Whether an event was found since its handler was paused. What was found before may have been decided on then.
    fn came_in_a_pause(&self, event: &EventId, subscriber: &Subscriber) -> bool {
        let found = self.kept.events.iter().find(|found| found.id == *event).map(|event| event.observed_at);
        subscriber.paused.is_some_and(|since| found.is_none_or(|at| since <= at))
    }

    fn decision(&mut self, of: &Of, after: Cause) {
        let Some(known) = self.decisions.get(of).cloned() else { return };
        let Some(parts) = known.values().next().and_then(ActionParts::of) else { return };
        let last = known.keys().next_back().copied().unwrap_or_default();
        let ids: Vec<ActionId> = (0..=last).filter_map(|position| parts.id_at(position)).collect();
        let planned: Vec<&PlannedAction> = ids.iter().filter_map(|id| self.kept.planned(id)).collect();
        let logged = self.logged(of.event.as_str(), &of.handler, EventName::ActionsDecided).next();
        let at = planned.iter().map(|planned| planned.decided_at).min().or(logged.map(|line| line.at));
        let step = Step::Decided {
            event: of.event.clone(),
            handler: of.handler.clone(),
            actions: ids.len(),
            resent: planned.iter().find_map(|planned| planned.resent).map(|resent| resent.at),
        };
        let decision = self.draft.after(after, at, step);
        for id in ids {
            self.caused.insert(id.clone(), decision);
            let performed = self.action(&id, decision);
            self.undo(&id, performed);
            self.after_quiet_period(&id, performed);
        }
    }

    /// What became of the undo of an action, if an operator sent one.
    fn undo(&mut self, undone: &ActionId, after: Cause) {
        let Ok(undo) = undone.undo() else { return };
        let is_known = self.kept.records.contains_key(&undo) || self.kept.planned(&undo).is_some();
        if is_known {
            self.caused.insert(undo.clone(), after);
            self.action(&undo, after);
        }
    }

    fn action(&mut self, id: &ActionId, decision: Cause) -> Cause {
        self.retries(id.as_str(), None, decision);
        let is_own =
            |dead: &&DeadMessage| matches!(&dead.subject, Subject::Action(planned) if planned.id == *id);
        let dead: Vec<&DeadMessage> = self.kept.dead_letters.iter().filter(is_own).collect();
        let is_dead = !dead.is_empty();
        let (at, state) = match self.kept.records.get(id) {
            Some(ActionRecord::Done(done)) => {
                (Some(done.done_at), ActionState::Done { outcome: done.outcome.clone() })
            }
            Some(ActionRecord::Parked) => (None, ActionState::Parked),
            Some(ActionRecord::Unreadable) => (None, ActionState::Unreadable),
            Some(ActionRecord::Claimed { until, .. }) if *until > self.kept.now => {
                (None, ActionState::InProgress { until: *until })
            }
            Some(ActionRecord::Claimed { outcome_unknown, .. }) if !is_dead => {
                (None, ActionState::Waiting { outcome_unknown: *outcome_unknown })
            }
            Some(ActionRecord::Claimed { .. }) => (None, ActionState::DeadLettered),
            None if is_dead => (None, ActionState::DeadLettered),
            None => (None, ActionState::NotRecorded),
        };
        let kind = self.kept.planned(id).map(|planned| planned.action.kind());
        let after = self.draft.after(decision, at, Step::Action { action: id.clone(), kind, state });
        for dead in dead {
            // Of an action that was performed later, the dead letter came first.
            let cause = if at.is_some_and(|at| at > dead.at) { decision } else { after };
            self.draft.after(cause, Some(dead.at), dead_letter(dead, id.as_str()));
        }
        after
    }

    /// Whether the log has retries of this message, which are added.
    fn retries(&mut self, subject: &str, function: Option<&str>, after: Cause) -> bool {
        let kept = self.kept;
        let of = |line: &&LogLine| {
            line.name == EventName::MessageRetried
                && line.subject == subject
                && function.is_none_or(|function| line.function == function)
        };
        let mut is_any = false;
        for line in kept.log_lines.iter().filter(of) {
            is_any = true;
            let step = Step::Retried {
                subject: subject.to_owned(),
                function: line.function.clone(),
                reason: line.reason.clone().unwrap_or_default(),
                retry_ms: line.retry_ms,
            };
            self.draft.after(after, Some(line.at), step);
        }
        is_any
    }

    /// The decisions on an event, which are beside each other.
    fn of_event(&self, event: &EventId) -> impl Iterator<Item = (&Of, &BTreeMap<usize, ActionId>)> {
        let first = Of { event: event.clone(), handler: String::new(), reprocessed: None };
        let event = event.clone();
        self.decisions.range(first..).take_while(move |(of, _)| of.event == event)
    }

    fn dead_letters_of(&self, event: &EventId) -> impl Iterator<Item = &'a DeadMessage> + use<'a> {
        let event = event.clone();
        let is_of = move |dead: &&DeadMessage| matches!(&dead.subject, Subject::Event { event: of, .. } if *of == event);
        self.kept.dead_letters.iter().filter(is_of)
    }

    fn logged(
        &self,
        subject: &str,
        function: &str,
        name: EventName,
    ) -> impl Iterator<Item = &'a LogLine> + use<'a> {
        let (subject, function) = (subject.to_owned(), function.to_owned());
        let is_of =
            move |line: &&LogLine| line.name == name && line.subject == subject && line.function == function;
        self.kept.log_lines.iter().filter(is_of)
    }
}

/// The events of a version of a ticket are those of one check; an event without a ticket is alone.
fn is_of_one_check(one: &Event, next: &Event) -> bool {
    let version = |event: &Event| event.ticket().map(|ticket| (ticket.id.clone(), ticket.version));
    version(one).is_some() && version(one) == version(next)
}

fn is_of(dead: &DeadMessage, name: &str) -> bool {
    matches!(&dead.subject, Subject::Event { handler, .. } if handler == name)
}

fn refusal(subscriber: &Subscriber, body: &serde_json::Value) -> Option<Vec<String>> {
    let refused: Vec<_> = subscriber.policies.iter().map(|policy| policy.refused_by(body)).collect();
    if refused.iter().any(Vec::is_empty) {
        None
    } else {
        Some(refused.into_iter().next().unwrap_or_default())
    }
}

fn decisions(kept: &Kept) -> Decisions {
    let dead = kept.dead_letters.iter().filter_map(|dead| match &dead.subject {
        Subject::Action(planned) => Some(&planned.id),
        Subject::Hint(_) | Subject::Event { .. } => None,
    });
    let mut decisions = Decisions::new();
    for id in kept.records.keys().chain(dead) {
        // An undo is beside the action that it undoes.
        let parts = ActionParts::of(id).filter(|parts| !parts.is_undo);
        let Some(ActionParts { event, handler, reprocessed, position, is_undo: _ }) = parts else { continue };
        decisions.entry(Of { event, handler, reprocessed }).or_default().insert(position, id.clone());
    }
    decisions
}

fn dead_letter(dead: &DeadMessage, subject: &str) -> Step {
    Step::DeadLetter {
        message: dead.message.clone(),
        queue: dead.queue.clone(),
        subject: subject.to_owned(),
        reason: dead.reason.clone(),
        error: dead.error.clone(),
        superseded_by: dead.superseded_by.clone(),
    }
}
