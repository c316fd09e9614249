//! Reads what is kept of a ticket, an event or an action: the journal, the snapshot, the records of actions, the dead letters, the
//! handlers' subscriptions and, for one event, the functions' logs.

use super::action_parts::{ActionParts, after_quiet_period};
use super::dead::{self, is_about, message, subject};
use super::kept::{Kept, LastCheck, LogLine, Subject, Subscriber};
use super::logs::{self, Logged};
use super::subscribers::{subscribers, take_handlers};
use crate::account::Target;
use crate::commands::dead_letters::{DeadLetter, DeadLetterQueues, Selection};
use crate::handler_entries::Clients;
use anyhow::{Context as _, Result};
use automations::Event;
use automations::clock::Timestamp;
use automations::id::{ActionId, EventId, OrganisationId, TicketId};
use automations::store::{ActionRecord, Journal, Store};
use aws_config::SdkConfig;
use futures::{StreamExt as _, future, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Positions of a decision that are read at first; more if one of these is found.
const POSITIONS: usize = 4;
/// Positions that are looked for at most, as in `Store::superseded_by`.
const MAX_POSITIONS: usize = 32;
/// Logs that are read at the same time.
const LOGS_AT_ONCE: usize = 4;

/// What a timeline is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All that happened to a ticket.
    Ticket(TicketId),
    /// What led to this event, and what it led to.
    Event(EventId),
    /// The same of the event on which this action was decided.
    Action(ActionId),
    /// What came of a post to an inbound webhook, by the sender's id of it or the hint in the response.
    Lead(String),
}

/// Reads what is kept in one stack.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(super) store: Store,
    pub(super) dead_letters: DeadLetterQueues,
    cloudformation: aws_sdk_cloudformation::Client,
    lambda: aws_sdk_lambda::Client,
    sns: aws_sdk_sns::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    stack: String,
    now: Timestamp,
}

impl Reader {
    /// Of the stack of this name and its table.
    pub fn new(config: &SdkConfig, stack: String, store: Store, now: Timestamp) -> Self {
        Self {
            dead_letters: DeadLetterQueues::new(config, stack.clone(), store.clone(), now)
                .at_most(dead::MOST),
            store,
            cloudformation: aws_sdk_cloudformation::Client::new(config),
            lambda: aws_sdk_lambda::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            stack,
            now,
        }
    }

    /// Of this target.
    pub(crate) fn of(target: &Target, now: Timestamp) -> Self {
        Self::new(&target.config, target.stack.clone(), target.store(), now)
    }

    /// What is kept. Of a ticket, the newest `most` events; an event whose ticket is not known is looked for in the journal from
    /// `since` on.
    ///
    /// # Errors
    /// If the table cannot be read. What else cannot be read is in [`Kept::notes`].
    pub async fn read(
        &self,
        organisation: &OrganisationId,
        wanted: &Wanted,
        since: Timestamp,
        most: usize,
    ) -> Result<Kept> {
        match wanted {
            Wanted::Ticket(ticket) => self.of_ticket(organisation, ticket, most).await,
            Wanted::Event(event) => self.of_event(organisation, event, &[], since).await,
            Wanted::Lead(reference) => self.of_lead(organisation, reference).await,
            Wanted::Action(action) => {
                let parts = ActionParts::of(action)
                    .context("not the id of an action, {event}.{handler}.{position}")?;
                self.of_event(organisation, &parts.event, std::slice::from_ref(action), since).await
            }
        }
    }

