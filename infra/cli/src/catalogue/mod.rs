//! The catalogue of events: every kind with its sentence, its fields, an example, and the handlers of a template that consume it. The
//! schemas are those of the Rust types, the handlers those of the table in template.yaml; nothing of AWS is asked.

mod asyncapi;
mod fields;
mod pages;

pub use fields::Field;

use crate::template_table::{self, Row};
use anyhow::{Context as _, Result};
use automations::{Event, testing};
use fields::{DEFINITIONS, Fields, describe, sentence};
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

/// The kind of all inbound webhooks, whose events have the name of their webhook behind it.
const INBOUND: &str = "inbound";
/// The kind of all schedules, whose events have the name of their handler behind it.
const CLOCK: &str = "clock";

/// Every kind of event.
#[derive(Debug, Clone, Serialize)]
pub struct Catalogue {
    /// The fields that every event has.
    pub common: Vec<Field>,
    /// The kinds, in alphabetical order.
    pub events: Vec<Kind>,
    /// The schemas of the types, by name.
    #[serde(skip)]
    definitions: Value,
    /// The handlers of the template; none without a template.
    #[serde(skip)]
    handlers: Option<Vec<Consumer>>,
}

/// A kind of event.
#[derive(Debug, Clone, Serialize)]
pub struct Kind {
    /// Its `type`; `inbound` for all inbound webhooks, `clock` for all schedules.
    pub kind: String,
    /// What it says happened.
    pub sentence: String,
    /// Its fields beside those that every event has.
    pub fields: Vec<Field>,
    /// An invented event.
    pub example: Event,
    /// The handlers that consume it; none without a template.
    pub handlers: Option<Vec<Consumer>>,
    /// Its schema.
    #[serde(skip)]
    schema: Value,
}

/// A handler of the template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Consumer {
    /// Its `Name`.
    pub handler: String,
    /// The kinds to which it subscribes.
    #[serde(skip)]
    events: Vec<String>,
    /// The filter policy of its subscription.
    pub filter_policy: Value,
    /// Whether it only logs what it would do.
    pub dry_run: bool,
}

impl Catalogue {
    /// The catalogue of this program, with the handlers of a template.
    ///
    /// # Errors
    /// If the template has no table of handlers, or an entry's filter is not valid.
    pub fn of(template: Option<&str>) -> Result<Self> {
        let handlers = template.map(|template| {
            template_table::rows(template)?.iter().map(Consumer::of).collect::<Result<Vec<Consumer>>>()
        });
        let handlers = handlers.transpose()?;
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = DEFINITIONS.into();
            settings.meta_schema = None;
        });
        let schema = settings.into_generator().into_root_schema_for::<Event>().to_value();
        let definitions = schema.pointer(DEFINITIONS).cloned().context("the schema has no definitions")?;
        let fields = Fields { definitions: &definitions };
        let variants = schema.get("anyOf").and_then(Value::as_array).context("the schema has no kinds")?;
        let kinds = variants.iter().map(|variant| {
            let kind = kind_of(variant);
            let example = testing::one_of_each().into_iter().find(|event| is_of(event.kind.name(), kind));
            let consumers = handlers.as_ref().map(|handlers| {
                let consumes = |consumer: &&Consumer| consumer.events.iter().any(|event| is_of(event, kind));
                handlers.iter().filter(consumes).cloned().collect()
            });
            Ok(Kind {
                kind: kind.to_owned(),
                sentence: sentence(variant).unwrap_or_default(),
                fields: fields.of(variant),
                example: example.with_context(|| format!("there is no example of {kind}"))?,
                handlers: consumers,
                schema: joined(&schema, variant),
            })
        });
        let mut events = kinds.collect::<Result<Vec<Kind>>>()?;
        events.sort_by(|one, other| one.kind.cmp(&other.kind));
        Ok(Self { common: fields.of(&schema), events, definitions, handlers })
    }

    /// The same as text.
    ///
    /// # Errors
    /// If an example is not JSON.
    pub fn text(&self) -> Result<String> {
        let mut parts = Vec::new();
        for Kind { kind, sentence, fields, example, handlers, .. } in &self.events {
            let paths: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
            let handlers = match handlers.as_deref() {
                None => "not known outside of a checkout".to_owned(),
                Some([]) => "none".to_owned(),
                Some(all) => all.iter().map(Consumer::named).collect::<Vec<_>>().join(", "),
            };
            let (paths, example) = (paths.join(", "), serde_json::to_string(example)?);
            parts.push(format!(
                "{kind}\n  {sentence}\n  fields: {paths}\n  handlers: {handlers}\n  {example}"
            ));
        }
        let common: Vec<&str> = self.common.iter().map(|field| field.path.as_str()).collect();
        parts.push(format!("every event\n  fields: {}", common.join(", ")));
        Ok(parts.join("\n\n"))
    }
}

