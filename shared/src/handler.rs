//! The loop that a handler function runs in, so that a handler is only its decision.
//!
//! On Lambda: events come from the handler's own queue, `decide` answers each with actions, and these go to the action
//! worker. From a terminal the same binary reads one event on standard input and prints the actions: the dry run.

use crate::action::{Action, Decided};
use crate::batch::{Letter, Source, Trouble, Unnameable};
use crate::clock::{self, Moment};
use crate::config::Reader;
use crate::event::Event;
use crate::failure::Remedy;
use crate::id::ActionId;
use crate::queue::{Message, Queue};
use crate::{aws, telemetry, wire};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::{Read as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

/// What a handler is: a pure function from an event and the handler's settings to actions. It holds no credential, no
/// client and no clock.
pub type Decide<Settings> = fn(&Event, &Settings) -> Vec<Action>;

/// What runs a handler; the only line of its `main`. `name` is the handler's folder, `env!("CARGO_PKG_NAME")`: it is
/// part of each action's id. Settings are the JSON in the variable `SETTINGS`, from the handler's line in template.yaml.
pub fn run<Settings: DeserializeOwned>(name: &'static str, decide: Decide<Settings>) -> ExitCode {
    let mut env = Reader::of_process();
    let on_lambda = env.or("AWS_LAMBDA_RUNTIME_API", String::new());
    let result = if on_lambda.is_empty() { dry_run(name, decide, env) } else { serve(name, decide, env) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

struct Config<Settings> {
    settings: Settings,
    queue: String,
    dead_letters: String,
    actions: String,
    longest_chain: usize,
    dry_run: bool,
    log_level: tracing::Level,
}

/// A handler at work: its queue's events in, actions out.
#[derive(Debug)]
pub struct Handler<Settings> {
    /// Its folder.
    pub name: &'static str,
    /// Its decision.
    pub decide: Decide<Settings>,
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
async fn serve<Settings: DeserializeOwned>(
    name: &'static str,
    decide: Decide<Settings>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let settings = env.json("SETTINGS");
    let queue = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let actions = env.required("ACTIONS_QUEUE_URL");
    let longest_chain = env.or("LONGEST_CHAIN", 5_usize);
    let dry_run = env.or("DRY_RUN", false);
    let log_level = env.or("LOG_LEVEL", tracing::Level::INFO);
    let config = env.finish(|| {
        Some(Config {
            settings: settings?,
            queue: queue?,
            dead_letters: dead_letters?,
            actions: actions?,
            longest_chain,
            dry_run,
            log_level,
        })
    })?;
    telemetry::start(config.log_level);
    let client = aws::sqs(&aws::load()?);
    let handler = &Handler {
        name,
        decide,
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

impl<Settings> Handler<Settings> {
    /// Works through a batch of its queue before the invocation's deadline.
    ///
    /// # Errors
    /// [`Unnameable`], before anything is done.
    pub async fn work(&self, batch: SqsEvent, until: Moment) -> Result<SqsBatchResponse, Unnameable> {
        let answer = async |letter: &Letter<BusEvent>| self.answer(letter).await;
        self.source.by_group(batch, until, answer).await
    }

    async fn answer(&self, letter: &Letter<BusEvent>) -> Result<(), Trouble> {
        let event = &letter.body.detail;
        let decided = decide_safely(self.name, self.decide, event, &self.settings, letter.receives)?;
        if !decided.is_empty() && event.chain().len() >= self.longest_chain {
            return Err(too_long(event));
        }
        self.send(event, decided).await
    }

    async fn send(&self, event: &Event, decided: Vec<Decided>) -> Result<(), Trouble> {
        let count = decided.len();
        let Some(actions) = &self.actions else {
            for decided in &decided {
                let action = wire::to_json(&decided.action.for_record());
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
            body: wire::to_json(&decided),
            group: Some(decided.group()),
            deduplication: Some(decided.id.to_string()),
        });
        // Actions that were accepted before a later one was not are sent again: their ids make that harmless.
        actions.send(messages.collect()).await.into_iter().collect::<Result<(), _>>()?;
        tracing::info!(
            handler = self.name,
            event.id = event.id.as_str(),
            event.kind = event.what.kind(),
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

/// What the handler decides. A panic is this event's failure, not its neighbours'; as `decide` is pure, it would panic
/// again, so the event is given up.
fn decide_safely<Settings>(
    name: &'static str,
    decide: Decide<Settings>,
    event: &Event,
    settings: &Settings,
    attempt: u32,
) -> Result<Vec<Decided>, Trouble> {
    let panicked = |_| Trouble {
        kind: "handler_panicked",
        remedy: Remedy::GiveUp,
        text: format!("the handler {name} panics on this event; its log names the line"),
    };
    let actions = catch_unwind(AssertUnwindSafe(|| decide(event, settings))).map_err(panicked)?;
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
fn dry_run<Settings: DeserializeOwned>(
    name: &'static str,
    decide: Decide<Settings>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let settings = env.json("SETTINGS");
    let settings: Settings = env.finish(|| settings)?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let event = match wire::from_json::<BusEvent>(&text) {
        Ok(wrapped) => wrapped.detail,
        Err(_) => wire::from_json(&text)?,
    };
    let decided = decide_safely(name, decide, &event, &settings, 1).map_err(|trouble| trouble.text)?;
    let mut out = std::io::stdout().lock();
    for decided in decided {
        writeln!(out, "{}", wire::to_json(&decided))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn the_same_event_always_gives_the_same_action_ids() {
        let decide: Decide<()> = |event, ()| {
            let ticket = event.ticket().unwrap();
            vec![Action::add_label(ticket, "a"), Action::add_label(ticket, "b")]
        };
        let event = example::stage_changed("Approved", "Settled");
        let ids = || -> Vec<_> {
            decide_safely("h", decide, &event, &(), 1)
                .unwrap()
                .into_iter()
                .map(|decided| decided.id)
                .collect()
        };
        assert_eq!(ids(), ids());
        assert_ne!(ids()[0], ids()[1]);
    }

    #[test]
    fn a_panic_gives_up_one_event_and_says_nothing_of_it() {
        let decide: Decide<()> = |event, ()| panic!("{event:?}");
        let trouble =
            decide_safely("h", decide, &example::stage_changed("Approved", "Settled"), &(), 1).unwrap_err();
        assert_eq!((trouble.kind, trouble.remedy), ("handler_panicked", Remedy::GiveUp));
        assert!(!trouble.text.contains("Approved"));
    }
}
