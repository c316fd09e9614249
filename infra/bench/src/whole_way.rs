//! A webhook's whole way: one stage change, one event, two actions. Each function gets what the one before it sent.

use crate::aws::Message;
use crate::bounds::{self, BUSY as BUSY_LIMITS, QUIET};
use crate::cost::{self, Part, Source};
use crate::enricher::warm;
use crate::environment::{AWS_LATENCY, Environment, Usage};
use crate::events::{batch, checks, hints, webhook};
use crate::lambda::Instance;
use crate::metrics::from_usize;
use crate::rechecks;
use crate::report::{Bound, Table};
use crate::template;
use anyhow::{Context as _, Result, ensure};
use axum::body::Bytes;
use std::time::Duration;

/// The tickets of the busy system: a full batch of hints.
const BUSY: usize = 100;
/// Of these, the tickets whose events and actions are followed: a full batch of events, and two of actions.
const FOLLOWED: usize = 10;
/// The handler's actions for an event.
const ACTIONS: usize = 2;
const INGEST: &str = "webhook-ingest";
const ENRICHER: &str = "event-enricher";
const HANDLER: &str = "follow-up-on-settlement";
const WORKER: &str = "action-worker";
const RECHECKS: &str = "event-enricher, re-checks";

/// The four functions, warm.
struct Functions<'a> {
    environment: &'a Environment,
    ingest: Instance,
    enricher: Instance,
    handler: Instance,
    worker: Instance,
    /// The size of the largest event.
    event_bytes: usize,
}

/// What the way takes in a quiet system, where every message is a batch of its own, and in a busy one with full batches.
pub(crate) async fn measure(
    environment: &Environment,
    api_latency: Duration,
) -> Result<(Vec<Table>, Vec<Bound>)> {
    environment.aws.clear();
    environment.set_latency(api_latency, AWS_LATENCY);
    let tickets = environment.vendor.tickets(BUSY.saturating_add(1), 20).await?;
    let (one, many) = tickets.split_at(1);
    let mut functions = Functions::start(environment).await?;
    for seen_first in [one, many] {
        functions.enricher.invoke(&hints(seen_first)?).await?;
    }
    environment.vendor.change(&tickets, 0).await?;
    let (quiet, busy) = (functions.quiet(one).await?, functions.busy(many).await?);
    let memory = template::read()?.memory_mb;
    let mut tables = vec![cost::parts_table(&quiet, &busy)];
    let handler = busy.iter().find(|part| part.source == Source::Events).context("no handler")?;
    let mut bounds = vec![
        bounds::HANDLER_CALLS.measured(handler.usage.all_calls() / from_usize(FOLLOWED)),
        bounds::EVENT_BYTES.measured(from_usize(functions.event_bytes)),
    ];
    for (limits, parts) in [(&QUIET, &quiet), (&BUSY_LIMITS, &busy)] {
        let sums = cost::sums(parts, memory);
        bounds.extend([
            limits.writes.measured(sums.write_units),
            limits.requests.measured(sums.requests),
            limits.calls.measured(sums.calls),
            limits.logs.measured(sums.log_bytes),
        ]);
        if !api_latency.is_zero() {
            tables.push(cost::table(limits.name, parts));
            bounds.push(limits.gb_seconds.measured(sums.gb_seconds));
            bounds.push(limits.dollars.measured(cost::million(parts, memory).amount()));
        }
    }
    Ok((tables, bounds))
}

/// The actions that the handler decides for a ticket's stage change: a label, and a created ticket.
pub(crate) async fn decided(environment: &Environment, ticket: &[String]) -> Result<Vec<Message>> {
    let mut handler = environment.start("follow-up-on-settlement").await?;
    decided_by(environment, &mut warm(environment).await?, &mut handler, ticket).await
}

async fn decided_by(
    environment: &Environment,
    enricher: &mut Instance,
    handler: &mut Instance,
    ticket: &[String],
) -> Result<Vec<Message>> {
    enricher.invoke(&hints(ticket)?).await?;
    environment.vendor.change(ticket, 0).await?;
    let (_, events) = pass(environment, enricher, &[hints(ticket)?], 1).await?;
    Ok(pass(environment, handler, &[batch(&events)], ACTIONS).await?.1)
}

impl<'a> Functions<'a> {
    async fn start(environment: &'a Environment) -> Result<Self> {
        let [mut ingest, mut handler, mut worker] = [
            environment.start("webhook-ingest").await?,
            environment.start("follow-up-on-settlement").await?,
            environment.start("action-worker").await?,
        ];
        let ticket = environment.vendor.tickets(1, 20).await?;
        let mut enricher = warm(environment).await?;
        ingest.invoke(&webhook("t-1")).await?;
        let actions = decided_by(environment, &mut enricher, &mut handler, &ticket).await?;
        worker.invoke(&batch(&actions)).await?;
        Ok(Self { environment, ingest, enricher, handler, worker, event_bytes: 0 })
    }

