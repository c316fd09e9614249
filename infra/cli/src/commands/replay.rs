//! `automations replay`: events of the journal, published again to every handler that subscribes to them, or to one.

use crate::account::{Account, Target};
use crate::exit_code::{Exit, Usage};
use crate::report::{count, during, print, print_json};
use crate::time;
use anyhow::{Context as _, Result, bail};
use automations::aws::bus::Bus;
use automations::aws::queue::{OutgoingMessage, Queue};
use automations::clock::{self, Timestamp};
use automations::id::StageId;
use automations::json;
use automations::model::event::SOURCE;
use automations::model::ticket::{Named, WorkflowStage};
use automations::store::Store;
use automations::{Event, EventKind, aws};
use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::types::QueueAttributeName;
use clap::Args;
use serde_json::json;

/// Publish events of the journal again; actions that were performed are not performed again
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Example: automations replay --since 2h --handler follow-up-on-settlement --dry-run --profile prod"
)]
pub struct Arguments {
    /// Events stored from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    since: String,
    /// Events stored before this time, in the same form [default: now]
    #[arg(long, value_name = "TIME", value_parser = time::check)]
    until: Option<String>,
    /// Only the events of this ticket
    #[arg(long, value_name = "TICKET_ID")]
    ticket: Option<String>,
    /// Only to this handler, and only what it subscribes to
    #[arg(long, value_name = "NAME")]
    handler: Option<String>,
    /// Show the events and publish none
    #[arg(long)]
    dry_run: bool,
    /// Give the actions new ids: re-runs actions that were already performed
    #[arg(long)]
    reprocess: bool,
}

/// Runs `automations replay`.
///
/// # Errors
/// If a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let now = clock::now();
    let replay = Replay {
        since: time::parse(&arguments.since, now)?,
        until: arguments.until.as_deref().map_or(Ok(now), |until| time::parse(until, now))?,
        ticket: arguments.ticket,
        handler: arguments.handler,
        reprocess: arguments.reprocess.then_some(now),
    };
    if replay.until <= replay.since {
        return Err(Usage(format!("--until {} is not after --since {}", replay.until, replay.since)).into());
    }
    let replayer = Replayer::of(&account.target().await?);
    let events = during("reading the journal", replayer.select(&replay)).await?;
    if !arguments.dry_run {
        during("publishing", replayer.play(&events, replay.handler.as_deref())).await?;
    }
    if account.json {
        let (published, reprocess) = (!arguments.dry_run, arguments.reprocess);
        print_json(&json!({ "published": published, "reprocess": reprocess, "events": events }))?;
        return Ok(Exit::Done);
    }
    for event in &events {
        print(&line(event))?;
    }
    let text = match (arguments.dry_run, arguments.reprocess) {
        (true, _) => "would be published; nothing was",
        (false, false) => "published again; actions that were performed are not performed again",
        (false, true) => {
            "published again with new action ids; actions that were performed are performed again"
        }
    };
    let number = u64::try_from(events.len()).unwrap_or(u64::MAX);
    print(&format!("{} {text}", count(number, "event", "events")))?;
    Ok(Exit::Done)
}

/// An event as a person reads it: when, what, and of which ticket.
pub(crate) fn line(event: &Event) -> String {
    let ticket = event.ticket_id().map(ToString::to_string).unwrap_or_default();
    format!("{}  {}  {ticket}  {}", event.observed_at, what(&event.kind), event.id)
}

