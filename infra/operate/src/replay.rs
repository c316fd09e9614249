//! Events of the journal, published again: to every handler that asks for them, or to one.

use anyhow::{Context as _, Result, bail};
use automations::Event;
use automations::aws::bus::Bus;
use automations::aws::queue::{OutgoingMessage, Queue};
use automations::clock::Timestamp;
use automations::json;
use automations::model::event::SOURCE;
use automations::store::Store;
use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

/// Which events, and what with them.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Events stored from then on.
    pub since: Timestamp,
    /// Events stored before then.
    pub until: Timestamp,
    /// Only this ticket's.
    pub ticket: Option<String>,
    /// Only to this handler, by its folder.
    pub handler: Option<String>,
    /// Have them answered anew: what was done is done again.
    pub again: Option<Timestamp>,
}

/// A stack whose journal is replayed.
#[derive(Debug)]
pub struct Replayer {
    /// A client of EventBridge.
    pub events: EventBridge,
    /// A client of SQS.
    pub sqs: Sqs,
    /// The journal.
    pub store: Store,
    /// The stack's name, which is the first part of the names of its bus and its queues.
    pub stack: String,
}

impl Replayer {
    /// The events that are meant, oldest first, as they would be published.
    ///
    /// # Errors
    /// As a request fails, or where there is no such handler.
    pub async fn select(&self, replay: &Replay) -> Result<Vec<Event>> {
        let mut events = self.store.journal(replay.since, replay.until).await?;
        if let Some(ticket) = &replay.ticket {
            events.retain(|event| event.ticket_id().is_some_and(|id| id.as_str() == ticket));
        }
        if let Some(handler) = &replay.handler {
            let patterns = self.patterns(handler).await?;
            events = self.asked_for(&patterns, events).await?;
        }
        for event in &mut events {
            event.reprocessed_at = replay.again;
        }
        Ok(events)
    }

    /// Those of the events that one of these patterns lets through.
    ///
    /// # Errors
    /// Where a pattern is refused, or a request fails.
    pub async fn asked_for(&self, patterns: &[String], events: Vec<Event>) -> Result<Vec<Event>> {
        let mut asked_for = Vec::new();
        for event in events {
            if self.matches(patterns, &event).await? {
                asked_for.push(event);
            }
        }
        Ok(asked_for)
    }

    /// Publishes these events on the bus, or puts them into one handler's queue.
    ///
    /// # Errors
    /// Where one is not accepted; those before it are, and sending them once more does no harm.
    pub async fn play(&self, events: &[Event], handler: Option<&str>) -> Result<()> {
        let Some(handler) = handler else {
            let bus = Bus::new(self.events.clone(), self.bus());
            let published = bus.publish(&[events]).await.into_iter().collect::<Result<Vec<()>, _>>();
            return published.map(drop).context("not all events were published; run the same command again");
        };
        let queue = Queue::new(self.sqs.clone(), self.queue_url(handler).await?);
        let messages = events.iter().map(|event| OutgoingMessage {
            body: json::to_json(&as_on_the_bus(event)),
            group: None,
            deduplication: None,
            trace: None,
        });
        let sent = queue.send(messages.collect()).await.into_iter().collect::<Result<Vec<()>, _>>();
        sent.map(drop).context("not all events were sent; run the same command again")
    }

    fn bus(&self) -> String {
        format!("{}-events", self.stack)
    }

    async fn queue_url(&self, handler: &str) -> Result<String> {
        let answer = self.sqs.get_queue_url().queue_name(format!("{}-{handler}", self.stack)).send().await;
        let url = answer.ok().and_then(|answer| answer.queue_url);
        url.with_context(|| format!("there is no handler {handler}; `ls functions` names them"))
    }

    /// The patterns of the rules that put events into a handler's queue.
    async fn patterns(&self, handler: &str) -> Result<Vec<String>> {
        let url = self.queue_url(handler).await?;
        let wanted = QueueAttributeName::QueueArn;
        let answer =
            self.sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await?;
        let arn = answer.attributes().and_then(|all| all.get(&wanted)).context("a queue without an ARN")?;
        let request = self.events.list_rule_names_by_target().target_arn(arn).event_bus_name(self.bus());
        let mut patterns = Vec::new();
        for rule in request.send().await?.rule_names() {
            let rule = self.events.describe_rule().name(rule).event_bus_name(self.bus()).send().await?;
            patterns.extend(rule.event_pattern);
        }
        if patterns.is_empty() {
            bail!("no rule of {} has the queue of {handler} as its target", self.bus());
        }
        Ok(patterns)
    }

    async fn matches(&self, patterns: &[String], event: &Event) -> Result<bool> {
        let text = json::to_json(&as_on_the_bus(event));
        for pattern in patterns {
            let request = self.events.test_event_pattern().event_pattern(pattern).event(&text);
            if request.send().await.with_context(|| format!("EventBridge refuses {pattern}"))?.result() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The event in EventBridge's envelope, of which a pattern test wants every field.
fn as_on_the_bus(event: &Event) -> serde_json::Value {
    json!({
        "version": "0",
        "id": event.id,
        "detail-type": event.kind.name(),
        "source": SOURCE,
        "account": "000000000000",
        "time": "1970-01-01T00:00:00Z",
        "region": "ap-southeast-2",
        "resources": [],
        "detail": event,
    })
}