    async fn quiet(&mut self, ticket: &[String]) -> Result<Vec<Part>> {
        let (of, posted) = (self.environment, ticket.iter().map(|ticket| webhook(ticket)));
        let (ingest, hints) = pass(of, &mut self.ingest, &posted.collect::<Vec<_>>(), 1).await?;
        let (enricher, events) = pass(of, &mut self.enricher, &[batch(&hints)], 1).await?;
        let (handler, actions) = pass(of, &mut self.handler, &[batch(&events)], ACTIONS).await?;
        let alone: Vec<Bytes> = actions.chunks(1).map(batch).collect();
        let (worker, _) = pass(of, &mut self.worker, &alone, 0).await?;
        let check = self.recheck(ticket).await?;
        Ok(vec![
            Part {
                name: INGEST,
                usage: ingest,
                invocations: 1.0,
                polls: 0.0,
                source: Source::Url,
                share: 1.0,
            },
            Part {
                name: ENRICHER,
                usage: enricher,
                invocations: 1.0,
                polls: 1.0,
                source: Source::Hints,
                share: 1.0,
            },
            Part {
                name: HANDLER,
                usage: handler,
                invocations: 1.0,
                polls: 1.0,
                source: Source::Events,
                share: 1.0,
            },
            Part {
                name: WORKER,
                usage: worker,
                invocations: 2.0,
                polls: 2.0,
                source: Source::Actions,
                share: 1.0,
            },
            Part {
                name: RECHECKS,
                usage: check,
                invocations: 1.0,
                polls: 1.0,
                source: Source::Reconciler { sends: 1.0 },
                share: rechecks::count(),
            },
        ])
    }

    async fn busy(&mut self, tickets: &[String]) -> Result<Vec<Part>> {
        let (of, posted) = (self.environment, tickets.iter().map(|ticket| webhook(ticket)));
        let (ingest, hints) = pass(of, &mut self.ingest, &posted.collect::<Vec<_>>(), BUSY).await?;
        let (enricher, events) = pass(of, &mut self.enricher, &[batch(&hints)], BUSY).await?;
        self.event_bytes = events.iter().map(|event| event.body.len()).max().unwrap_or_default();
        let followed = events.get(..FOLLOWED).context("no events")?;
        let (handler, actions) =
            pass(of, &mut self.handler, &[batch(followed)], FOLLOWED.saturating_mul(ACTIONS)).await?;
        let full: Vec<Bytes> = actions.chunks(10).map(batch).collect();
        let (worker, _) = pass(of, &mut self.worker, &full, 0).await?;
        let check = self.recheck(tickets).await?;
        let [all, followed] = [BUSY, FOLLOWED].map(|count| 1.0 / from_usize(count));
        Ok(vec![
            Part {
                name: INGEST,
                usage: ingest,
                invocations: from_usize(BUSY),
                polls: 0.0,
                source: Source::Url,
                share: all,
            },
            // Lambda receives ten messages in a request, also for a larger batch.
            Part {
                name: ENRICHER,
                usage: enricher,
                invocations: 1.0,
                polls: 10.0,
                source: Source::Hints,
                share: all,
            },
            Part {
                name: HANDLER,
                usage: handler,
                invocations: 1.0,
                polls: 1.0,
                source: Source::Events,
                share: followed,
            },
            Part {
                name: WORKER,
                usage: worker,
                invocations: 2.0,
                polls: 2.0,
                source: Source::Actions,
                share: followed,
            },
            Part {
                name: RECHECKS,
                usage: check,
                invocations: 1.0,
                polls: 10.0,
                source: Source::Reconciler { sends: 10.0 },
                share: all * rechecks::count(),
            },
        ])
    }

    /// A check that finds nothing. What our own actions changed is found before it: that change has a webhook of its own.
    async fn recheck(&mut self, tickets: &[String]) -> Result<Usage> {
        self.enricher.invoke(&hints(tickets)?).await?;
        Ok(pass(self.environment, &mut self.enricher, &[checks(tickets)?], 0).await?.0)
    }
}

/// Invokes a function with these events: what it used, and what it sent, which must be this many messages.
async fn pass(
    environment: &Environment,
    instance: &mut Instance,
    events: &[Bytes],
    sends: usize,
) -> Result<(Usage, Vec<Message>)> {
    let usage = environment.measure(instance, events).await?;
    let sent = environment.aws.take_messages();
    ensure!(sent.len() == sends, "{} messages were sent instead of {sends}", sent.len());
    Ok((usage, sent))
}