impl Consumer {
    fn of(row: &Row) -> Result<Self> {
        row.subscription()?;
        Ok(Self {
            handler: row.text("Name").unwrap_or_else(|| row.id.clone()),
            events: row.list("Events"),
            filter_policy: serde_json::from_str(&row.filter_policy())?,
            dry_run: row.text("DryRun").is_some_and(|text| text == "true"),
        })
    }

    fn named(&self) -> String {
        if self.dry_run { format!("{} (dry run)", self.handler) } else { self.handler.clone() }
    }
}

/// The `type` of a variant of the schema. Those of inbound webhooks and schedules are no constants; only these have the time that was due.
fn kind_of(variant: &Value) -> &str {
    let open = if variant.pointer("/properties/scheduled_at").is_some() { CLOCK } else { INBOUND };
    variant.pointer("/properties/type/const").and_then(Value::as_str).unwrap_or(open)
}

/// Whether a `type` is of this kind.
fn is_of(name: &str, kind: &str) -> bool {
    let rest = name.strip_prefix(kind);
    rest.is_some_and(|rest| rest.is_empty() || ([INBOUND, CLOCK].contains(&kind) && rest.starts_with('.')))
}

/// The schema of an event of one kind: what every event has, and what the kind has.
fn joined(root: &Value, variant: &Value) -> Value {
    let mut schema = variant.clone();
    let (Some(own), Some(common)) = (schema.get_mut("properties"), root.get("properties")) else {
        return schema;
    };
    if let (Some(own), Some(common)) = (own.as_object_mut(), common.as_object()) {
        own.extend(common.iter().map(|(name, field)| (name.clone(), field.clone())));
    }
    let common = root.get("required").and_then(Value::as_array);
    if let (Some(own), Some(common)) = (schema.get_mut("required").and_then(Value::as_array_mut), common) {
        own.extend(common.iter().cloned());
    }
    describe(&mut schema);
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const TEMPLATE: &str = include_str!("../../../../template.yaml");

    fn kind(name: &str) -> Kind {
        let catalogue = Catalogue::of(Some(TEMPLATE)).unwrap();
        catalogue.events.into_iter().find(|event| event.kind == name).unwrap()
    }

    #[test]
    fn every_kind_is_in_the_catalogue_with_a_sentence_fields_and_an_example_of_it() {
        let catalogue = Catalogue::of(None).unwrap();
        let kinds: BTreeSet<&str> = catalogue.events.iter().map(|event| event.kind.as_str()).collect();
        for event in testing::one_of_each() {
            let name = event.kind.name();
            assert!(kinds.iter().any(|kind| is_of(name, kind)), "{name}");
        }
        for event in &catalogue.events {
            assert!(event.sentence.ends_with('.') && event.sentence.len() > 20, "{event:?}");
            assert!(!event.sentence.contains(['[', '\n']), "{}", event.sentence);
            assert!(is_of(event.example.kind.name(), &event.kind) && !event.fields.is_empty(), "{event:?}");
            assert_eq!(event.handlers, None, "without a template");
        }
        assert!(is_of("inbound.survey", INBOUND) && !is_of("ticket.created.late", "ticket.created"));
    }

    #[test]
    fn the_handlers_of_an_event_are_those_that_subscribe_to_it_with_their_filter() {
        let stage_changed = kind("ticket.stage_changed").handlers.unwrap();
        let names: Vec<&str> = stage_changed.iter().map(|consumer| consumer.handler.as_str()).collect();
        let others = ["pre-approval-expiry", "review-after-settlement"];
        assert_eq!(names, [["follow-up-on-settlement", "notice-on-stage-change"], others].concat());
        let policy = &stage_changed[1].filter_policy;
        assert_eq!(policy["to"]["stage"]["name"][0], "Approved");
        assert_eq!(policy["type"][0], "ticket.stage_changed");
        assert!(!stage_changed[0].dry_run && stage_changed[1].dry_run);
        let lead = kind("inbound").handlers.unwrap();
        assert_eq!(lead[0].handler, "ticket-on-website-lead");
        let clock = kind("clock").handlers.unwrap();
        assert_eq!(clock[0].handler, "digest-of-stalled-tickets");
        assert_eq!(kind("ticket.renamed").handlers, Some(Vec::new()));
    }

    #[test]
    fn the_text_says_who_consumes_an_event_and_what_it_has() {
        let text = Catalogue::of(Some(TEMPLATE)).unwrap().text().unwrap();
        let part = text.split("\n\n").find(|part| part.starts_with("ticket.created\n")).unwrap();
        assert!(
            part.contains("handlers: finance-due-countdown (dry run), owner-on-new-ticket (dry run)\n"),
            "{part}"
        );
        assert!(part.contains("ticket.labels.name"), "{part}");
        assert!(text.contains("\n\nevery event\n  fields: cause."), "{text}");
    }
}
