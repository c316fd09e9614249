//! How a handler starts: on Lambda, in a dry run, or to check its settings.

use super::decides::{Decide, Decides, Reads};
use super::invocation::{Asked, Invocation, Response, check_settings};
use super::per_organisation::SettingsByOrganisation;
use super::plan;
use super::reading::{HandlerError, Reading};
use super::work::Handler;
use crate::aws::batch::SourceQueue;
use crate::aws::queue::Queue;
use crate::aws::secret::Secrets;
use crate::clock::{self, Timestamp};
use crate::config::Reader;
use crate::model::action::Action;
use crate::model::collect::Collect;
use crate::model::event::Event;
use crate::model::quiet_period::QuietPeriod;
use crate::model::until::{OfEntry, Until};
use crate::salestrekker::{Client, Limits};
use crate::store::Store;
use crate::telemetry::metric::SourceKind;
use crate::{aws, init, json};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::DeserializeOwned;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// A dry run of one event takes at most this long.
const MAX_DRY_RUN: Duration = Duration::from_secs(30);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// Runs a handler; the only line of its `main`. `name` is the handler's folder, `env!("CARGO_PKG_NAME")`, and is used in a dry
/// run. The settings are the JSON in the variable `SETTINGS`, from the handler's entry in template.yaml.
///
/// ```no_run
/// use automations::{Action, Event, handler};
///
/// #[derive(automations::serde::Deserialize)]
/// #[serde(crate = "automations::serde", deny_unknown_fields)]
/// struct Settings {
///     stage: String,
/// }
///
/// fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
///     let ticket = event.entered_stage(&settings.stage);
///     ticket.map(|ticket| Action::add_label(ticket, "Settled")).into_iter().collect()
/// }
///
/// fn main() -> std::process::ExitCode {
///     handler::run(env!("CARGO_PKG_NAME"), decide)
/// }
/// ```
pub fn run<Settings: DeserializeOwned>(name: &'static str, decide: Decide<Settings>) -> ExitCode {
    start(name, |_context| Ok(decide))
}