    async fn of_ticket(&self, organisation: &OrganisationId, ticket: &TicketId, most: usize) -> Result<Kept> {
        let mut kept = self.empty(organisation);
        let (handlers, dead_letters, reminders, deferrals, ticket) = future::join5(
            self.handlers(organisation),
            self.dead_letters.show(&Selection::default()),
            self.store.reminders(organisation, ticket),
            self.store.deferrals(organisation, ticket),
            self.ticket(organisation, ticket, &mut kept),
        )
        .await;
        ticket?;
        (kept.reminders, kept.deferrals) = (reminders?, deferrals?);
        take_handlers(&mut kept, handlers);
        let more = kept.events.len().saturating_sub(most);
        if more > 0 {
            kept.events.drain(..more);
            kept.notes.push(format!("{more} older events are left out; --most shows them"));
        }
        let ticket = kept.ticket.clone();
        let is_own = |dead: &DeadLetter| dead.content.ticket.is_some() && dead.content.ticket == ticket;
        self.take_dead_letters(&mut kept, dead_letters, is_own).await;
        self.records(&mut kept, &[]).await?;
        kept.notes.push(
            "a webhook whose check finds no difference leaves nothing of its own; what a handler decided without an action is in its \
             log: see --event"
                .to_owned(),
        );
        Ok(kept)
    }

    async fn of_event(
        &self,
        organisation: &OrganisationId,
        event: &EventId,
        actions: &[ActionId],
        since: Timestamp,
    ) -> Result<Kept> {
        let mut kept = self.empty(organisation);
        let all = Selection::default();
        let (handlers, dead_letters) =
            future::join(self.handlers(organisation), self.dead_letters.show(&all)).await;
        take_handlers(&mut kept, handlers);
        let is_own = |dead: &DeadLetter| subject(dead).is_some_and(|subject| is_about(&subject, event));
        self.take_dead_letters(&mut kept, dead_letters, is_own).await;
        let first: Vec<ActionId> =
            kept.handlers.iter().filter_map(|handler| ActionId::of(event, &handler.name, 0).ok()).collect();
        let wanted = [actions, first.as_slice()].concat();
        kept.records = self.store.action_records(organisation, &wanted).await?;
        match self.ticket_of(&kept, event, since).await? {
            Some(ticket) => self.ticket(organisation, &ticket, &mut kept).await?,
            None => kept.notes.push(format!(
                "the event is not in the journal since {since}; an earlier one is found with --since. A post to an inbound webhook and a \
                 firing of a schedule are in no journal: their actions are found all the same"
            )),
        }
        let is_of_it = |other: &Event| {
            other.id == *event
                || other
                    .chain()
                    .iter()
                    .any(|action| ActionParts::of(action).is_some_and(|parts| parts.event == *event))
        };
        kept.events.retain(is_of_it);
        self.records(&mut kept, actions).await?;
        self.read_logs(&mut kept, event).await?;
        Ok(kept)
    }

