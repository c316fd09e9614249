//! Sends a hint for each ticket of which a reminder, a quiet period or a check is due, for each organisation of which a list is due, the most overdue first, and then for the tickets whose turn it is,
//! within a budget. So a change is found even if its webhook was lost, and events whose publisher crashed and lost its hint are published.
//! Once an hour, it also asks for each organisation's list query.

mod rounds;

use automations::aws::queue::{self, Length, OutgoingMessage, Place, Queue};
use automations::clock::Timestamp;
use automations::failure::{Failure, chain};
use automations::futures::{StreamExt as _, stream};
use automations::id::{HintId, OrganisationId, TicketId};
use automations::model::check_rounds::{Cursor, lag, turns};
use automations::model::hint::Hint;
use automations::store::{self, Candidate, Due, Listing, SHARDS, Store, paused_organisations};
use automations::telemetry::EventName;
use automations::telemetry::metric::{Metric, Metrics};
use automations::{json, tracing};
use rounds::Rounds;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Seconds.
const HOUR: u64 = 3_600;
/// Half of the messages that can be in flight (Amazon SQS Developer Guide, "Amazon SQS message quotas"): the rest is for webhooks.
const MOST_HIDDEN: u64 = 60_000;
/// List queries that are claimed at once.
const CLAIMS_AT_ONCE: usize = 8;

/// The reconciler and its clients.
#[derive(Debug)]
pub struct Reconciler {
    /// Snapshots, by their checks, and how far the regular checks have come.
    pub store: Store,
    /// The `hints` queue.
    pub hints: Queue,
    /// The maximum number of tickets of one run. The API takes 25 tickets in a request.
    pub budget: u16,
}

/// Why a run failed. The next one is soon, and what was due is still due.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table failed.
    #[error("the due tickets cannot be read from the table")]
    Store(#[from] store::Error),
    /// The queue failed.
    #[error("the hints queue does not accept the hints")]
    Queue(#[from] queue::Error),
}

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepReport {
    /// Hints that were sent.
    pub hints: usize,
    /// Whether the queue was too full, so that no hint was sent.
    pub held_back: bool,
}

impl Reconciler {
    /// One run.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sweep(&self, request_id: &str, now: Timestamp) -> Result<SweepReport, Error> {
        // If they cannot be read, event-enricher drops the hints of paused organisations all the same.
        let all = self.store.pauses().await.inspect_err(log_list_failure).unwrap_or_default();
        let paused = paused_organisations(&all);
        let mut due = Vec::new();
        for shard in 0..SHARDS {
            due.extend(self.store.due_unless_paused(shard, (now, self.budget), &paused).await?);
        }
        let mut cursor = self.store.cursor().await?;
        if let (None, Some(first)) = (cursor, turns(None, now).next()) {
            // At once, so that what waits for its first turn counts from now on.
            let begun = Cursor { slice: first.slice, after: None };
            self.store.set_cursor(begun).await?;
            cursor = Some(begun);
        }
        self.report(&due, lag(cursor, now), now);
        let mut due = by_ticket(due);
        let held_back = is_full(self.hints.length().await?, self.budget);
        if held_back {
            let event_name = EventName::ReconcileQueueFull.as_str();
            tracing::warn!(event_name, "the hints queue is full; nothing was added");
            return Ok(SweepReport { hints: 0, held_back });
        }
        // A quarter is for the rounds, however many tickets have a time of their own.
        let budget = usize::from(self.budget);
        due.truncate(budget.saturating_sub(budget / 4));
        let mut rounds = Rounds::new(cursor, budget.saturating_sub(due.len()));
        rounds.go_on(&self.store, &paused, now).await?;
        let Rounds { cursor: reached, chosen, .. } = rounds;
        let chosen = chosen.into_iter().map(|candidate| of_round(candidate, now));
        let due = by_ticket(due.into_iter().chain(chosen).collect());
        let claimed = self.claim_lists(&due, &paused, now).await;
        // Lists come first, so that the positions of their results are known.
        let lists = claimed.iter().map(|organisation| (organisation.clone(), None, false));
        let tickets = due.into_iter().map(|due| (due.organisation, due.ticket, due.has_reminder));
        let messages =
            lists.chain(tickets).enumerate().filter_map(|(position, (organisation, ticket, reminder))| {
                message(organisation, (ticket, reminder), request_id, position, now)
            });
        let messages: Vec<OutgoingMessage> = messages.collect();
        let hints = messages.len();
        let sent = self.hints.send(messages).await;
        let failed = claimed.iter().zip(&sent).filter(|(_, sent)| sent.is_err());
        for (organisation, _) in failed {
            // If this fails too, the list query is asked for in the next hour.
            let _ = self.store.release_listing(organisation, now).await;
        }
        sent.into_iter().collect::<Result<(), _>>()?;
        // Only now: what was not sent is asked for again.
        if let Some(reached) = reached.filter(|reached| Some(*reached) != cursor) {
            self.store.set_cursor(reached).await?;
        }
        Ok(SweepReport { hints, held_back })
    }

    /// The organisations whose list query is to be asked for now: those in the table and those of due tickets for which no run
    /// claimed it in this hour. Tickets that are due do not wait for it: an error is logged, and the next run goes on.
    async fn claim_lists(
        &self,
        due: &[Due],
        paused: &BTreeSet<OrganisationId>,
        now: Timestamp,
    ) -> Vec<OrganisationId> {
        let hour = start_of_hour(now);
        let listings = self.store.listings().await.inspect_err(log_list_failure).unwrap_or_default();
        let wanted = not_listed_since(hour, listings, due).into_iter().filter(|it| !paused.contains(it));
        let claims = wanted.map(async |organisation| {
            let claimed = self.store.claim_listing(&organisation, hour, now).await;
            claimed.inspect_err(log_list_failure).unwrap_or(false).then_some(organisation)
        });
        let claimed: Vec<Option<OrganisationId>> =
            stream::iter(claims).buffered(CLAIMS_AT_ONCE).collect().await;
        claimed.into_iter().flatten().collect()
    }

    /// Logs and records what is due, even if it is nothing: a missing record raises an alarm.
    fn report(&self, due: &[Due], lag: Duration, now: Timestamp) {
        let event_name = EventName::ReconcileDue.as_str();
        let lag_s = lag.as_secs();
        tracing::info!(event_name, due = due.len(), lag_s, budget = self.budget, "tickets are due");
        let metrics = Metrics::default();
        metrics.record_duration(Metric::ReconcileLag, longest_overdue(due, lag, now));
        metrics.flush();
    }
}

