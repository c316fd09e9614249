//! What nobody said: tickets that are due to be looked at become hints, the longest due first, within a budget. So a webhook
//! that never came is made up for, and events that were stored by somebody who was lost before publishing them go out.

use automations::aws::queue::{self, OutgoingMessage, Queue};
use automations::clock::Timestamp;
use automations::failure::{Failure, chain};
use automations::id::{HintId, OrganisationId, TicketId};
use automations::model::hint::Hint;
use automations::store::{self, Due, SHARDS, Store};
use automations::telemetry::EventName;
use automations::telemetry::metric::{Metric, Metrics};
use automations::{json, tracing};
use std::collections::BTreeSet;

/// The reconciler, with what it needs.
#[derive(Debug)]
pub struct Reconciler {
    /// Snapshots, by when they are due.
    pub store: Store,
    /// The `hints` queue.
    pub hints: Queue,
    /// Tickets for one run: each costs the API one of 25 parts of a request.
    pub budget: u16,
}

/// Why a run did not end well. The next one is soon, and what was due is still due.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// At the table.
    #[error("what is due cannot be read")]
    Store(#[from] store::Error),
    /// At the queue.
    #[error("hints are not accepted")]
    Queue(#[from] queue::Error),
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepReport {
    /// Hints that were sent.
    pub hints: usize,
    /// Whether the queue was so full that nothing was added to it.
    pub held_back: bool,
}

impl Reconciler {
    /// One run.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sweep(&self, request_id: &str, now: Timestamp) -> Result<SweepReport, Error> {
        let mut due = Vec::new();
        for shard in 0..SHARDS {
            due.extend(self.store.due(shard, now, self.budget).await?);
        }
        due.sort_by_key(|due| due.due);
        self.tell(&due, now);
        // What is still on its way from the last run is still due; another hint for it would only cost a request.
        let held_back = self.hints.waiting().await? >= u64::from(self.budget);
        if held_back {
            let event_name = EventName::ReconcileQueueFull.as_str();
            tracing::warn!(event_name, "the hints queue is full; nothing was added");
            return Ok(SweepReport { hints: 0, held_back });
        }
        let organisations: BTreeSet<OrganisationId> =
            due.iter().map(|due| due.organisation.clone()).filter(|_| is_full_hour(now)).collect();
        due.truncate(usize::from(self.budget));
        let tickets = due.into_iter().map(|due| (due.organisation, Some(due.ticket)));
        let lists = organisations.into_iter().map(|organisation| (organisation, None));
        let wanted = tickets.chain(lists).enumerate();
        let messages = wanted.filter_map(|(position, (organisation, ticket))| {
            message(organisation, ticket, request_id, position, now)
        });
        let messages: Vec<OutgoingMessage> = messages.collect();
        let hints = messages.len();
        self.hints.send(messages).await.into_iter().collect::<Result<(), _>>()?;
        Ok(SweepReport { hints, held_back })
    }

    /// Tells what is due, though it were nothing: that a run tells nothing is an alarm.
    fn tell(&self, due: &[Due], now: Timestamp) {
        let event_name = EventName::ReconcileDue.as_str();
        tracing::info!(event_name, due = due.len(), budget = self.budget, "tickets are due");
        metrics(due, now).flush();
    }
}

/// Of what is due: since when it was not looked at and is due, and what of it waits to be published. A ticket is due two
/// minutes after its events were stored, so what is on its way as it should be is not counted.
fn metrics(due: &[Due], now: Timestamp) -> Metrics {
    let metrics = Metrics::default();
    let longest = |since: fn(&Due) -> Option<Timestamp>| {
        due.iter().filter_map(since).map(|since| now.since(since)).max().unwrap_or_default()
    };
    metrics.record_duration(Metric::OldestCheckAge, longest(|due| Some(due.verified)));
    metrics.record_duration(Metric::ReconcileLag, longest(|due| Some(due.due)));
    metrics.record_duration(Metric::OutboxAge, longest(|due| Some(due.unpublished?.since)));
    let events = due.iter().filter_map(|due| due.unpublished).map(|unpublished| unpublished.events);
    metrics.record(Metric::OutboxBacklog, events.fold(0, u64::saturating_add));
    metrics
}

/// Whether the run is the first of an hour: then each organisation that has tickets is asked for a list of them, too.
fn is_full_hour(now: Timestamp) -> bool {
    (now.as_seconds() / 60).is_multiple_of(60)
}

fn message(
    organisation: OrganisationId,
    ticket: Option<TicketId>,
    request_id: &str,
    position: usize,
    now: Timestamp,
) -> Option<OutgoingMessage> {
    let group = Some(organisation.to_string());
    let hint = Hint {
        // Lambda's own request ids are UUIDs, so that the result always fits.
        id: HintId::of(request_id, position).ok()?,
        organisation,
        action: None,
        received_at: now,
        ticket,
        raw: None,
        post: None,
        trace: None,
    };
    Some(OutgoingMessage { body: json::to_json(&hint), group, deduplication: None, trace: None })
}

/// A failure as Lambda shows it: its kind, and no value.
pub fn told(error: &Error) -> String {
    let reason = match error {
        Error::Store(error) => error.reason(),
        Error::Queue(error) => error.reason(),
    };
    let event_name = EventName::ReconcileFailed.as_str();
    tracing::error!(event_name, reason = reason.as_str(), error = chain(error), "the run failed");
    format!("the run failed: {reason}")
}
