//! The loop that a handler function runs in, so that a handler is only its decision.
//!
//! On Lambda: events come from the handler's own queue, `decide` answers each with actions, and these go to the action
//! worker. From a terminal the same binary reads one event on standard input and prints the actions: the dry run.

mod decides;
pub mod reading;

pub use decides::{Decides, Reads};

use crate::aws::batch::{Letter, Source, Trouble, Unnameable};
use crate::aws::queue::{Message, Queue};
use crate::clock::{self, Moment};
use crate::config::Reader;
use crate::failure::Remedy;
use crate::handler::reading::{HandlerError, Reading};
use crate::id::ActionId;
use crate::model::action::{Action, Decided};
use crate::model::event::Event;
use crate::salestrekker::Limits;
use crate::telemetry::metric::Figures;
use crate::{aws, json, telemetry};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use decides::Place;
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
    start(name, |place| Ok(Reads { decide, client: place.map(Place::client).transpose()? }))
}

fn start<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<Place>) -> Result<D, AnyError>,
) -> ExitCode {
    let mut env = Reader::of_process();
    let on_lambda = env.or("AWS_LAMBDA_RUNTIME_API", String::new());
    let result = if on_lambda.is_empty() { dry_run(name, make, env) } else { serve(name, make, env) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// For one event.
const LONGEST_DRY_RUN: Duration = Duration::from_secs(30);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

struct Config<Settings> {
    settings: Settings,
    queue: String,
    dead_letters: String,
    actions: String,
    longest_chain: usize,
    dry_run: bool,
    secrets: String,
    limits: Limits,
    log_level: tracing::Level,
    namespace: String,
}

/// A handler at work: its queue's events in, actions out.
#[derive(Debug)]
pub struct Handler<Settings, D = Decide<Settings>> {
    /// Its folder.
    pub name: &'static str,
    /// Its decision.
    pub decide: D,
    /// Its settings.
    pub settings: Settings,
    /// Its queue, and the one for what it gives up.
    pub source: Source,
    /// The queue of actions; none for a dry run, which tells them in its log and sends nothing.
    pub actions: Option<Queue>,
    /// An event that so many actions of ours led to is not answered with another one: see [`Event::chain`].
    pub longest_chain: usize,
}

/// What EventBridge puts into the handler's queue; only the detail is ours.
#[derive(Debug, Deserialize)]
struct BusEvent {
    detail: Event,
}

#[tokio::main(flavor = "current_thread")]
async fn serve<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<Place>) -> Result<D, AnyError>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let settings = env.json("SETTINGS");
    let queue = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let actions = env.required("ACTIONS_QUEUE_URL");
    let longest_chain = env.or("LONGEST_CHAIN", 5_usize);
    let dry_run = env.or("DRY_RUN", false);
    let secrets = env.required("SECRETS_PREFIX");
    let limits = env.json("API_LIMITS");
    let log_level = env.or("LOG_LEVEL", tracing::Level::INFO);
    let namespace = env.required("METRICS_NAMESPACE");
    let config = env.finish(|| {
        Some(Config {
            settings: settings?,
            queue: queue?,
            dead_letters: dead_letters?,
            actions: actions?,
            longest_chain,
            dry_run,
            secrets: secrets?,
            limits: limits?,
            log_level,
            namespace: namespace?,
        })
    })?;
    telemetry::start(config.log_level, config.namespace);
    let aws = aws::load()?;
    let client = aws::sqs(&aws);
    let place = Place { config: aws, secrets: config.secrets, limits: config.limits };
    let handler = &Handler {
        name,
        decide: make(Some(place))?,
        settings: config.settings,
        source: Source::new(client.clone(), name, config.queue, config.dead_letters),
        actions: (!config.dry_run).then(|| Queue::new(client, config.actions)),
        longest_chain: config.longest_chain,
    };
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let until = Moment::from_millis(event.context.deadline);
        handler.work(event.payload, until).await.map_err(AnyError::from)
    }))
    .await
}

impl<Settings, D: Decides<Settings>> Handler<Settings, D> {
    /// Works through a batch of its queue before the invocation's deadline.
    ///
    /// # Errors
    /// [`Unnameable`], before anything is done.
    pub async fn work(&self, batch: SqsEvent, until: Moment) -> Result<SqsBatchResponse, Unnameable> {
        let answer = async |letter: &Letter<BusEvent>, _: &Figures| self.answer(letter, until).await;
        self.source.by_group(batch, until, answer).await
    }

    async fn answer(&self, letter: &Letter<BusEvent>, until: Moment) -> Result<(), Trouble> {
        let event = &letter.body.detail;
        let actions = decide_safely(self.name, self.decide.decide(event, &self.settings, until)).await?;
        let decided = numbered(self.name, event, actions, letter.receives)?;
        if !decided.is_empty() && event.chain().len() >= self.longest_chain {
            return Err(too_long(event));
        }
        self.send(event, decided).await
    }

