//! A post to an inbound webhook: found by the sender's id of it, or by the hint in the response. Its receipt has when it came and which
//! event it became; its content is kept nowhere.

use super::kept::{Kept, Lead, Subject};
use super::read::Reader;
use super::subscribers::take_handlers;
use crate::commands::dead_letters::{DeadLetter, Selection};
use anyhow::Result;
use automations::id::{ActionId, EventId, HintId, InboundKind, OrganisationId, TicketId, WebhookAction};
use automations::model::inbound::digests_of_id;
use automations::store::{ActionRecord, InboundReceipt, Outcome};
use futures::future;
use std::collections::BTreeSet;

/// Positions of each handler's decision that are read at first.
const POSITIONS: usize = 4;
const NOT_FOUND: &str = "no post with this reference is known. It is the sender's own id of the post, such as the header webhook-id, for 45 days; or \
     `hint` in the response, with what came of it. A post without an id is known by its hint alone";

impl Reader {
    /// What is kept of a post with this reference.
    pub(super) async fn of_lead(&self, organisation: &OrganisationId, reference: &str) -> Result<Kept> {
        let mut kept = self.empty(organisation);
        let kinds = self.kinds(organisation).await?;
        let mut found = self.received(organisation, &kinds, reference).await?;
        if found.is_empty() {
            found = of_hint(organisation, &kinds, reference);
        }
        let all = Selection::default();
        let (handlers, dead) = future::join(self.handlers(organisation), self.dead_letters.show(&all)).await;
        take_handlers(&mut kept, handlers);
        let is_own = |dead: &DeadLetter| found.iter().any(|lead| dead.body.contains(lead.event.as_str()));
        self.take_dead_letters(&mut kept, dead, is_own).await;
        let wanted: Vec<ActionId> = found.iter().flat_map(|lead| first_actions(&kept, &lead.event)).collect();
        kept.records = self.store.action_records(organisation, &wanted).await?;
        // Of a hint it is not known which webhook it was; of an array, the first object is shown.
        let left_a_trace = found.iter().position(|lead| lead.at.is_some() || has_trace(&kept, &lead.event));
        let Some(position) = left_a_trace else {
            kept.notes.push(NOT_FOUND.to_owned());
            kept.records.clear();
            return Ok(kept);
        };
        let lead = found.remove(position);
        kept.notes.extend(found.iter().filter(|other| other.at.is_some()).map(|other| {
            format!("the same post became another event, of another of its objects: --lead {}", other.hint)
        }));
        kept.records.retain(|id, _| id.as_str().starts_with(lead.event.as_str()));
        kept.dead_letters.retain(|dead| is_about(&dead.subject, &lead.event));
        let first = first_actions(&kept, &lead.event);
        let event = lead.event.clone();
        kept.lead = Some(lead);
        self.records(&mut kept, &first).await?;
        self.read_logs(&mut kept, &event).await?;
        let tickets: BTreeSet<TicketId> = kept.records.values().filter_map(created).collect();
        kept.notes.extend(tickets.iter().map(|ticket| {
            format!("what happened to the ticket since: automations timeline --organisation {organisation} --ticket {ticket}")
        }));
        Ok(kept)
    }

    /// The kinds of the organisation's inbound webhooks.
    async fn kinds(&self, organisation: &OrganisationId) -> Result<Vec<InboundKind>> {
        let listings = self.store.listings().await?;
        let own = listings.into_iter().filter(|listing| listing.organisation == *organisation);
        let actions = own.flat_map(|listing| listing.inbound);
        Ok(actions.filter_map(|action| WebhookAction::parse(action).ok()?.inbound()).collect())
    }

    /// By the sender's id.
    async fn received(
        &self,
        organisation: &OrganisationId,
        kinds: &[InboundKind],
        reference: &str,
    ) -> Result<Vec<Lead>> {
        let digests = digests_of_id(reference);
        let mut found = Vec::new();
        for kind in kinds {
            let receipts = self.store.inbound_receipts(organisation, kind, &digests).await?;
            found.extend(receipts.into_iter().map(|InboundReceipt { hint, event, at }| Lead {
                kind: kind.clone(),
                hint,
                event,
                at: Some(at),
            }));
        }
        found.sort_by(|one, other| one.hint.cmp(&other.hint));
        Ok(found)
    }
}

/// By the hint, from which the event's id is made: one for each webhook that it may have been posted to.
fn of_hint(organisation: &OrganisationId, kinds: &[InboundKind], reference: &str) -> Vec<Lead> {
    let Ok(hint) = HintId::parse(reference) else { return Vec::new() };
    let lead = |kind: &InboundKind| Lead {
        kind: kind.clone(),
        hint: hint.clone(),
        event: EventId::of_hint(organisation, &hint, kind.as_str()),
        at: None,
    };
    kinds.iter().map(lead).collect()
}

fn first_actions(kept: &Kept, event: &EventId) -> Vec<ActionId> {
    let handlers = kept.handlers.iter();
    let ids = handlers.flat_map(|handler| {
        (0..POSITIONS).filter_map(|position| ActionId::of(event, &handler.name, position).ok())
    });
    ids.collect()
}

fn has_trace(kept: &Kept, event: &EventId) -> bool {
    kept.records.keys().any(|id| id.as_str().starts_with(event.as_str()))
        || kept.dead_letters.iter().any(|dead| is_about(&dead.subject, event))
}

fn is_about(subject: &Subject, event: &EventId) -> bool {
    match subject {
        Subject::Hint(_) => false,
        Subject::Event { event: of, .. } => of == event,
        Subject::Action(planned) => planned.event == *event,
    }
}

/// The ticket that an action created.
fn created(record: &ActionRecord) -> Option<TicketId> {
    let ActionRecord::Done(done) = record else { return None };
    match &done.outcome {
        Outcome::LeadCreated { ticket, .. } | Outcome::Created { ticket } => Some(ticket.clone()),
        Outcome::Changed
        | Outcome::NoOp
        | Outcome::Superseded { .. }
        | Outcome::DryRun
        | Outcome::Unrehearsed
        | Outcome::Sent
        | Outcome::ReminderSet { .. }
        | Outcome::Deferred { .. }
        | Outcome::ReminderCancelled => None,
    }
}
