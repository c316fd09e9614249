//! The loop that a handler function runs in, so that a handler is only its decision.
//!
//! On Lambda: events come from the handler's own queue, `decide` answers each with actions, and these go to the action
//! worker. From a terminal the same binary reads one event on standard input and prints the actions: the dry run.

mod decides;
pub mod reading;

pub use decides::{Decides, Reads};

use crate::aws::batch::{Message, MessageError, MissingMessageId, SourceQueue};
use crate::aws::queue::{OutgoingMessage, Queue};
use crate::clock::{self, Timestamp};
use crate::config::Reader;
use crate::failure::Remedy;
use crate::handler::reading::{HandlerError, Reading};
use crate::id::ActionId;
use crate::model::action::{Action, PlannedAction};
use crate::model::event::Event;
use crate::reason::Reason;
use crate::salestrekker::Limits;
use crate::telemetry::EventName;
use crate::telemetry::metric::Metrics;
use crate::{aws, init, json};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use decides::AwsContext;
use futures::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::{Read as _, Write as _};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

/// What a handler is: a pure function from an event and the handler's settings to actions. It holds no credential, no
/// client and no clock.
pub type Decide<Settings> = fn(&Event, &Settings) -> Vec<Action>;

/// What runs a handler; the only line of its `main`. `name` is the handler's folder, `env!("CARGO_PKG_NAME")`: it is
/// part of each action's id. Settings are the JSON in the variable `SETTINGS`, from the handler's line in template.yaml.
pub fn run<Settings: DeserializeOwned>(name: &'static str, decide: Decide<Settings>) -> ExitCode {
    start(name, |_place| Ok(decide))
}

/// The same for a handler that must read more than its event carries, from Salestrekker as it is now. Its line in template.yaml
/// says so in the column `Reads`. It cannot write either, and it may be asked about one event more than once.
pub fn run_reading<Settings, D>(name: &'static str, decide: D) -> ExitCode
where
    Settings: DeserializeOwned,
    D: AsyncFn(&Event, &Settings, &Reading<'_>) -> Result<Vec<Action>, HandlerError>,
{
    start(name, |place| Ok(Reads { decide, client: place.map(AwsContext::client).transpose()? }))
}

fn start<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<AwsContext>) -> Result<D, AnyError>,
) -> ExitCode {
    let mut env = Reader::of_process();
    let on_lambda = env.or("AWS_LAMBDA_RUNTIME_API", String::new());
    let result = match std::env::args().nth(1).as_deref() {
        Some("--check") => check::<Settings>(env),
        _ if on_lambda.is_empty() => dry_run(name, make, env),
        _ => serve(make, env),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// For one event.
const MAX_DRY_RUN: Duration = Duration::from_secs(30);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

struct Config<Settings> {
    name: String,
    settings: Settings,
    queue: String,
    dead_letters: String,
    actions: String,
    max_chain: usize,
    dry_run: bool,
    secrets: String,
    limits: Limits,
}

/// A handler at work: its queue's events in, actions out.
#[derive(Debug)]
pub struct Handler<Settings, D = Decide<Settings>> {
    /// Its name in template.yaml, which is a part of its actions' ids.
    pub name: String,
    /// Its decision.
    pub decide: D,
    /// Its settings.
    pub settings: Settings,
    /// Its queue, and the one for what it gives up.
    pub source: SourceQueue,
    /// The queue of actions; none for a dry run, which tells them in its log and sends nothing.
    pub actions: Option<Queue>,
    /// An event that so many actions of ours led to is not answered with another one: see [`Event::chain`].
    pub max_chain: usize,
}

/// What EventBridge puts into the handler's queue; only the detail is ours.
#[derive(Debug, Deserialize)]
struct BusEvent {
    detail: Event,
}

#[tokio::main(flavor = "current_thread")]
async fn serve<Settings: DeserializeOwned, D: Decides<Settings>>(
    make: impl FnOnce(Option<AwsContext>) -> Result<D, AnyError>,
    env: Reader,
) -> Result<(), AnyError> {
    let (config, aws) = init::start_with(env, read)?;
    let client = aws::sqs(&aws);
    let context = AwsContext { config: aws, secrets: config.secrets, limits: config.limits };
    let handler = &Handler {
        name: config.name.clone(),
        decide: make(Some(context))?,
        settings: config.settings,
        source: SourceQueue::new(client.clone(), config.name, config.queue, config.dead_letters),
        actions: (!config.dry_run).then(|| Queue::new(client, config.actions)),
        max_chain: config.max_chain,
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Timestamp::from_millis(event.context.deadline);
        handler.work(event.payload, until).await.map_err(AnyError::from)
    }))
    .await
}

