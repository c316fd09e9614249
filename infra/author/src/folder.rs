//! The files of a new handler.

use crate::table::Row;
use anyhow::{Result, bail};

/// Longer, and `{stack}-{name}-dead-letters` is no queue's name with a long stack's before it.
const LONGEST: usize = 40;

/// A handler as `new-handler` writes it: what its name and its events say, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct New {
    name: String,
    events: Vec<String>,
    reads: bool,
}

impl New {
    /// A handler with this name, for events of these kinds; whether it reads from Salestrekker too.
    ///
    /// # Errors
    /// Where the name is none for a folder, a package and a queue, or an event is named that does not exist.
    pub fn parse(name: &str, events: &[String], reads: bool) -> Result<Self> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        };
        if !name.split('-').all(is_word) || !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            bail!(
                "`{name}` is no name for a handler; write small letters, digits and single hyphens, as in label-on-new-ticket"
            );
        }
        if name.len() > LONGEST {
            bail!("`{name}` has {} letters; a handler's name has at most {LONGEST}", name.len());
        }
        if RESERVED.contains(&name) {
            bail!("`{name}` is a name of Rust's or of ours; say what it does, as in label-on-new-ticket");
        }
        events.iter().try_for_each(|kind| crate::events::known(kind))?;
        let mut own: Vec<String> = Vec::new();
        for kind in events {
            if !own.contains(kind) {
                own.push(kind.clone());
            }
        }
        Ok(Self { name: name.to_owned(), events: own, reads })
    }

    /// Its name in the loop: `label-on-new-ticket` as `LabelOnNewTicket`.
    pub fn id(&self) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        self.name.split('-').map(capital).collect()
    }

    /// Its line of the table.
    pub fn row(&self) -> Row {
        let Self { name, events, reads } = self;
        let reads = if *reads { "api-token" } else { "none" };
        let columns = [
            ("Name", name.clone()),
            ("Code", format!("functions/{name}")),
            ("Events", format!("[{}]", events.join(", "))),
            ("Causes", "[webhook, reconciler]".to_owned()),
            ("Filter", r#"'"id": [{"exists": true}]'"#.to_owned()),
            ("ApiAccess", reads.to_owned()),
            ("DryRun", r#""false""#.to_owned()),
            ("Settings", "'{\"label\": \"Refinance\"}'".to_owned()),
        ];
        let columns = columns.map(|(key, value)| (key.to_owned(), value)).to_vec();
        Row { id: self.id(), columns }
    }

    /// Its files, by their paths in its folder.
    pub fn files(&self) -> [(&'static str, String); 2] {
        let kind = self.events.first().map(String::as_str).unwrap_or_default();
        let (example, sample) = match kind.strip_prefix("inbound.") {
            Some(name) => ("posted", format!(r#"posted("{name}", &[("email", "jane@example.com")])"#)),
            None => ("one_of_each", SAMPLE.replace("{kind}", kind)),
        };
        let fill = |text: &str| {
            text.replace("{name}", &self.name).replace("{example}", example).replace("{sample}", &sample)
        };
        [("Cargo.toml", fill(MANIFEST)), ("src/main.rs", fill(if self.reads { READING_MAIN } else { MAIN }))]
    }
}

/// Names that cargo refuses or warns of.
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

const SAMPLE: &str = r#"one_of_each().into_iter().find(|event| event.what.kind() == "{kind}").unwrap()"#;

const MAIN: &str = r#"//! Gives a label to the ticket of each event that it is subscribed to: the start of a handler, to be changed.

use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// Its settings, from its line in template.yaml: names as people see them in Salestrekker.
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
        let event = {sample};
        let expected: Vec<_> =
            event.ticket().map(|ticket| Action::add_label(ticket, "Refinance")).into_iter().collect();
        assert_eq!(decide(&event, &settings), expected);
    }
}
"#;

const READING_MAIN: &str = r#"//! Gives a label to the ticket of each event where its name says so: the start of a handler that reads, to be changed.

use automations::handler::reading::{HandlerError, Reading};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::process::ExitCode;

/// Its settings, from its line in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    label: String,
}

fn main() -> ExitCode {
    handler::run_reading(env!("CARGO_PKG_NAME"), decide)
}

/// What to do about one event, by what Salestrekker shows now.
async fn decide(event: &Event, settings: &Settings, api: &Reading<'_>) -> Result<Vec<Action>, HandlerError> {
    let Some(ticket) = event.ticket() else { return Ok(vec![]) };
    let name = api.ticket(&ticket.id).await?.name.unwrap_or_default();
    let is_named = name.reveal().contains(&settings.label);
    Ok(is_named.then(|| Action::add_label(ticket, &settings.label)).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use automations::testing::{at_once, example};
    use automations::handler::reading::Memory;

    #[test]
    fn the_ticket_is_labelled_where_its_name_says_so() {
        let settings = Settings { label: "Refinance".to_owned() };
        let event = {sample};
        let Some(ticket) = event.ticket() else { return };
        for (name, labels) in [("Refinance in March", 1), ("Purchase", 0)] {
            let api = Memory::default().with_ticket(ticket, name);
            assert_eq!(at_once(decide(&event, &settings, &api.reading())).unwrap().len(), labels, "{name}");
        }
    }
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str) -> String {
        New::parse(name, &["ticket.created".to_owned()], false).unwrap_err().to_string()
    }

    #[test]
    fn bad_names_and_events_are_told() {
        for name in
            ["", "Label", "label_it", "-label", "label-", "a--b", "1-label", "label it", "../label", "lábel"]
        {
            assert!(told(name).contains("is no name for a handler"), "{name}");
        }
        assert!(told(&"a".repeat(41)).contains("41 letters"));
        assert!(told("test").contains("Rust's"));
        let error = New::parse("label", &["ticket.create".to_owned()], false).unwrap_err();
        assert!(error.to_string().contains("nearest is `ticket.created`"));
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
        assert_eq!(row.text("Code").unwrap(), "functions/label-on-2nd-ticket");
    }
}