/// Runs a handler that needs more than its event, and reads it from Salestrekker as it is now, or from the stored tickets. Its entry in
/// template.yaml has `ApiAccess: api-token`, or `Snapshots: store`. It cannot write, and `decide` may be called more than once for an event.
pub fn run_reading<Settings, D>(name: &'static str, decide: D) -> ExitCode
where
    Settings: DeserializeOwned,
    D: AsyncFn(&Event, &Settings, &Reading<'_>) -> Result<Vec<Action>, HandlerError>,
{
    start(name, |context| {
        let store = context.as_ref().and_then(AwsContext::store);
        let client = context.map(AwsContext::client).transpose()?;
        Ok(Reads { client, store, ..Reads::without_api(decide) })
    })
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

struct Config {
    name: String,
    /// As JSON: an organisation's settings are read into it.
    settings: String,
    table: String,
    queue: String,
    dead_letters: String,
    actions: String,
    max_chain: usize,
    until: Option<Until>,
    dry_run: bool,
    secrets: String,
    limits: Limits,
}

/// What a client of Salestrekker and one of the table are made of.
struct AwsContext {
    config: aws_config::SdkConfig,
    secrets: String,
    table: String,
    limits: Limits,
}

impl AwsContext {
    fn store(&self) -> Option<Store> {
        let Self { config, table, .. } = self;
        (!table.is_empty()).then(|| Store::new(aws::dynamodb(config), table.clone()))
    }

    fn client(self) -> Result<Client, AnyError> {
        let Self { config, secrets, limits, .. } = self;
        Ok(Client::new(Secrets::new(aws::secrets_manager(&config), secrets), limits)?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve<Settings: DeserializeOwned, D: Decides<Settings>>(
    make: impl FnOnce(Option<AwsContext>) -> Result<D, AnyError>,
    env: Reader,
) -> Result<(), AnyError> {
    let (config, aws) = init::start_with(env, read::<Settings>)?;
    let (client, dynamodb) = (aws::sqs(&aws), aws::dynamodb(&aws));
    let context = AwsContext {
        config: aws,
        secrets: config.secrets,
        table: config.table.clone(),
        limits: config.limits,
    };
    let store = Store::new(dynamodb, config.table);
    let (name, entry) = (config.name.clone(), config.settings.clone());
    let handler = &Handler {
        name: config.name.clone(),
        decide: make(Some(context))?,
        settings: SettingsByOrganisation::<Settings>::stored(store, name, entry, config.dry_run)?,
        source: SourceQueue::new(
            client.clone(),
            SourceKind::Events,
            config.name,
            config.queue,
            config.dead_letters,
        ),
        actions: Queue::new(client, config.actions),
        max_chain: config.max_chain,
        until: config.until,
    };
    let entry = &config.settings;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Invocation>| async move {
        let until = Timestamp::from_millis(event.context.deadline);
        match event.payload.asked() {
            // In a box, as the compiler limits how deeply futures are nested, a handler's own ones among them.
            Asked::Work(batch) => {
                Box::pin(handler.work(batch, until)).await.map(Response::Batch).map_err(AnyError::from)
            }
            Asked::CheckSettings(own) => Ok(Response::Settings(check_settings::<Settings>(entry, &own))),
        }
    }))
    .await
}

fn read<Settings: DeserializeOwned>(env: &mut Reader) -> Option<Config> {
    let name = env.required("HANDLER");
    // Read for its problems: what is kept is the text.
    let is_valid = env.json::<Settings>("SETTINGS").is_some();
    let settings = is_valid.then(|| env.or("SETTINGS", String::new()));
    let table = env.required("TABLE_NAME");
    let queue = env.required("SOURCE_QUEUE_URL");
    let dead_letters = env.required("DEAD_LETTER_QUEUE_URL");
    let actions = env.required("ACTIONS_QUEUE_URL");
    let max_chain = env.or("MAX_CHAIN_LENGTH", 5);
    let quiet_period = env.explained::<OfEntry<QuietPeriod>>("QUIET_PERIOD");
    let collect = env.explained::<OfEntry<Collect>>("COLLECT");
    let dry_run = env.or("DRY_RUN", false);
    let secrets = env.required("SECRETS_PREFIX");
    let limits = env.json("API_LIMITS");
    Some(Config {
        name: name?,
        settings: settings?,
        table: table?,
        queue: queue?,
        dead_letters: dead_letters?,
        actions: actions?,
        max_chain,
        until: collect?.0.map(Until::Collect).or(quiet_period?.0.map(Until::QuietPeriod)),
        dry_run,
        secrets: secrets?,
        limits: limits?,
    })
}

/// Whether the settings are valid, as `cargo xtask dev` and `cargo xtask check` ask each handler before it is used.
fn check<Settings: DeserializeOwned>(mut env: Reader) -> Result<(), AnyError> {
    let settings = env.json::<Settings>("SETTINGS");
    env.finish(|| settings)?;
    Ok(())
}

/// One event in, its actions out as JSON lines.
#[tokio::main(flavor = "current_thread")]
async fn dry_run<Settings: DeserializeOwned, D: Decides<Settings>>(
    name: &'static str,
    make: impl FnOnce(Option<AwsContext>) -> Result<D, AnyError>,
    mut env: Reader,
) -> Result<(), AnyError> {
    let name = env.or("HANDLER", name.to_owned());
    let settings = env.json("SETTINGS");
    let secrets = env.or("SECRETS_PREFIX", String::new());
    let table = env.or("TABLE_NAME", String::new());
    let settings: Settings = env.finish(|| settings)?;
    let context = if secrets.is_empty() {
        None
    } else {
        Some(AwsContext { config: aws::load()?, secrets, table, limits: Limits::default() })
    };
    let decide = make(context)?;
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    let event = json::from_json(&text)?;
    let until = clock::now().later(MAX_DRY_RUN);
    let actions = plan::decide(&name, decide.decide(&event, &settings, until)).await;
    let planned = actions.and_then(|actions| plan::planned(&name, &event, actions, 1));
    let planned = planned.map_err(|error| error.text)?;
    let mut out = std::io::stdout().lock();
    for planned in planned {
        writeln!(out, "{}", json::to_json(&planned))?;
    }
    Ok(())
}
