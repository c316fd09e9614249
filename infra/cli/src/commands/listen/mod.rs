//! `automations listen`: events of the stack, as they happen, to a handler as it is built here. It decides in dry run: nothing is
//! performed. A queue and a subscription of this run bring the events, and are removed at its end.

mod heard;
mod refused;
mod temporary;

pub use heard::{Decided, Heard};
pub(crate) use temporary::old_queues;
pub use temporary::{LONGEST_RUN, LeftBehind, Temporary, Topic};

use crate::account::{Account, Target};
use crate::audit::{Audit, Change, changed, random_id};
use crate::checkout;
use crate::commands::dry_run::{DryRunResult, HandlerUnderTest};
use crate::exit_code::{Exit, Usage};
use crate::filter_policy::FilterPolicy;
use crate::report::{count, during, print, print_json, say};
use crate::time;
use anyhow::{Context as _, Result};
use automations::clock::{self, Timestamp};
use automations::{Event, json};
use clap::Args;
use std::pin::{Pin, pin};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Show what a handler of this checkout would do about events as they happen; nothing is performed or sent
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "\
Example: automations listen --handler follow-up-on-settlement --profile prod
Example: automations listen --handler follow-up-on-settlement --for 10m --events 5 --json --profile prod

The handler gets the events that the filter of its entry in template.yaml accepts, by a queue and a subscription of this run. They are
removed at the end, and what a crashed run left is removed by the next one. Ctrl-C ends it, and so do four hours.")]
pub struct Arguments {
    /// The handler, by its `Name` in template.yaml
    #[arg(long, value_name = "NAME")]
    handler: String,
    /// End after this time, such as 10m; four hours at most
    #[arg(long = "for", value_name = "DURATION", value_parser = time::check, default_value = "4h")]
    duration: String,
    /// End after this number of events
    #[arg(long, value_name = "NUMBER")]
    events: Option<usize>,
}

/// When a run ends, whatever comes first; a signal ends it too.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// At this time.
    pub until: Timestamp,
    /// After this number of events.
    pub events: Option<usize>,
}

/// Runs `automations listen`.
///
/// # Errors
/// If there is no such handler, it does not compile, or the profile may not subscribe.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let Arguments { handler: name, duration, events } = arguments;
    let root = checkout::required("listen")?;
    let now = clock::now();
    let until = time::ahead(&duration, now)?;
    if until.since(now) > LONGEST_RUN {
        return Err(Usage("--for is four hours at most".to_owned()).into());
    }
    let target = account.target().await?;
    let wanted = name.clone();
    let built = tokio::task::spawn_blocking(move || HandlerUnderTest::built(&root, &wanted, None));
    let handler = during(&format!("building {name}"), built).await??;
    let access = if handler.reads() {
        say(
            "its entry has ApiAccess: it reads from Salestrekker with the organisation's token, as the ticket is now, and counts in \
             its rate limit; without secretsmanager:GetSecretValue each event fails",
        );
        target.environment().await?
    } else {
        Vec::new()
    };
    let handler = handler.with_access(&target.stack, access).without_its_errors();
    let limits = Limits { until, events };
    let (is_json, options) = (account.json, account.options());
    let mut failed = 0_u64;
    let show = |event: &Event, decided: &Result<_>| {
        failed = failed.saturating_add(u64::from(decided.is_err()));
        let heard = Heard::of(event, decided, &options);
        if is_json { print_json(&heard) } else { print(&heard.text(&name)) }
    };
    let heard = Box::pin(listen(&target, (&name, handler), limits, stopped()?, show)).await?;
    let events = u64::try_from(heard).unwrap_or(u64::MAX);
    say(&format!(
        "{}; nothing was performed, and the subscription is removed",
        count(events, "event", "events")
    ));
    Ok(Exit::problem_if(failed > 0))
}

/// Subscribes, hands each event to the handler until the end, and removes the subscription; returns the number of events.
///
/// # Errors
/// If the profile may not subscribe, or what is shown cannot be written. Nothing is left then.
pub async fn listen(
    target: &Target,
    (name, handler): (&str, HandlerUnderTest),
    limits: Limits,
    stop: impl Future<Output = ()>,
    show: impl FnMut(&Event, &Result<DryRunResult>) -> Result<()>,
) -> Result<usize> {
    let topic = Topic::of(&target.config, &target.stack).await?;
    let change = Change::by("listen").limited("handler", Some(name));
    let audit = Audit::of(target);
    let work = async {
        let now = clock::now();
        let cleaned = topic.clean(&topic.left_behind(now).await?).await?;
        if cleaned > 0 {
            say(&format!("removed what a crashed run left: {cleaned} queues and subscriptions"));
        }
        let policy = handler.subscription()?;
        let temporary = topic.subscribe(&handler.filter_policy(), now, &random_id()?).await?;
        say(&format!(
            "listening by the queue {}; SNS may take some minutes until it filters and delivers. Ctrl-C ends it",
            temporary.queue
        ));
        let run = Run { topic: &topic, temporary: &temporary, policy, handler: Arc::new(handler), limits };
        let heard = run.until_the_end(pin!(stop), show).await;
        let removed = topic.remove(&temporary).await;
        let heard = heard?;
        removed?;
        Ok((heard, changed(cleaned.saturating_add(2))))
    };
    audit.record(&change, work).await
}

struct Run<'a> {
    topic: &'a Topic,
    temporary: &'a Temporary,
    policy: FilterPolicy,
    handler: Arc<HandlerUnderTest>,
    limits: Limits,
}

impl Run<'_> {
    async fn until_the_end(
        &self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        mut show: impl FnMut(&Event, &Result<DryRunResult>) -> Result<()>,
    ) -> Result<usize> {
        let mut heard = 0_usize;
        while clock::now() < self.limits.until {
            let messages = tokio::select! {
                () = &mut stop => return Ok(heard),
                messages = self.topic.receive(self.temporary) => messages?,
            };
            for message in messages {
                let body = message.body().unwrap_or_default().as_bytes();
                let event: Event = json::from_json(body).context("a message of the topic is not an event")?;
                // A new filter policy takes up to 15 minutes to take effect (Amazon SNS Developer Guide, "Subscription filter policies").
                if self.policy.accepts(&event) {
                    let (handler, given) = (Arc::clone(&self.handler), event.clone());
                    let decided = tokio::task::spawn_blocking(move || handler.decide(given));
                    let decided = tokio::select! {
                        () = &mut stop => return Ok(heard),
                        decided = decided => decided?,
                    };
                    show(&event, &decided)?;
                    heard = heard.saturating_add(1);
                }
                self.topic.delete(self.temporary, &message).await?;
                if self.limits.events.is_some_and(|most| heard >= most) {
                    return Ok(heard);
                }
            }
        }
        Ok(heard)
    }
}

/// Ends with the first signal that asks this program to end.
fn stopped() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}
