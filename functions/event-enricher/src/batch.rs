//! One batch of hints: the tickets of an organisation are checked together, organisations side by side, and each hint has a
//! result of its own.

use crate::clocks::apart;
use crate::deadline::before;
use crate::enricher::{Enricher, FetchOutcome, RequestedTicket, Result};
use crate::list::asks_for_list;
use crate::postponed::{Results, unchecked};
use crate::side_by_side::side_by_side;
use automations::aws::batch::{Message, MessageError};
use automations::clock::{self, Timestamp};
use automations::failure::Remedy;
use automations::futures::{StreamExt as _, stream};
use automations::id::{OrganisationId, TicketId, WebhookAction};
use automations::model::event::UnrecognisedReason;
use automations::model::firing::QueuedHint;
use automations::model::hint::Hint;
use automations::reason::Reason;
use automations::telemetry::EventName;
use automations::telemetry::metric::Metrics;
use automations::{Event, EventKind, tracing};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// The webhook actions whose URL says that the ticket is new.
const CREATIONS: [&str; 1] = ["ticket-created"];

/// With less time than this, an organisation's tickets are hardly checked; a little more than what a message needs to be begun.
const LEAST_SHARE: Duration = Duration::from_secs(3);

/// This many tickets that hints name are checked in one invocation, so that what was fetched can be stored before its deadline.
/// Further messages wait.
const MAX_TICKETS: usize = 500;

/// This many hints of a message are finished at once: each may have to publish an event of its own.
const HINTS_AT_ONCE: usize = 8;

/// The tickets of one organisation that hints name.
type Tickets = BTreeMap<TicketId, RequestedTicket>;

impl Enricher {
    /// Processes a batch of hints and firings of clocks until the invocation's deadline; one result for each. What is published is
    /// added to the invocation's metrics.
    pub async fn work(
        &self,
        messages: Vec<Message<QueuedHint>>,
        now: Timestamp,
        until: Timestamp,
        metrics: &Metrics,
    ) -> Vec<(Message<()>, Result<()>)> {
        let (hints, firings) = apart(messages);
        let fired = self.publish_firings(firings, (now, until), metrics).await;
        let finished =
            if hints.is_empty() { Vec::new() } else { self.check(hints, now, until, metrics).await };
        fired
            .into_iter()
            .chain(finished.into_iter().map(|(message, result)| (message.take().1, result)))
            .collect()
    }

    async fn check(
        &self,
        messages: Vec<Message<Hint>>,
        now: Timestamp,
        until: Timestamp,
        metrics: &Metrics,
    ) -> Vec<(Message<Hint>, Result<()>)> {
        let (messages, paused) = self.unless_paused(messages).await;
        let (messages, postponed) = begun(messages, |message| message.body.tickets());
        let hints: Vec<Vec<Hint>> = messages.iter().map(|message| message.body.each()).collect();
        let mut organisations: BTreeMap<OrganisationId, Tickets> = BTreeMap::new();
        for hint in hints.iter().flatten() {
            if let Some(ticket) = &hint.ticket {
                let named = organisations.entry(hint.organisation.clone()).or_default();
                let is_new = hint.action.as_ref().is_some_and(says_new);
                let reminder = hint.reminder;
                let first = named.entry(ticket.clone()).or_insert_with(|| RequestedTicket {
                    cause: hint.cause(),
                    is_new,
                    reminder,
                });
                first.reminder |= reminder;
                if is_new && !first.is_new {
                    (first.cause, first.is_new) = (hint.cause(), true);
                }
            }
        }
        let mut lists: BTreeMap<OrganisationId, &Hint> = BTreeMap::new();
        for hint in hints.iter().flatten().filter(|hint| asks_for_list(hint)) {
            organisations.entry(hint.organisation.clone()).or_default();
            lists.entry(hint.organisation.clone()).or_insert(hint);
        }
        let names: Vec<OrganisationId> = organisations.keys().cloned().collect();
        let work = async |(organisation, mut tickets): (OrganisationId, Tickets), share| {
            let until = clock::now().later(share);
            if let Some(late) = MessageError::if_out_of_time(until) {
                return (Err(late.clone()), Err(late));
            }
            let listed = match lists.get(&organisation) {
                Some(hint) => self.list(&organisation, hint, &mut tickets, until).await,
                None => Ok(()),
            };
            (listed, self.visit_all(&organisation, &tickets, (now, until), metrics).await)
        };
        let time = until.since(clock::now());
        let done = side_by_side(organisations.into_iter().collect(), (time, LEAST_SHARE), work).await;
        let done = done.into_iter().map(|done| done.unwrap_or_else(|| (Err(too_slow()), Err(too_slow()))));
        let (listed, visited): (Vec<_>, Vec<_>) = done.unzip();
        let lists: HashMap<OrganisationId, Result<()>> = names.iter().cloned().zip(listed).collect();
        let results: Results = names.into_iter().zip(visited).collect();
        let late = messages.iter().filter_map(|it| unchecked(&it.body, it.receives, &results)).collect();
        self.postpone_unchecked(late, (now, until)).await;
        let mut finished = Vec::with_capacity(messages.len());
        for (message, hints) in messages.into_iter().zip(&hints) {
            let each = hints.iter().map(async |hint| match lists.get(&hint.organisation) {
                Some(listed) if asks_for_list(hint) => listed.clone(),
                _ => Box::pin(self.finish(hint, &results, (now, until), metrics)).await,
            });
            let each: Vec<Result<()>> = stream::iter(each).buffered(HINTS_AT_ONCE).collect().await;
            finished.push((message, each.into_iter().collect()));
        }
        finished.extend(paused);
        finished.extend(postponed.into_iter().map(|message| (message, Err(too_many()))));
        finished
    }