/// How long what has been due for longest is overdue: a ticket with a time of its own, or the tickets whose turn is next.
fn longest_overdue(due: &[Due], lag: Duration, now: Timestamp) -> Duration {
    due.iter().map(|due| now.since(due.since)).chain([lag]).max().unwrap_or_default()
}

/// The organisations whose list query was not asked for since then, and those of due tickets that the table does not know.
fn not_listed_since(hour: Timestamp, listings: Vec<Listing>, due: &[Due]) -> BTreeSet<OrganisationId> {
    let mut listed_at: BTreeMap<OrganisationId, Option<Timestamp>> =
        due.iter().map(|due| (due.organisation.clone(), None)).collect();
    listed_at.extend(listings.into_iter().map(|listing| (listing.organisation, listing.listed_at)));
    listed_at.into_iter().filter(|(_, at)| *at < Some(hour)).map(|(organisation, _)| organisation).collect()
}

/// Whether hints that are in the queue have to be worked on first: their tickets are still due, and a second hint would only cost a request.
/// Those that failed and wait do not count, unless they are very many: one organisation that cannot be read would hold back all others.
fn is_full(queue: Length, budget: u16) -> bool {
    queue.visible >= u64::from(budget) || queue.hidden >= MOST_HIDDEN
}

/// One for each ticket: those with a reminder first, as people wait for them, and then the most overdue first.
fn by_ticket(mut due: Vec<Due>) -> Vec<Due> {
    due.sort_by_key(|due| (!due.has_reminder, due.since));
    let mut seen = BTreeSet::new();
    due.retain(|due| seen.insert((due.organisation.clone(), due.ticket.clone())));
    due
}

/// A ticket whose turn it is.
fn of_round(Candidate { organisation, ticket, .. }: Candidate, now: Timestamp) -> Due {
    Due { organisation, ticket: Some(ticket), since: now, has_reminder: false }
}

/// Each organisation's list query is asked for once between one full hour and the next.
fn start_of_hour(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds((now.as_seconds() / HOUR).saturating_mul(HOUR))
}

fn log_list_failure(error: &store::Error) {
    tracing::warn!(
        event_name = EventName::ReconcileListFailed.as_str(),
        reason = error.reason().as_str(),
        error = chain(error),
        "what is paused, or whose list query is to be asked for, could not be read; the next run tries again"
    );
}

fn message(
    organisation: OrganisationId,
    (ticket, reminder): (Option<TicketId>, bool),
    request_id: &str,
    position: usize,
    now: Timestamp,
) -> Option<OutgoingMessage> {
    let place = Place::FairShare { of: organisation.clone() };
    let hint = Hint {
        // Lambda's request ids are UUIDs, so that the id is never too long.
        id: HintId::of(request_id, position).ok()?,
        organisation,
        action: None,
        received_at: now,
        ticket,
        more: Vec::new(),
        reminder,
        raw: None,
        inbound: None,
        trace: None,
    };
    Some(OutgoingMessage { body: json::to_json(&hint), place, trace: None })
}

/// Logs a failure and returns its text for Lambda, which contains no value.
pub fn log_failure(error: &Error) -> String {
    let reason = match error {
        Error::Store(error) => error.reason(),
        Error::Queue(error) => error.reason(),
    };
    let event_name = EventName::ReconcileFailed.as_str();
    tracing::error!(event_name, reason = reason.as_str(), error = chain(error), "the run failed");
    format!("the run failed: {reason}")
}

#[cfg(test)]
mod sweep_tests;
#[cfg(test)]
mod tests;