fn read<Settings: DeserializeOwned>(env: &mut Reader) -> Option<Config<Settings>> {
    let name = env.required("HANDLER");
    let settings = env.json("SETTINGS");
    let queue = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let actions = env.required("ACTIONS_QUEUE_URL");
    let max_chain = env.or("MAX_CHAIN_LENGTH", 5);
    let dry_run = env.or("DRY_RUN", false);
    let secrets = env.required("SECRETS_PREFIX");
    let limits = env.json("API_LIMITS");
    Some(Config {
        name: name?,
        settings: settings?,
        queue: queue?,
        dead_letters: dead_letters?,
        actions: actions?,
        max_chain,
        dry_run,
        secrets: secrets?,
        limits: limits?,
    })
}

impl<Settings, D: Decides<Settings>> Handler<Settings, D> {
    /// Works through a batch of its queue before the invocation's deadline.
    ///
    /// # Errors
    /// [`MissingMessageId`], before anything is done.
    pub async fn work(
        &self,
        batch: SqsEvent,
        until: Timestamp,
    ) -> Result<SqsBatchResponse, MissingMessageId> {
        let answer = async |message: &Message<BusEvent>, _: &Metrics| self.answer(message, until).await;
        self.source.by_group(batch, until, answer).await
    }

    async fn answer(&self, message: &Message<BusEvent>, until: Timestamp) -> Result<(), MessageError> {
        let event = &message.body.detail;
        let actions = decide_safely(&self.name, self.decide.decide(event, &self.settings, until)).await?;
        let decided = numbered(&self.name, event, actions, message.receives)?;
        if !decided.is_empty() && event.chain().len() >= self.max_chain {
            return Err(too_long(event));
        }
        self.send(event, decided).await
    }

    async fn send(&self, event: &Event, decided: Vec<PlannedAction>) -> Result<(), MessageError> {
        let count = decided.len();
        let Some(actions) = &self.actions else {
            for decided in &decided {
                let action = json::to_json(&decided.action.for_record());
                tracing::info!(
                    event_name = EventName::ActionsDryRun.as_str(),
                    handler = self.name.as_str(),
                    event.id = event.id.as_str(),
                    action,
                    "dry run: the action was not sent"
                );
            }
            return Ok(());
        };
        let messages = decided.into_iter().map(|decided| OutgoingMessage {
            body: json::to_json(&decided),
            group: Some(decided.group()),
            deduplication: Some(decided.id.to_string()),
            trace: event.cause.trace().cloned(),
        });
        // Actions that were accepted before a later one was not are sent again: their ids make that harmless.
        actions.send(messages.collect()).await.into_iter().collect::<Result<(), _>>()?;
        tracing::info!(
            event_name = EventName::ActionsDecided.as_str(),
            handler = self.name.as_str(),
            event.id = event.id.as_str(),
            event.kind = event.kind.name(),
            hint.id = event.cause.hint().as_str(),
            actions = count,
            "the handler decided"
        );
        Ok(())
    }
}

/// Handlers that answer each other, or themselves, for ever: a person is told, and the message holds the whole chain.
fn too_long(event: &Event) -> MessageError {
    let chain = event.chain().iter().map(ActionId::as_str).collect::<Vec<_>>().join(", ");
    let text = format!("the actions {chain} led to this event; handlers answer each other without end");
    MessageError { reason: Reason::ChainTooLong, remedy: Remedy::DeadLetter, text }
}

/// What the handler decides. A panic is this event's failure, not its neighbours'; it would panic again, so the event is
/// given up.
async fn decide_safely(
    name: &str,
    decision: impl Future<Output = Result<Vec<Action>, MessageError>>,
) -> Result<Vec<Action>, MessageError> {
    let panicked = |_| MessageError {
        reason: Reason::HandlerPanicked,
        remedy: Remedy::DeadLetter,
        text: format!("the handler {name} panics on this event; its log names the line"),
    };
    AssertUnwindSafe(decision).catch_unwind().await.map_err(panicked)?
}

/// The actions with their ids, which are made of the event, the handler and their place.
fn numbered(
    name: &str,
    event: &Event,
    actions: Vec<Action>,
    attempt: u32,
) -> Result<Vec<PlannedAction>, MessageError> {
    let decided_at = clock::now();
    let numbered = actions.into_iter().enumerate().map(|(position, action)| {
        let too_long = |error: crate::id::InvalidId| MessageError {
            reason: Reason::HandlerNameTooLong,
            remedy: Remedy::DeadLetter,
            text: error.to_string(),
        };
        Ok(PlannedAction {
            id: event.action_id(name, position).map_err(too_long)?,
            organisation: event.organisation.clone(),
            event: event.id.clone(),
            hint: Some(event.cause.hint().clone()),
            chain: event.chain().to_vec(),
            handler: name.to_owned(),
            decided_at,
            attempt,
            action,
        })
    });
    numbered.collect()
}