/// The kind of an event, with what it changed from and to; no person's data.
fn what(kind: &EventKind) -> String {
    let name = kind.name();
    match kind {
        EventKind::StageChanged { from, to, .. } if from.workflow.id == to.workflow.id => {
            format!("{name} {} → {}", stage(&from.stage), stage(&to.stage))
        }
        EventKind::StageChanged { from, to, .. } => format!("{name} {} → {}", place(from), place(to)),
        EventKind::WorkflowChanged { from, to, .. } => {
            format!("{name} {} → {}", from.name.as_deref().unwrap_or("?"), to.name.as_deref().unwrap_or("?"))
        }
        EventKind::OwnerChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::LabelAdded { label, .. } | EventKind::LabelRemoved { label, .. } => {
            format!("{name} {}", label.name.as_deref().unwrap_or(label.id.as_str()))
        }
        EventKind::ClientAdded { client, .. } | EventKind::ClientRemoved { client, .. } => {
            format!("{name} {client}")
        }
        EventKind::ValueChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::ActiveChanged { from, to, .. } => {
            format!("{name} {} → {}", shown(from.as_ref()), shown(to.as_ref()))
        }
        EventKind::StageAged { stage: aged, days, .. } => format!("{name} {days} d in {}", stage(aged)),
        _ => name.to_owned(),
    }
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn stage(stage: &Named<StageId>) -> &str {
    stage.name.as_deref().unwrap_or(stage.id.as_str())
}

fn place(place: &WorkflowStage) -> String {
    format!(
        "{}/{}",
        place.workflow.name.as_deref().unwrap_or(place.workflow.id.as_str()),
        stage(&place.stage)
    )
}

/// Which events, and how they are published.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Events stored from then on.
    pub since: Timestamp,
    /// Events stored before then.
    pub until: Timestamp,
    /// Only this ticket's.
    pub ticket: Option<String>,
    /// Only to this handler, by its name in template.yaml.
    pub handler: Option<String>,
    /// Give the actions new ids, made of this time: re-runs actions that were already performed.
    pub reprocess: Option<Timestamp>,
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
    /// Of this target.
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            events: aws::eventbridge(&target.config),
            sqs: aws::sqs(&target.config),
            store: Store::new(aws::dynamodb(&target.config), target.table()),
            stack: target.stack.clone(),
        }
    }

    /// The selected events, oldest first, as they would be published.
    ///
    /// # Errors
    /// If a request fails, or there is no such handler.
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
            event.reprocessed_at = replay.reprocess;
        }
        Ok(events)
    }

    /// Those of the events that one of these patterns matches.
    ///
    /// # Errors
    /// If a pattern is not valid, or a request fails.
    pub async fn asked_for(&self, patterns: &[String], events: Vec<Event>) -> Result<Vec<Event>> {
        let mut asked_for = Vec::new();
        for event in events {
            if self.matches(patterns, &event).await? {
                asked_for.push(event);
            }
        }
        Ok(asked_for)
    }

    /// Publishes these events on the bus, or sends them to one handler's queue.
    ///
    /// # Errors
    /// If one is not accepted; those before it are, and sending them again is harmless.
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
        let response = self.sqs.get_queue_url().queue_name(format!("{}-{handler}", self.stack)).send().await;
        match response {
            Ok(response) => response.queue_url.context("SQS names no URL of the handler's queue"),
            Err(error) if error.as_service_error().is_some_and(GetQueueUrlError::is_queue_does_not_exist) => {
                let table = "see the table `Handler` in template.yaml";
                Err(Usage(format!("there is no handler {handler} in the stack {}; {table}", self.stack))
                    .into())
            }
            Err(error) => Err(error).context("SQS does not say where the handler's queue is"),
        }
    }

    /// The patterns of the rules that send events to a handler's queue.
    async fn patterns(&self, handler: &str) -> Result<Vec<String>> {
        let url = self.queue_url(handler).await?;
        let wanted = QueueAttributeName::QueueArn;
        let response =
            self.sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await?;
        let arn = response.attributes().and_then(|all| all.get(&wanted)).context("a queue without an ARN")?;
        let (mut patterns, mut next) = (Vec::new(), None);
        loop {
            let request = self.events.list_rule_names_by_target().target_arn(arn).event_bus_name(self.bus());
            let page = request.set_next_token(next).send().await?;
            for rule in page.rule_names() {
                let rule = self.events.describe_rule().name(rule).event_bus_name(self.bus()).send().await?;
                patterns.extend(rule.event_pattern);
            }
            next = page.next_token;
            if next.is_none() {
                break;
            }
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
            if request
                .send()
                .await
                .with_context(|| format!("EventBridge does not accept the pattern {pattern}"))?
                .result()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The event in EventBridge's envelope; a pattern test requires every field.
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

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{a_ticket, one_of_each, stage_changed};

    #[test]
    fn a_change_is_shown_with_from_and_to() {
        assert_eq!(
            what(&stage_changed("Application", "Settled").kind),
            "ticket.stage_changed Application → Settled"
        );
        let aged = a_ticket().in_stage("Application").stays_for(14);
        assert_eq!(what(&aged.kind), "ticket.stage_aged 14 d in Application");
        assert_eq!(what(&a_ticket().worth(5).becomes_worth(7).kind), "ticket.value_changed 5 → 7");
        for event in one_of_each() {
            assert!(what(&event.kind).starts_with(event.kind.name()), "{}", event.kind.name());
        }
    }
}