    /// The result of one hint: its ticket's, or that of an event of its own if it names no ticket. An event is
    /// published before the invocation's deadline, or not now.
    async fn finish(
        &self,
        hint: &Hint,
        results: &Results,
        (now, until): (Timestamp, Timestamp),
        metrics: &Metrics,
    ) -> Result<()> {
        let kind = hint.action.as_ref().and_then(WebhookAction::inbound);
        if let (Some(kind), Some(inbound)) = (kind, &hint.inbound) {
            return before(until, self.publish_inbound(hint, (kind, inbound), now, metrics)).await;
        }
        let unrecognised = async |reason| before(until, self.unrecognised(hint, reason, now, metrics)).await;
        if hint.ticket.is_none() && hint.reminder {
            return before(until, Box::pin(self.end_collections(&hint.organisation, now, metrics))).await;
        }
        let Some(ticket) = &hint.ticket else {
            return unrecognised(UnrecognisedReason::NoTicketId).await;
        };
        let Some(organisation) = results.get(&hint.organisation) else { return Ok(()) };
        let found = organisation.as_ref().map_err(MessageError::clone)?.get(ticket).cloned();
        match found.transpose()? {
            Some(FetchOutcome::Hidden) => unrecognised(UnrecognisedReason::NoReadAccess).await,
            Some(FetchOutcome::Nothing) => unrecognised(UnrecognisedReason::UnknownTicket).await,
            Some(FetchOutcome::Ticket) | None => Ok(()),
        }
    }

    async fn unrecognised(
        &self,
        hint: &Hint,
        reason: UnrecognisedReason,
        now: Timestamp,
        metrics: &Metrics,
    ) -> Result<()> {
        // The reconciler sends hints only for tickets that have a snapshot.
        let Some(action) = hint.action.clone() else { return Ok(()) };
        let kind = EventKind::WebhookUnrecognised { action, reason };
        let event = Event::of_hint(&hint.organisation, now, &hint.cause(), kind);
        tracing::info!(
            event_name = EventName::WebhookUnrecognised.as_str(),
            hint.id = hint.id.as_str(),
            event.id = event.id.as_str(),
            ?reason,
            "the webhook names no ticket that exists"
        );
        Ok(self.publish_one(event, metrics).await?)
    }
}

/// The messages whose tickets are checked in this invocation, at least one; and those that wait.
fn begun<T>(messages: Vec<T>, tickets: impl Fn(&T) -> usize) -> (Vec<T>, Vec<T>) {
    let mut count: usize = 0;
    messages.into_iter().partition(|message| {
        let with = count.saturating_add(tickets(message));
        let fits = count == 0 || with <= MAX_TICKETS;
        if fits {
            count = with;
        }
        fits
    })
}