/// Whether the settings fit: what `cargo xtask dev` and `cargo xtask check` ask each handler before it serves.
fn check<Settings: DeserializeOwned>(mut env: Reader) -> Result<(), AnyError> {
    let settings = env.json::<Settings>("SETTINGS");
    env.finish(|| settings)?;
    Ok(())
}

/// One event in (bare, or as EventBridge wraps it), its actions out as JSON lines.
#[tokio::main(flavor = "current_thread")]
async fn dry_run<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<AwsContext>) -> Result<D, AnyError>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let name = env.or("HANDLER", name.to_owned());
    let settings = env.json("SETTINGS");
    let secrets = env.or("SECRETS_PREFIX", String::new());
    let settings: Settings = env.finish(|| settings)?;
    let place = if secrets.is_empty() {
        None
    } else {
        Some(AwsContext { config: aws::load()?, secrets, limits: Limits::default() })
    };
    let decide = make(place)?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let event = match json::from_json::<BusEvent>(&text) {
        Ok(wrapped) => wrapped.detail,
        Err(_) => json::from_json(&text)?,
    };
    let until = clock::now().later(MAX_DRY_RUN);
    let actions = decide_safely(&name, decide.decide(&event, &settings, until)).await;
    let decided = actions.and_then(|actions| numbered(&name, &event, actions, 1));
    let decided = decided.map_err(|error| error.text)?;
    let mut out = std::io::stdout().lock();
    for decided in decided {
        writeln!(out, "{}", json::to_json(&decided))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    async fn decided<D: Decides<()>>(decide: D, event: &Event) -> Result<Vec<PlannedAction>, MessageError> {
        let until = clock::now().later(Duration::from_secs(9));
        numbered("h", event, decide_safely("h", decide.decide(event, &(), until)).await?, 1)
    }

    #[tokio::test]
    async fn the_same_event_always_gives_the_same_action_ids() {
        let decide: Decide<()> = |event, ()| {
            let ticket = event.ticket().unwrap();
            vec![Action::add_label(ticket, "a"), Action::add_label(ticket, "b")]
        };
        let event = testing::stage_changed("Approved", "Settled");
        let ids = async || -> Vec<_> {
            decided(decide, &event).await.unwrap().into_iter().map(|decided| decided.id).collect()
        };
        assert_eq!(ids().await, ids().await);
        assert_ne!(ids().await[0], ids().await[1]);
    }

    #[tokio::test]
    async fn a_panic_gives_up_one_event_and_says_nothing_of_it() {
        let decide: Decide<()> = |event, ()| panic!("{event:?}");
        let event = testing::stage_changed("Approved", "Settled");
        let reads = Reads {
            decide: async |event: &Event, (): &(), _: &Reading<'_>| panic!("{event:?}"),
            client: None,
        };
        for error in [decided(decide, &event).await.unwrap_err(), decided(reads, &event).await.unwrap_err()] {
            assert_eq!((error.reason, error.remedy), (Reason::HandlerPanicked, Remedy::DeadLetter));
            assert!(!error.text.contains("Approved"));
        }
    }

    async fn told(answer: fn() -> HandlerError, event: &Event) -> (Reason, Remedy) {
        let reads = Reads { decide: async |_: &Event, (): &(), _: &Reading<'_>| Err(answer()), client: None };
        let error = decided(reads, event).await.unwrap_err();
        (error.reason, error.remedy)
    }

    #[tokio::test]
    async fn what_a_reading_handler_says_is_what_becomes_of_its_event() {
        let event = testing::stage_changed("Approved", "Settled");
        let retry = told(|| HandlerError::Retry("no client yet"), &event).await;
        assert_eq!(retry, (Reason::HandlerRequestedRetry, Remedy::Retry { after: None }));
        assert_eq!(
            told(|| HandlerError::DeadLetter("odd"), &event).await,
            (Reason::HandlerRejectedEvent, Remedy::DeadLetter)
        );
        let api = async |event: &Event, (): &(), api: &Reading<'_>| {
            let ticket = event.ticket().ok_or(HandlerError::DeadLetter("no ticket"))?;
            api.ticket(&ticket.id).await.map(|_| vec![])
        };
        let error = decided(Reads { decide: api, client: None }, &event).await.unwrap_err();
        assert!(error.text.contains("SECRETS_PREFIX"), "{error:?}");
    }
}
