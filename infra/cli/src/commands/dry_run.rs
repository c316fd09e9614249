//! `automations dry-run`: what a handler would do. Its program is built from the checkout and given events; nothing is sent.

use crate::account::Account;
use crate::checkout;
use crate::commands::replay::{Replay, Replayer};
use crate::event_filter::EventFilter;
use crate::event_text::line;
use crate::exit_code::{Exit, Usage};
use crate::filter_policy::FilterPolicy;
use crate::report::{count, during, print, print_json, say};
use crate::template_table::{self, Row};
use crate::time;
use anyhow::{Context as _, Result, bail};
use automations::id::TicketId;
use automations::{Event, clock, json};
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How far back the events of one ticket are read.
const OF_A_TICKET: &str = "30d";

/// Print what a handler of this checkout would do about events; nothing is sent or changed
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
#[command(after_help = "Example: automations dry-run follow-up-on-settlement --since 24h --profile prod")]
pub struct Arguments {
    /// The handler, by its `Name` in template.yaml
    #[arg(value_name = "HANDLER")]
    handler: String,
    /// Events of a file, or of standard input (-): one event, or several, one a line
    #[arg(long, value_name = "FILE", group = "which", conflicts_with_all = ["ticket", "since"])]
    event: Option<PathBuf>,
    /// The events of this ticket in the journal, of the last 30 days unless --since says otherwise
    #[arg(long, value_name = "TICKET_ID", group = "which")]
    ticket: Option<TicketId>,
    /// Events of the journal from this time on: RFC 3339, or a duration before now such as 36h, 2w or 1d12h
    #[arg(long, value_name = "TIME", group = "which", value_parser = time::check)]
    since: Option<String>,
    /// Settings to try, as JSON [default: those of its entry in template.yaml]
    #[arg(long, value_name = "JSON")]
    settings: Option<String>,
}

/// A handler that is tried.
#[derive(Debug)]
pub struct HandlerUnderTest {
    program: PathBuf,
    name: String,
    settings: String,
    row: Row,
    /// The variables by which it may read from Salestrekker.
    access: Vec<(String, String)>,
    /// Whether its errors, which may have what a person typed, go to standard error.
    shows_errors: bool,
}

/// What it would do about one event.
#[derive(Debug, Serialize)]
pub struct DryRunResult {
    /// The event.
    pub event: Event,
    /// The actions, as they would be sent.
    pub actions: Vec<Value>,
}

/// Runs `automations dry-run`.
///
/// # Errors
/// If there is no such handler, it does not compile, or a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let root = checkout::required("dry-run")?;
    let (name, settings) = (arguments.handler.clone(), arguments.settings.clone());
    let what = format!("building {name}");
    let built = tokio::task::spawn_blocking(move || HandlerUnderTest::built(&root, &name, settings));
    let handler = during(&what, built).await??;
    let needs_target = arguments.event.is_none() || handler.reads();
    let target = if needs_target { Some(account.target().await?) } else { None };
    let (handler, events) = match &target {
        None => (handler, Vec::new()),
        Some(target) => {
            let events = of_journal(&arguments, &handler, &Replayer::of(target)).await?;
            let access = if handler.reads() { target.environment().await? } else { Vec::new() };
            (handler.with_access(&target.stack, access), events)
        }
    };
    let events = match &arguments.event {
        Some(file) => of_file(file, &handler)?,
        None => events,
    };
    let results =
        events.into_iter().map(|event| handler.decide(event)).collect::<Result<Vec<DryRunResult>>>()?;
    if account.json {
        print_json(&json!({ "handler": arguments.handler, "events": results }))?;
        return Ok(Exit::Done);
    }
    let mut actions = 0_u64;
    for DryRunResult { event, actions: decided } in &results {
        print(&line(event))?;
        for action in decided {
            print(&format!("    {}", action_of(action)))?;
        }
        actions = actions.saturating_add(u64::try_from(decided.len()).unwrap_or(u64::MAX));
    }
    let events = count(u64::try_from(results.len()).unwrap_or(u64::MAX), "event", "events");
    print(&format!("{events}, {}; nothing was sent", count(actions, "action", "actions")))?;
    Ok(Exit::Done)
}

fn of_file(file: &Path, handler: &HandlerUnderTest) -> Result<Vec<Event>> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("standard input is not text")?;
    } else {
        let read = std::fs::read_to_string(file);
        text = read.with_context(|| format!("{} cannot be read as text", file.display()))?;
    }
    let events = events(&text)?;
    let subscription = handler.subscription()?;
    for event in events.iter().filter(|event| !subscription.accepts(event)) {
        let kind = event.kind.name();
        say(&format!(
            "note: the Events, Causes or Filter of the handler's entry in template.yaml exclude this event ({kind}), so it would not \
             receive it"
        ));
    }
    Ok(events)
}

/// The events in the journal that its subscription in template.yaml matches.
async fn of_journal(
    arguments: &Arguments,
    handler: &HandlerUnderTest,
    replayer: &Replayer,
) -> Result<Vec<Event>> {
    if arguments.event.is_some() {
        return Ok(Vec::new());
    }
    let now = clock::now();
    let since = time::parse(arguments.since.as_deref().unwrap_or(OF_A_TICKET), now)?;
    let filter = EventFilter { ticket: arguments.ticket.clone(), ..EventFilter::default() };
    let which = Replay { since, until: now, filter, handler: None, resent: None };
    let (mut events, subscription) =
        (during("reading the journal", replayer.select(&which)).await?, handler.subscription()?);
    events.retain(|event| subscription.accepts(event));
    Ok(events)
}