    async fn send(&self, event: &Event, decided: Vec<Decided>) -> Result<(), Trouble> {
        let count = decided.len();
        let Some(actions) = &self.actions else {
            for decided in &decided {
                let action = json::to_json(&decided.action.for_record());
                tracing::info!(
                    handler = self.name,
                    event.id = event.id.as_str(),
                    action,
                    "dry run: not sent"
                );
            }
            return Ok(());
        };
        let messages = decided.into_iter().map(|decided| Message {
            body: json::to_json(&decided),
            group: Some(decided.group()),
            deduplication: Some(decided.id.to_string()),
            trace: event.cause.trace().cloned(),
        });
        // Actions that were accepted before a later one was not are sent again: their ids make that harmless.
        actions.send(messages.collect()).await.into_iter().collect::<Result<(), _>>()?;
        tracing::info!(
            handler = self.name,
            event.id = event.id.as_str(),
            event.kind = event.what.kind(),
            hint.id = event.cause.hint().as_str(),
            actions = count,
            "decided"
        );
        Ok(())
    }
}

/// Handlers that answer each other, or themselves, for ever: a person is told, and the letter holds the whole chain.
fn too_long(event: &Event) -> Trouble {
    let chain = event.chain().iter().map(ActionId::as_str).collect::<Vec<_>>().join(", ");
    let text = format!("the actions {chain} led to this event; handlers answer each other without end");
    Trouble { kind: "chain_too_long", remedy: Remedy::GiveUp, text }
}

/// What the handler decides. A panic is this event's failure, not its neighbours'; it would panic again, so the event is
/// given up.
async fn decide_safely(
    name: &'static str,
    decision: impl Future<Output = Result<Vec<Action>, Trouble>>,
) -> Result<Vec<Action>, Trouble> {
    let panicked = |_| Trouble {
        kind: "handler_panicked",
        remedy: Remedy::GiveUp,
        text: format!("the handler {name} panics on this event; its log names the line"),
    };
    AssertUnwindSafe(decision).catch_unwind().await.map_err(panicked)?
}

/// The actions with their ids, which are made of the event, the handler and their place.
fn numbered(
    name: &'static str,
    event: &Event,
    actions: Vec<Action>,
    attempt: u32,
) -> Result<Vec<Decided>, Trouble> {
    let decided_at = clock::now();
    let numbered = actions.into_iter().enumerate().map(|(position, action)| {
        let too_long = |error: crate::id::InvalidId| Trouble {
            kind: "handler_name_too_long",
            remedy: Remedy::GiveUp,
            text: error.to_string(),
        };
        Ok(Decided {
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

/// One event in (bare, or as EventBridge wraps it), its actions out as JSON lines.
#[tokio::main(flavor = "current_thread")]
async fn dry_run<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<Place>) -> Result<D, AnyError>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let settings = env.json("SETTINGS");
    let secrets = env.or("SECRETS_PREFIX", String::new());
    let settings: Settings = env.finish(|| settings)?;
    let place = if secrets.is_empty() {
        None
    } else {
        Some(Place { config: aws::load()?, secrets, limits: Limits::default() })
    };
    let decide = make(place)?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let event = match json::from_json::<BusEvent>(&text) {
        Ok(wrapped) => wrapped.detail,
        Err(_) => json::from_json(&text)?,
    };
    let until = clock::now().later(LONGEST_DRY_RUN);
    let actions = decide_safely(name, decide.decide(&event, &settings, until)).await;
    let decided = actions.and_then(|actions| numbered(name, &event, actions, 1));
    let decided = decided.map_err(|trouble| trouble.text)?;
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

    async fn decided<D: Decides<()>>(decide: D, event: &Event) -> Result<Vec<Decided>, Trouble> {
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
        for trouble in [decided(decide, &event).await.unwrap_err(), decided(reads, &event).await.unwrap_err()]
        {
            assert_eq!((trouble.kind, trouble.remedy), ("handler_panicked", Remedy::GiveUp));
            assert!(!trouble.text.contains("Approved"));
        }
    }

    async fn told(answer: fn() -> HandlerError, event: &Event) -> (&'static str, Remedy) {
        let reads = Reads { decide: async |_: &Event, (): &(), _: &Reading<'_>| Err(answer()), client: None };
        let trouble = decided(reads, event).await.unwrap_err();
        (trouble.kind, trouble.remedy)
    }

    #[tokio::test]
    async fn what_a_reading_handler_says_is_what_becomes_of_its_event() {
        let event = testing::stage_changed("Approved", "Settled");
        let retry = told(|| HandlerError::Retry("no client yet"), &event).await;
        assert_eq!(retry, ("handler_retries", Remedy::Retry { after: None }));
        assert_eq!(told(|| HandlerError::GiveUp("odd"), &event).await, ("handler_gave_up", Remedy::GiveUp));
        let api = async |event: &Event, (): &(), api: &Reading<'_>| {
            let ticket = event.ticket().ok_or(HandlerError::GiveUp("no ticket"))?;
            api.ticket(&ticket.id).await.map(|_| vec![])
        };
        let trouble = decided(Reads { decide: api, client: None }, &event).await.unwrap_err();
        assert!(trouble.text.contains("SECRETS_PREFIX"), "{trouble:?}");
    }
}
