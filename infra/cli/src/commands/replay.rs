//! `automations replay`: events of the journal, published again to every handler that subscribes to them, or to one.

use crate::account::{Account, Target};
use crate::audit::{Audit, Change, changed};
use crate::event_text::line;
use crate::exit_code::{Exit, Usage};
use crate::filter_policy::FilterPolicy;
use crate::report::{count, during, print, print_json, say};
use crate::stack_resources;
use crate::time;
use anyhow::{Context as _, Result, bail};
use automations::aws::queue::{OutgoingMessage, Place, Queue};
use automations::aws::topic::Topic;
use automations::clock::{self, Timestamp};
use automations::json;
use automations::model::resent::Resent;
use automations::store::{Journal, Store};
use automations::{Event, aws};
use aws_sdk_cloudformation::Client as CloudFormation;
use aws_sdk_sns::Client as Sns;
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
#[expect(clippy::struct_excessive_bools, reason = "they are flags")]
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
    /// Perform actions although a newer one of the same handler and ticket was performed already
    #[arg(long, conflicts_with = "reprocess")]
    out_of_order: bool,
    /// Perform exactly the actions that were only recorded, as the organisation was read-only or no rehearsal had passed
    #[arg(long, conflicts_with = "reprocess")]
    not_performed: bool,
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
        resent: Some(Resent {
            at: now,
            out_of_order: arguments.out_of_order,
            reprocess: arguments.reprocess,
            not_performed: arguments.not_performed,
        }),
    };
    if replay.until <= replay.since {
        return Err(Usage(format!("--until {} is not after --since {}", replay.until, replay.since)).into());
    }
    let target = account.target().await?;
    let replayer = Replayer::of(&target);
    let events = during("reading the journal", replayer.select(&replay)).await?;
    if !arguments.dry_run {
        let change = Change::by("replay")
            .limited("since", Some(replay.since))
            .limited("until", Some(replay.until))
            .limited("ticket", replay.ticket.as_ref())
            .limited("handler", replay.handler.as_ref())
            .with("reprocess", arguments.reprocess)
            .with("out-of-order", arguments.out_of_order)
            .with("not-performed", arguments.not_performed);
        let work = async {
            let published = replayer.play(&events, replay.handler.as_deref()).await;
            published.map(|()| ((), changed(events.len())))
        };
        during("publishing", Audit::of(&target).record(&change, work)).await?;
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
        (false, false) if arguments.not_performed => {
            "published again; only actions that were recorded and not performed are performed"
        }
        (false, false) => "published again; actions that were performed are not performed again",
        (false, true) => {
            "published again with new action ids; actions that were performed are performed again"
        }
    };
    let number = u64::try_from(events.len()).unwrap_or(u64::MAX);
    print(&format!("{} {text}", count(number, "event", "events")))?;
    Ok(Exit::Done)
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
    /// What the events say of being sent again; none leaves them as they are in the journal.
    pub resent: Option<Resent>,
}

/// A stack whose journal is replayed.
#[derive(Debug)]
pub struct Replayer {
    /// A client of SNS.
    pub sns: Sns,
    /// A client of SQS.
    pub sqs: Sqs,
    /// A client of CloudFormation, which knows the stack's topic.
    pub cloudformation: CloudFormation,
    /// The journal.
    pub store: Store,
    /// The stack's name, which is the first part of the names of its topic and its queues.
    pub stack: String,
}

impl Replayer {
    /// Of this target.
    pub(crate) fn of(target: &Target) -> Self {
        Self {
            sns: aws::sns(&target.config),
            sqs: aws::sqs(&target.config),
            cloudformation: CloudFormation::new(&target.config),
            store: Store::new(aws::dynamodb(&target.config), target.table()),
            stack: target.stack.clone(),
        }
    }

    /// The selected events, oldest first, as they would be published.
    ///
    /// # Errors
    /// If a request fails, or there is no such handler.
    pub async fn select(&self, replay: &Replay) -> Result<Vec<Event>> {
        let Journal { mut events, unreadable } = self.store.journal(replay.since, replay.until).await?;
        for key in &unreadable {
            say(&format!("cannot read {key}: its events are not replayed"));
        }
        if let Some(ticket) = &replay.ticket {
            events.retain(|event| event.ticket_id().is_some_and(|id| id.as_str() == ticket));
        }
        if let Some(handler) = &replay.handler {
            let subscriptions = self.subscriptions(handler).await?;
            events.retain(|event| subscriptions.iter().any(|subscription| subscription.accepts(event)));
        }
        for event in &mut events {
            event.resent = replay.resent;
        }
        Ok(events)
    }

    /// Publishes these events on the topic, or sends them to one handler's queue, in their order.
    ///
    /// # Errors
    /// If one is not accepted; those before it are, and sending them again is harmless.
    pub async fn play(&self, events: &[Event], handler: Option<&str>) -> Result<()> {
        let Some(handler) = handler else {
            let topic = Topic::new(
                self.sns.clone(),
                stack_resources::topic(&self.cloudformation, &self.stack).await?,
            );
            let published = topic.publish(&events.iter().collect::<Vec<_>>()).await;
            let published = published.into_iter().collect::<Result<Vec<()>, _>>();
            return published.map(drop).context("not all events were published; run the same command again");
        };
        let queue = Queue::new(self.sqs.clone(), self.queue_url(handler).await?);
        let messages = events.iter().map(|event| OutgoingMessage {
            body: json::to_json(event),
            place: Place::InOrder { group: event.message_group(), deduplication: event.deduplication_id() },
            trace: None,
        });
        let sent = queue.send(messages.collect()).await.into_iter().collect::<Result<Vec<()>, _>>();
        sent.map(drop).context("not all events were sent; run the same command again")
    }

    async fn queue_url(&self, handler: &str) -> Result<String> {
        let response =
            self.sqs.get_queue_url().queue_name(format!("{}-{handler}.fifo", self.stack)).send().await;
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

    /// The filter policies of the subscriptions that send events to a handler's queue.
    async fn subscriptions(&self, handler: &str) -> Result<Vec<FilterPolicy>> {
        let url = self.queue_url(handler).await?;
        let wanted = QueueAttributeName::QueueArn;
        let response =
            self.sqs.get_queue_attributes().queue_url(url).attribute_names(wanted.clone()).send().await?;
        let queue =
            response.attributes().and_then(|all| all.get(&wanted)).context("a queue without an ARN")?;
        let topic = stack_resources::topic(&self.cloudformation, &self.stack).await?;
        let request = self.sns.list_subscriptions_by_topic().topic_arn(&topic);
        let mut all = request.into_paginator().items().send();
        let mut policies = Vec::new();
        while let Some(subscription) = all.try_next().await? {
            if subscription.endpoint() != Some(queue) {
                continue;
            }
            let arn = subscription.subscription_arn().unwrap_or_default();
            let response = self.sns.get_subscription_attributes().subscription_arn(arn).send().await?;
            let policy = response.attributes().and_then(|all| all.get("FilterPolicy"));
            let policy =
                policy.with_context(|| format!("the subscription of {handler} has no filter policy"))?;
            let invalid = "the deployed filter policy has something that this program does not know";
            policies.push(FilterPolicy::parse(policy).context(invalid)?);
        }
        if policies.is_empty() {
            bail!("the topic has no subscription of {handler}'s queue");
        }
        Ok(policies)
    }
}