impl HandlerUnderTest {
    /// The handler of this name in the checkout at `root`, built from its `Code`, with the settings of its entry in template.yaml
    /// or with these. The compiler's errors go to standard error.
    ///
    /// # Errors
    /// [`Usage`] if there is no such handler; an error if it does not compile.
    pub fn built(root: &Path, name: &str, settings: Option<String>) -> Result<Self> {
        let template =
            std::fs::read_to_string(root.join("template.yaml")).context("template.yaml cannot be read")?;
        let row = template_table::row(&template, name)?;
        let settings = settings.or_else(|| row.text("Settings")).unwrap_or_default();
        let code =
            row.text("Code").with_context(|| format!("the entry of {name} in template.yaml has no Code"))?;
        let program = build(&root.join(&code), &code)?;
        Ok(Self { program, name: name.to_owned(), settings, row, access: Vec::new(), shows_errors: true })
    }

    /// Whether its entry gives it access to Salestrekker's API, or to the stored tickets.
    pub fn reads(&self) -> bool {
        let has = |key: &str| self.row.text(key).is_some_and(|access| access != "none");
        has("ApiAccess") || has("Snapshots")
    }

    /// The same, which may read with the secrets of this stack; `variables` are those of the AWS SDK.
    #[must_use]
    pub fn with_access(self, stack: &str, variables: Vec<(String, String)>) -> Self {
        let own = [("SECRETS_PREFIX", stack.to_owned()), ("TABLE_NAME", format!("{stack}-store"))];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let access = if self.reads() { variables.into_iter().chain(own).collect() } else { Vec::new() };
        Self { access, ..self }
    }

    /// The same, whose own error texts are not shown.
    #[must_use]
    pub fn without_its_errors(self) -> Self {
        Self { shows_errors: false, ..self }
    }

    /// The filter policy of its subscription, as the template makes it.
    pub fn filter_policy(&self) -> String {
        self.row.filter_policy()
    }

    /// Its subscription: which events it would receive.
    ///
    /// # Errors
    /// [`Usage`] if SNS would not accept it.
    pub fn subscription(&self) -> Result<FilterPolicy> {
        self.row.subscription()
    }

    /// What it would do about an event.
    ///
    /// # Errors
    /// If its settings do not fit, or it panics.
    pub fn decide(&self, event: Event) -> Result<DryRunResult> {
        let mut program = Command::new(&self.program);
        // The caller's AWS credentials are not the handler's.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
            program.env_remove(name);
        }
        program.env("HANDLER", &self.name).env("SETTINGS", &self.settings).envs(self.access.iter().cloned());
        let errors = if self.shows_errors { Stdio::inherit() } else { Stdio::null() };
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        let mut running = program.spawn().context("the handler cannot be started")?;
        // Dropped, and so closed, at the end of the statement: the handler reads to the end.
        let sent =
            running.stdin.take().context("no standard input")?.write_all(json::to_json(&event).as_bytes());
        let output = running.wait_with_output()?;
        if !output.status.success() {
            bail!("the handler {} fails on the event {}; its error is above", self.name, event.id);
        }
        sent.context("the handler does not read its event")?;
        let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let actions = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        Ok(DryRunResult {
            event,
            actions: actions.context("the handler prints something other than actions")?,
        })
    }
}

/// The action in a line of a handler's program, which is a planned action.
pub(crate) fn action_of(planned: &Value) -> &Value {
    planned.get("action").unwrap_or(planned)
}

/// The kind of an action.
pub(crate) fn action_kind(action: &Value) -> String {
    action.get("do").and_then(Value::as_str).unwrap_or("?").to_owned()
}

/// The program of the crate in this folder. Cargo says on standard error why it does not compile.
fn build(folder: &Path, code: &str) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--message-format",
        "json-render-diagnostics",
        "--manifest-path",
    ]);
    let output = cargo.arg(folder.join("Cargo.toml")).current_dir(folder).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| format!("cargo cannot be started in {code}; is it installed?"))?;
    if !output.status.success() {
        bail!("{code} does not compile; cargo's errors are above");
    }
    let mut messages = output.stdout.rsplit(|byte| *byte == b'\n');
    let program = messages.find_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    program.with_context(|| format!("{code} has no program"))
}

/// The events that a text contains: one, or several, one a line.
///
/// # Errors
/// [`Usage`] if one is not an event, with its line; nothing of it is quoted.
pub fn events(text: &str) -> Result<Vec<Event>> {
    if let Ok(event) = json::from_json(text.as_bytes()) {
        return Ok(vec![event]);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let events = lines.map(|(index, line)| {
        let event = json::from_json(line.as_bytes());
        let invalid = |error| {
            let line = index.saturating_add(1);
            Usage(format!("line {line} is not an event: {error}; see `automations events`"))
        };
        Ok(event.map_err(invalid)?)
    });
    events.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::stage_changed;

    #[test]
    fn events_are_one_or_one_a_line() {
        let event = stage_changed("Approved", "Settled");
        let line = json::to_json(&event);
        let pretty = serde_json::to_string_pretty(&event).unwrap();
        let twice = format!("{line}\n\n{line}\n");
        for (text, count) in [(line.clone(), 1), (pretty, 1), (twice, 2)] {
            assert_eq!(events(&text).unwrap(), vec![event.clone(); count], "{text}");
        }
        assert_eq!(events("").unwrap(), []);
        let error = format!("{:#}", events(&format!("{line}\n{{\"Jane\": 1}}")).unwrap_err());
        assert!(error.contains("line 2") && !error.contains("Jane"), "{error}");
    }
}
