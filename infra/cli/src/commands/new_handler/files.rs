//! The files of a new handler.

use super::events;
use crate::exit_code::Usage;
use crate::template_table::Row;
use anyhow::Result;

/// A longer one would make `{stack}-{name}-dead-letters` longer than a queue's name may be, for a long stack name.
const LONGEST: usize = 40;

/// A handler as `new-handler` writes it: determined by its name, its events and whether it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct New {
    name: String,
    events: Vec<String>,
    reads: bool,
}

impl New {
    /// A handler with this name, for events of these kinds; `reads` if it needs an API client.
    ///
    /// # Errors
    /// [`Usage`] if the name cannot be a folder's, a package's and a queue's, or an event does not exist.
    pub(super) fn parse(name: &str, events: &[String], reads: bool) -> Result<Self> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.chars().all(|character| character.is_ascii_lowercase() || character.is_ascii_digit())
        };
        if !name.split('-').all(is_word)
            || !name.starts_with(|character: char| character.is_ascii_lowercase())
        {
            return usage(format!(
                "`{name}` is not a valid handler name; use lower-case letters, digits and single hyphens, as in label-on-new-ticket"
            ));
        }
        if name.len() > LONGEST {
            return usage(format!(
                "`{name}` has {} characters; a handler's name has at most {LONGEST}",
                name.len()
            ));
        }
        if RESERVED.contains(&name) {
            return usage(format!(
                "`{name}` is reserved; name the effect and the cause, as in label-on-new-ticket"
            ));
        }
        events.iter().try_for_each(|kind| events::known(kind))?;
        let mut own: Vec<String> = Vec::new();
        for kind in events {
            if !own.contains(kind) {
                own.push(kind.clone());
            }
        }
        Ok(Self { name: name.to_owned(), events: own, reads })
    }

    /// Its name in the loop: `label-on-new-ticket` as `LabelOnNewTicket`.
    fn id(&self) -> String {
        let capital = |word: &str| {
            let mut characters = word.chars();
            characters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(characters)
                .collect::<String>()
        };
        self.name.split('-').map(capital).collect()
    }

    /// Its entry in the table.
    pub(super) fn row(&self) -> Row {
        let Self { name, events, reads } = self;
        let reads = if *reads { "api-token" } else { "none" };
        let of_clocks = events.iter().filter(|kind| kind.starts_with("clock.")).count();
        let causes = match of_clocks {
            0 => "[webhook, reconciler]",
            clocks if clocks == events.len() => "[schedule]",
            _ => "[webhook, reconciler, schedule]",
        };
        let own = events.contains(&format!("clock.{name}"));
        let schedule = [("Schedule", "cron(0 8 ? * MON *)"), ("ScheduleTimezone", "Australia/Sydney")];
        let schedule = schedule.into_iter().filter(|_| own).map(|(key, value)| (key, value.to_owned()));
        let entry = [
            ("Name", name.clone()),
            ("Code", format!("functions/{name}")),
            ("Events", format!("[{}]", events.join(", "))),
            ("Causes", causes.to_owned()),
            ("Filter", r#"'"id": [{"exists": true}]'"#.to_owned()),
        ];
        let access = [
            ("ApiAccess", reads.to_owned()),
            ("Snapshots", "none".to_owned()),
            ("QuietPeriod", "none".to_owned()),
            ("Collect", "none".to_owned()),
            ("DryRun", r#""true""#.to_owned()),
            ("Settings", "'{\"label\": \"Refinance\"}'".to_owned()),
        ];
        let columns = entry.into_iter().chain(schedule).chain(access);
        Row { id: self.id(), columns: columns.map(|(key, value)| (key.to_owned(), value)).collect() }
    }

    /// Its files, by their paths in its folder.
    pub(super) fn files(&self) -> [(&'static str, String); 2] {
        let kind = self.events.first().map(String::as_str).unwrap_or_default();
        let (example, sample) = match kind.split_once('.') {
            Some(("inbound", name)) => {
                ("posted", format!(r#"let event = posted("{name}", &[("email", "jane@example.com")]);"#))
            }
            Some(("clock", name)) => ("fired", format!(r#"let event = fired("{name}", 0);"#)),
            _ => ("one_of_each", SAMPLE.replace("{kind}", kind)),
        };
        let fill = |text: &str| {
            text.replace("{settings_test}", SETTINGS_TEST)
                .replace("{name}", &self.name)
                .replace("{example}", example)
                .replace("{sample}", &sample)
        };
        [("Cargo.toml", fill(MANIFEST)), ("src/main.rs", fill(if self.reads { READING_MAIN } else { MAIN }))]
    }
}

fn usage<T>(text: String) -> Result<T> {
    Err(Usage(text).into())
}

/// Names that cargo does not accept, or that the system uses.
const RESERVED: &[&str] = &[
    "alloc",
    "build",
    "core",
    "deps",
    "doc",
    "examples",
    "incremental",
    "main",
    "proc-macro",
    "proc_macro",
    "std",
    "test",
    "tests",
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
    "handler",
    "events",
    "actions",
    "hints",
];

const MANIFEST: &str = r#"[package]
name = "{name}"
version.workspace = true
edition.workspace = true
rust-version.workspace = true
license.workspace = true
publish.workspace = true

[lints]
workspace = true

[dependencies]
automations.workspace = true
"#;

/// On two lines, so that it is formatted whatever the kind's length is.
const SAMPLE: &str = r#"let kind = "{kind}";
        let event = one_of_each().into_iter().find(|event| event.kind.name() == kind).unwrap();"#;

const MAIN: &str = r#"//! Adds a label to the ticket of each event that it subscribes to: the start of a handler, to be changed.

use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// Its settings, as in its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    label: String,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// What to do about one event.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Some(ticket) = event.ticket() else { return vec![] };
    vec![Action::add_label(ticket, &settings.label)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{example};

    #[test]
    fn the_ticket_is_labelled() {
        let settings = Settings { label: "Refinance".to_owned() };
        {sample}
        let expected: Vec<_> =
            event.ticket().map(|ticket| Action::add_label(ticket, "Refinance")).into_iter().collect();
        assert_eq!(decide(&event, &settings), expected);
    }

    {settings_test}
}
"#;

/// The test in both kinds of handler that its entry's settings fit.
const SETTINGS_TEST: &str = r#"/// The settings in template.yaml are the ones that it is deployed with.
    #[test]
    fn the_settings_in_the_template_fit() {
        let template = include_str!("../../../template.yaml");
        let entry = template.split("\n      Name: {name}\n").nth(1).unwrap();
        let settings = entry.split("\n      Settings: '").nth(1).unwrap().split("'\n").next().unwrap();
        automations::serde_json::from_str::<Settings>(&settings.replace("''", "'")).unwrap();
    }"#;

const READING_MAIN: &str = r#"//! Adds a label to the ticket of each event if its name contains it: the start of a handler that reads, to be changed.

use automations::handler::reading::{HandlerError, Reading};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// Its settings, as in its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    label: String,
}

fn main() -> ExitCode {
    handler::run_reading(env!("CARGO_PKG_NAME"), decide)
}

/// What to do about one event, with what Salestrekker shows now.
async fn decide(event: &Event, settings: &Settings, api: &Reading<'_>) -> Result<Vec<Action>, HandlerError> {
    let Some(ticket) = event.ticket() else { return Ok(vec![]) };
    let name = api.ticket(&ticket.id).await?.name.unwrap_or_default();
    let is_named = name.reveal().contains(&settings.label);
    Ok(is_named.then(|| Action::add_label(ticket, &settings.label)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::handler::reading::Memory;
    use automations::testing::{at_once, {example}};

    #[test]
    fn the_ticket_is_labelled_where_its_name_says_so() {
        let settings = Settings { label: "Refinance".to_owned() };
        {sample}
        let Some(ticket) = event.ticket() else { return };
        for (called, labels) in [("Refinance in March", 1), ("Purchase", 0)] {
            let api = Memory::default().with_ticket(ticket, called);
            assert_eq!(at_once(decide(&event, &settings, &api.reading())).unwrap().len(), labels, "{called}");
        }
    }

    {settings_test}
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(name: &str) -> String {
        New::parse(name, &["ticket.created".to_owned()], false).unwrap_err().to_string()
    }

    #[test]
    fn bad_names_and_events_are_told() {
        for name in
            ["", "Label", "label_it", "-label", "label-", "a--b", "1-label", "label it", "../label", "lábel"]
        {
            assert!(error(name).contains("is not a valid handler name"), "{name}");
        }
        assert!(error(&"a".repeat(41)).contains("41 characters"));
        assert!(error("test").contains("reserved"));
        let error = New::parse("label", &["ticket.create".to_owned()], false).unwrap_err();
        assert!(error.to_string().contains("nearest is `ticket.created`"));
    }

    #[test]
    fn a_handler_of_its_own_clock_has_a_schedule_that_fits() {
        let new = |on: &[&str]| {
            let on: Vec<String> = on.iter().map(|kind| (*kind).to_owned()).collect();
            New::parse("digest", &on, false).unwrap()
        };
        let row = new(&["clock.digest"]).row();
        assert!(row.schedule().unwrap().is_some());
        assert_eq!(row.list("Causes"), ["schedule"]);
        assert!(new(&["clock.digest"]).files()[1].1.contains("let event = fired(\"digest\", 0);"));
        let other = new(&["clock.other", "ticket.created"]).row();
        assert_eq!((other.schedule(), other.list("Causes").len()), (Ok(None), 3));
    }

    #[test]
    fn the_line_says_what_the_name_and_the_events_say() {
        let new = New::parse(
            "label-on-2nd-ticket",
            &["ticket.created".to_owned(), "ticket.created".to_owned()],
            true,
        );
        let row = new.unwrap().row();
        assert_eq!(row.id, "LabelOn2ndTicket");
        assert_eq!(row.list("Events"), ["ticket.created"]);
        assert_eq!(row.text("ApiAccess").unwrap(), "api-token");
        assert_eq!(row.text("DryRun").unwrap(), "true", "it acts only after a person has switched it on");
        assert_eq!(row.text("Code").unwrap(), "functions/label-on-2nd-ticket");
    }
}