    pub(super) fn empty(&self, organisation: &OrganisationId) -> Kept {
        Kept {
            organisation: organisation.clone(),
            ticket: None,
            now: self.now,
            last_check: None,
            lead: None,
            events: Vec::new(),
            handlers: Vec::new(),
            records: BTreeMap::new(),
            dead_letters: Vec::new(),
            reminders: Vec::new(),
            deferrals: Vec::new(),
            log_lines: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The journal and the snapshot of a ticket.
    async fn ticket(&self, organisation: &OrganisationId, ticket: &TicketId, kept: &mut Kept) -> Result<()> {
        let tickets = std::slice::from_ref(ticket);
        let (journal, known) = future::join(
            self.store.journal_of(organisation, ticket),
            self.store.known(organisation, tickets),
        )
        .await;
        let Journal { events, unreadable } = journal?;
        kept.ticket = Some(ticket.clone());
        kept.events = events;
        kept.notes.extend(unreadable.iter().map(|key| format!("cannot read {key}: its events are left out")));
        match known?.remove(ticket) {
            Some(Ok(known)) => {
                kept.last_check = Some(LastCheck {
                    version: known.snapshot.ticket.version,
                    next: known.schedule.next_check(self.now),
                    is_gone: known.snapshot.gone,
                    unpublished: known.outbox.into_iter().map(|event| event.id).collect(),
                });
            }
            Some(Err(damaged)) => kept.notes.push(format!("the snapshot cannot be read: {}", damaged.error)),
            None => kept
                .notes
                .push(format!("no snapshot of {ticket} in {organisation}: no check has found it yet")),
        }
        Ok(())
    }

    /// The ticket of an event: as its records or dead letters say, if its journal has the event; else by a search.
    async fn ticket_of(&self, kept: &Kept, event: &EventId, since: Timestamp) -> Result<Option<TicketId>> {
        let of_records = kept.records.values().filter_map(|record| match record {
            ActionRecord::Done(done) => done.planned.action.ticket(),
            ActionRecord::Claimed { .. } | ActionRecord::Parked | ActionRecord::Unreadable => None,
        });
        let of_dead = kept.dead_letters.iter().filter_map(|dead| match &dead.subject {
            Subject::Action(planned) => planned.action.ticket(),
            Subject::Hint(_) | Subject::Event { .. } => None,
        });
        let likely: BTreeSet<TicketId> = of_records.chain(of_dead).cloned().collect();
        for ticket in likely {
            let journal = self.store.journal_of(&kept.organisation, &ticket).await?;
            if journal.events.iter().any(|other| other.id == *event) {
                return Ok(Some(ticket));
            }
        }
        let mut until = self.now.later(Duration::from_mins(1));
        let mut width = Duration::from_hours(1);
        while until > since {
            let from = until.earlier(width).max(since);
            let journal = self.store.journal(from, until).await?;
            if let Some(found) = journal.events.iter().find(|other| other.id == *event) {
                return Ok(found.ticket_id().cloned());
            }
            (until, width) = (from, Duration::from_hours(24));
        }
        Ok(None)
    }

    /// The handlers of the stack, as they are for this organisation.
    pub(super) async fn handlers(&self, organisation: &OrganisationId) -> Result<Vec<Subscriber>> {
        let clients = Clients { cloudformation: &self.cloudformation, lambda: &self.lambda, sns: &self.sns };
        subscribers(&clients, &self.stack, &self.store, organisation).await
    }

    /// The records of the actions on all events, by each handler; of chains and dead letters too, as a handler may be gone.
    pub(super) async fn records(&self, kept: &mut Kept, further: &[ActionId]) -> Result<()> {
        let chains = kept.events.iter().flat_map(Event::chain);
        let dead = kept.dead_letters.iter().filter_map(|dead| match &dead.subject {
            Subject::Action(planned) => Some(&planned.id),
            Subject::Hint(_) | Subject::Event { .. } => None,
        });
        let mut wanted: BTreeSet<ActionId> = chains.chain(dead).chain(further).cloned().collect();
        for event in &kept.events {
            let body = serde_json::to_value(event).unwrap_or_default();
            for Subscriber { name, policies, .. } in &kept.handlers {
                // Its subscription may have been another one then.
                let accepts = policies.iter().any(|policy| policy.refused_by(&body).is_empty());
                let positions = 0..if accepts { POSITIONS } else { 1 };
                wanted.extend(positions.filter_map(|position| ActionId::of(&event.id, name, position).ok()));
            }
        }
        let mut read = BTreeSet::new();
        while !wanted.is_empty() {
            let ids: Vec<ActionId> = wanted.iter().cloned().collect();
            let found = self.store.action_records(&kept.organisation, &ids).await?;
            let undos = found.keys().filter(|id| id.undoes().is_none()).filter_map(|id| id.undo().ok());
            let decided = found.keys().filter_map(ActionParts::of).filter(|parts| !parts.is_undo);
            let more = decided.flat_map(|parts| {
                let next = parts.position.saturating_add(1)
                    ..parts.position.saturating_add(POSITIONS).saturating_add(1);
                next.filter(|position| *position < MAX_POSITIONS)
                    .filter_map(move |position| parts.id_at(position))
            });
            let ended = found.iter().filter_map(|(id, record)| after_quiet_period(id, record));
            let ended =
                ended.flat_map(|parts| (0..POSITIONS).filter_map(move |position| parts.id_at(position)));
            read.append(&mut wanted);
            wanted = more.chain(undos).chain(ended).filter(|id| !read.contains(id)).collect();
            kept.records.extend(found);
        }
        // A chain has actions on other tickets' events, which are theirs to say.
        let mut own: BTreeSet<EventId> = kept.events.iter().map(|event| event.id.clone()).collect();
        let is_own = |id: &ActionId| ActionParts::of(id).is_some_and(|parts| own.contains(&parts.event));
        let ended = kept.records.iter().filter(|(id, _)| is_own(id));
        let ended: Vec<EventId> =
            ended.filter_map(|(id, record)| Some(after_quiet_period(id, record)?.event)).collect();
        own.extend(ended);
        let has_journal = kept.ticket.is_some();
        kept.records.retain(|id, _| {
            !has_journal || ActionParts::of(id).is_some_and(|parts| own.contains(&parts.event))
        });
        Ok(())
    }

    /// The dead letters that are wanted; why not, if they cannot be read.
    pub(super) async fn take_dead_letters(
        &self,
        kept: &mut Kept,
        all: Result<Vec<(DeadLetter, String)>>,
        is_wanted: impl Fn(&DeadLetter) -> bool,
    ) {
        let all = match all {
            Ok(all) => all,
            Err(error) => return kept.notes.push(format!("the dead letters cannot be read: {error:#}")),
        };
        if let Some(queue) = dead::first_full(all.iter().map(|(dead, _)| dead.queue.as_str())) {
            kept.notes.push(format!(
                "of the dead letters in {queue}, only about the first {} were looked through; `automations dlq show --queue {queue}` \
                 reads all",
                dead::MOST
            ));
        }
        let is_own = |dead: &DeadLetter| {
            dead.content.organisation.as_ref() == Some(&kept.organisation) && is_wanted(dead)
        };
        let mut own: Vec<DeadLetter> = all.into_iter().map(|(dead, _)| dead).filter(is_own).collect();
        if let Err(error) = self.dead_letters.mark_superseded(&mut own).await {
            kept.notes.push(format!("{error:#}"));
        }
        own.sort_by(|one, other| (one.dead_lettered_at, &one.id).cmp(&(other.dead_lettered_at, &other.id)));
        kept.dead_letters = own.iter().filter_map(|dead| Some(message(dead, subject(dead)?))).collect();
    }

    /// What the logs have of an event and of its actions that are not done.
    pub(super) async fn read_logs(&self, kept: &mut Kept, event: &EventId) -> Result<()> {
        let of_event = kept.events.iter().find(|other| other.id == *event).map(|event| event.observed_at);
        let Some(from) = of_event.or(kept.lead.as_ref().and_then(|lead| lead.at)) else { return Ok(()) };
        let of_handlers = kept.handlers.iter().map(|handler| (handler.name.clone(), event.to_string()));
        let open = kept.records.iter().filter(|(_, record)| !matches!(record, ActionRecord::Done(_)));
        let of_worker = open.map(|(action, _)| ("action-worker".to_owned(), action.to_string()));
        let wanted: Vec<(String, String)> = of_handlers.chain(of_worker).collect();
        let read = stream::iter(&wanted).map(|(function, subject)| async move {
            (function, logs::lines(&self.logs, &self.stack, function, subject, from).await)
        });
        let read: Vec<_> = read.buffered(LOGS_AT_ONCE).collect().await;
        let mut denied = BTreeSet::new();
        for (function, logged) in read {
            match logged {
                Ok(Logged::Lines(lines)) => kept.log_lines.extend(lines),
                Ok(Logged::Denied) => {
                    denied.insert(function.as_str());
                }
                Ok(Logged::NoGroup) => kept.notes.push(format!("{function} has no log group")),
                Err(error) => kept.notes.push(format!("{error:#}")),
            }
        }
        kept.log_lines.sort_by_key(|line: &LogLine| line.at);
        if !denied.is_empty() {
            let functions = Vec::from_iter(denied).join(", ");
            kept.notes.push(format!("the profile lacks logs:FilterLogEvents for the logs of {functions}"));
        }
        Ok(())
    }
}