fn too_many() -> MessageError {
    let text = "the batch names more tickets than one invocation checks".to_owned();
    MessageError { reason: Reason::OutOfTime, remedy: Remedy::Wait { after: None }, text }
}

/// The organisation's share of the time was used up, although its requests have deadlines of their own.
fn too_slow() -> MessageError {
    let text = "the organisation's share of the invocation's time is used up".to_owned();
    MessageError { reason: Reason::TimedOut, remedy: Remedy::Retry { after: None }, text }
}

fn says_new(action: &WebhookAction) -> bool {
    CREATIONS.contains(&action.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::aws;
    use automations::aws::secret::Secrets;
    use automations::aws::topic::Topic;
    use automations::json::from_json;
    use automations::model::stage_age::StageAgeThresholds;
    use automations::model::ticket_fields::TicketFields;
    use automations::salestrekker::Client;
    use automations::store::{Pauses, Store};

    /// An enricher that has no time to call anything.
    fn enricher() -> Enricher {
        let aws = aws::load().unwrap();
        let secrets = Secrets::new(aws::secrets_manager(&aws), "p".to_owned());
        Enricher {
            client: Client::new(secrets, from_json(b"{}").unwrap()).unwrap(),
            store: Store::new(aws::dynamodb(&aws), "t".to_owned()),
            pauses: Pauses::new(Store::new(aws::dynamodb(&aws), "t".to_owned())),
            topic: Topic::new(aws::sns(&aws), "arn".to_owned()),
            list_query: None,
            thresholds: StageAgeThresholds::default(),
            fields: TicketFields::default(),
        }
    }

    fn hint(fields: &str) -> Hint {
        let hint = format!(
            r#"{{"id": "h-1", "organisation": "north", "received_at": "2026-01-01T00:00:00Z", "raw": null, {fields}}}"#
        );
        from_json(hint.as_bytes()).unwrap()
    }

    /// F17 of the field faults: thousands of tickets never make an invocation run out of time before it has stored any.
    #[test]
    fn an_invocation_begins_what_it_can_finish_and_at_least_one_message() {
        let sizes = |sizes: &[usize]| begun(sizes.to_vec(), |size| *size);
        assert_eq!(sizes(&[1; 100]), (vec![1; 100], vec![]), "one ticket each, as ever");
        let (now, later) = sizes(&[25; 100]);
        assert_eq!((now.len(), later.len()), (20, 80));
        assert_eq!(sizes(&[9_999, 1, 0]), (vec![9_999], vec![1, 0]));
        assert_eq!(sizes(&[0, 0, 499, 2, 1]), (vec![0, 0, 499, 1], vec![2]));
    }

    #[tokio::test]
    async fn a_hint_that_has_to_publish_near_the_deadline_waits_and_one_that_has_not_is_finished() {
        let enricher = enricher();
        let (north, metrics) = (OrganisationId::parse("north").unwrap(), Metrics::default());
        let outcomes =
            [("t-1", FetchOutcome::Hidden), ("t-2", FetchOutcome::Nothing), ("t-3", FetchOutcome::Ticket)];
        let outcomes = outcomes.map(|(ticket, outcome)| (TicketId::parse(ticket).unwrap(), Ok(outcome)));
        let results = HashMap::from([(north, Ok(HashMap::from(outcomes)))]);
        let finish = async |fields, until| {
            let finished = enricher.finish(&hint(fields), &results, (clock::now(), until), &metrics).await;
            finished.map_err(|error| error.reason)
        };
        let late = clock::now().later(Duration::from_secs(1));
        for publishes in [
            r#""action": "inbound-survey", "ticket": null, "inbound": {"digest": "d", "has_id": false, "fields": {}}"#,
            r#""action": "ticket-updated", "ticket": null"#,
            r#""action": "ticket-updated", "ticket": "t-1""#,
            r#""action": "ticket-updated", "ticket": "t-2""#,
        ] {
            assert_eq!(finish(publishes, late).await, Err(Reason::OutOfTime), "{publishes}");
        }
        assert_eq!(finish(r#""action": "ticket-updated", "ticket": "t-3""#, late).await, Ok(()));
    }
}
