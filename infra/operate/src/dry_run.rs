//! What a handler would do: its program, as this project has it, is asked about events, and nothing is sent.

use anyhow::{Context as _, Result, bail};
use author::table::{self, Row};
use automations::Event;
use automations::json;
use serde::Serialize;
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A handler that is tried.
#[derive(Debug)]
pub struct HandlerUnderTest {
    program: PathBuf,
    settings: String,
    row: Row,
    reads_by: Option<String>,
}

/// What it would do about one event.
#[derive(Debug, Serialize)]
pub struct DryRunResult {
    /// The event.
    pub event: Event,
    /// The actions, as they would be sent.
    pub actions: Vec<Value>,
}

impl HandlerUnderTest {
    /// The handler of this name in the project around this folder, built anew, with the settings of its line in
    /// template.yaml, or with these.
    ///
    /// # Errors
    /// Where there is no such handler, or it does not compile.
    pub fn built(root: &Path, name: &str, settings: Option<String>) -> Result<Self> {
        let template = std::fs::read_to_string(root.join("template.yaml"))?;
        let mut rows = table::rows(&template)?;
        let is_it = |row: &Row| row.text("Name").as_deref() == Some(name);
        let Some(place) = rows.iter().position(is_it) else {
            let names: Vec<String> = rows.iter().filter_map(|row| row.text("Name")).collect();
            bail!("there is no handler {name}; there are {}", names.join(", "));
        };
        let row = rows.swap_remove(place);
        let settings = settings.or_else(|| row.text("Settings")).unwrap_or_default();
        Ok(Self { program: build(root, name)?, settings, row, reads_by: None })
    }

    /// The same, which may read by the secrets of this stack where its line says that it reads.
    #[must_use]
    pub fn with_secrets_of(self, stack: &str) -> Self {
        let reads = self.row.text("ApiAccess").is_some_and(|access| access != "none");
        Self { reads_by: reads.then(|| stack.to_owned()), ..self }
    }

    /// Its subscription.
    pub fn pattern(&self) -> String {
        self.row.pattern()
    }

    /// Whether its subscription names this kind of event; which of them it lets through, only EventBridge can say.
    pub fn is_told_of(&self, event: &Event) -> bool {
        self.row.list("Events").iter().any(|kind| kind == event.kind.name())
    }

    /// What it would do about an event.
    ///
    /// # Errors
    /// Where its settings do not fit, or it panics.
    pub fn decide(&self, event: Event) -> Result<DryRunResult> {
        let mut program = Command::new(&self.program);
        program.env("SETTINGS", &self.settings);
        if let Some(stack) = &self.reads_by {
            program.env("SECRETS_PREFIX", stack);
        }
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut running = program.spawn().context("the handler cannot be started")?;
        // Dropped, and so closed, at the end of the line: the handler reads to the end.
        running.stdin.take().context("no way in")?.write_all(json::to_json(&event).as_bytes())?;
        let answer = running.wait_with_output()?;
        if !answer.status.success() {
            bail!("the handler fails on the event {}", event.id);
        }
        let lines = answer.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let actions = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
        Ok(DryRunResult {
            event,
            actions: actions.context("the handler prints something else than actions")?,
        })
    }
}

/// The handler's program, built as cargo is told by this process's environment.
fn build(root: &Path, name: &str) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--package",
        name,
        "--message-format",
        "json-render-diagnostics",
    ]);
    let built =
        cargo.current_dir(root).stderr(Stdio::inherit()).output().context("cargo cannot be started")?;
    if !built.status.success() {
        bail!("{name} does not compile; see above");
    }
    let mut messages = built.stdout.rsplit(|byte| *byte == b'\n');
    let program = messages.find_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    program.with_context(|| format!("{name} has no program"))
}

/// The events that a text holds: one, bare or as EventBridge wraps it, or several, one a line.
///
/// # Errors
/// Where one is no event, with its line; nothing of it is quoted.
pub fn events(text: &str) -> Result<Vec<Event>> {
    if let Ok(event) = json::from_json::<Wrapped>(text.as_bytes()) {
        return Ok(vec![event.into()]);
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let events = lines.map(|(place, line)| {
        let event = json::from_json::<Wrapped>(line.as_bytes());
        let event = event.with_context(|| format!("line {} is no event", place.saturating_add(1)))?;
        Ok(event.into())
    });
    events.collect()
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Wrapped {
    OnTheBus { detail: Event },
    Bare(Event),
}

impl From<Wrapped> for Event {
    fn from(wrapped: Wrapped) -> Self {
        match wrapped {
            Wrapped::OnTheBus { detail } => detail,
            Wrapped::Bare(event) => event,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::stage_changed;
    use serde_json::json;

    #[test]
    fn events_are_bare_or_wrapped_or_one_a_line() {
        let event = stage_changed("Approved", "Settled");
        let bare = json::to_json(&event);
        let wrapped = json!({ "detail-type": "ticket.stage_changed", "detail": event });
        let pretty = serde_json::to_string_pretty(&wrapped).unwrap();
        let twice = format!("{bare}\n\n{wrapped}\n");
        for (text, count) in [(bare.clone(), 1), (pretty, 1), (twice, 2)] {
            assert_eq!(events(&text).unwrap(), vec![event.clone(); count], "{text}");
        }
        assert_eq!(events("").unwrap(), []);
        let error = format!("{:#}", events(&format!("{bare}\n{{\"Jane\": 1}}")).unwrap_err());
        assert!(error.contains("line 2") && !error.contains("Jane"), "{error}");
    }
}
