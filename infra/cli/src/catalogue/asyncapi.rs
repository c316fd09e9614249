//! The catalogue as an AsyncAPI 3.0 document (<https://www.asyncapi.com/docs/reference/specification/v3.0.0>): the topic is a channel,
//! each kind of event a message, to publish an operation, and each handler of the template an operation that receives.

use super::fields::{describe, reference};
use super::{Catalogue, Consumer, Kind, is_of};
use serde_json::{Map, Value, json};

const CHANNEL: &str = "#/channels/events";
const DESCRIPTION: &str = "What really changed at Salestrekker. An event is JSON on an Amazon SNS FIFO topic, and the events of a ticket are in \
     order: their message group is the ticket. A subscription filters on the message body.";

impl Catalogue {
    /// The document.
    pub fn asyncapi(&self) -> Value {
        let names = || self.events.iter().map(|event| event.kind.as_str());
        let mut schemas = self.definitions.as_object().cloned().unwrap_or_default();
        // Rust's documentation has code, and names in brackets.
        schemas.values_mut().for_each(describe);
        schemas.extend(self.events.iter().map(|event| (event.kind.clone(), event.schema.clone())));
        let messages: Map<String, Value> =
            self.events.iter().map(|event| (event.kind.clone(), message(event))).collect();
        let of_channel: Map<String, Value> = names()
            .map(|name| (name.to_owned(), json!({ "$ref": format!("#/components/messages/{name}") })))
            .collect();
        let publish = json!({
            "action": "send",
            "channel": { "$ref": CHANNEL },
            "title": "Publish what changed",
            "summary": "event-enricher publishes each difference once, after it is stored.",
            "messages": names().map(of_message).collect::<Vec<Value>>(),
        });
        let mut operations = Map::from_iter([("publish".to_owned(), publish)]);
        let handlers = self.handlers.iter().flatten();
        operations.extend(
            handlers.map(|handler| (format!("receive-{}", handler.handler), self.operation(handler))),
        );
        json!({
            "asyncapi": "3.0.0",
            "info": {
                "title": "Salestrekker automations: events",
                "version": env!("CARGO_PKG_VERSION"),
                "description": DESCRIPTION,
                "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
            },
            "defaultContentType": "application/json",
            "channels": { "events": {
                "address": "{application}-events.fifo",
                "title": "The topic of events",
                "description": "Its ARN is the output TopicArn of the application's stack.",
                "parameters": { "application": {
                    "description": "The name of the application's stack.",
                    "default": "automations",
                } },
                "messages": of_channel,
                "bindings": { "sns": {
                    "name": "{application}-events.fifo",
                    "ordering": { "type": "FIFO", "contentBasedDeduplication": false },
                } },
            } },
            "operations": operations,
            "components": { "messages": messages, "schemas": schemas },
        })
    }

    fn operation(&self, handler: &Consumer) -> Value {
        let consumed = self
            .events
            .iter()
            .filter(|event| handler.events.iter().any(|subscribed| is_of(subscribed, &event.kind)));
        let summary = if handler.dry_run { "In dry run: it only logs what it would do." } else { "It acts." };
        json!({
            "action": "receive",
            "channel": { "$ref": CHANNEL },
            "title": handler.handler,
            "summary": summary,
            "messages": consumed.map(|event| of_message(&event.kind)).collect::<Vec<Value>>(),
            "x-filter-policy": handler.filter_policy,
        })
    }
}

fn message(event: &Kind) -> Value {
    json!({
        "name": event.kind,
        "title": event.kind,
        "summary": event.sentence,
        "contentType": "application/json",
        "payload": { "$ref": reference(&event.kind) },
        "examples": [{ "name": event.example.kind.name(), "payload": event.example }],
    })
}

/// An operation refers to the channel's messages, not to the components (AsyncAPI 3.0, "Operation Object").
fn of_message(name: &str) -> Value {
    json!({ "$ref": format!("{CHANNEL}/messages/{name}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        Catalogue::of(Some(include_str!("../../../../template.yaml"))).unwrap().asyncapi()
    }

    /// The values at a key, however deep.
    fn all<'a>(value: &'a Value, wanted: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get(wanted));
                map.values().for_each(|value| all(value, wanted, found));
            }
            Value::Array(list) => list.iter().for_each(|value| all(value, wanted, found)),
            _ => {}
        }
    }

    fn has(value: &Value, required: &[&str]) {
        for name in required {
            assert!(value.get(name).is_some_and(|value| !value.is_null()), "{name} is missing in {value}");
        }
    }

    fn objects<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        document.pointer(pointer).unwrap().as_object().unwrap().iter()
    }

    #[test]
    fn every_reference_resolves() {
        let document = document();
        let mut references = Vec::new();
        all(&document, "$ref", &mut references);
        assert!(references.len() > 100, "{}", references.len());
        for reference in references {
            let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    /// The specification's required fields, and the patterns of its names.
    #[test]
    fn the_document_is_as_the_specification_demands() {
        let document = document();
        assert_eq!(document["asyncapi"], "3.0.0");
        has(&document, &["asyncapi", "info"]);
        has(&document["info"], &["title", "version"]);
        has(&document["info"]["license"], &["name"]);
        let is_name =
            |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c));
        for (name, channel) in objects(&document, "/channels") {
            has(channel, &["address", "messages"]);
            let address = channel["address"].as_str().unwrap();
            for (parameter, _) in objects(channel, "/parameters") {
                assert!(address.contains(&format!("{{{parameter}}}")), "{name}: {parameter}");
            }
            let braces = address.matches('{').count();
            assert_eq!(braces, channel["parameters"].as_object().unwrap().len(), "{name}");
        }
        for (name, operation) in objects(&document, "/operations") {
            has(operation, &["action", "channel", "messages"]);
            assert!(["send", "receive"].contains(&operation["action"].as_str().unwrap()), "{name}");
            let channel = operation["channel"]["$ref"].as_str().unwrap();
            let messages = operation["messages"].as_array().unwrap();
            assert!(!messages.is_empty(), "{name}");
            // A message of an operation is one of its channel's.
            let own = format!("{channel}/messages/");
            assert!(messages.iter().all(|message| message["$ref"].as_str().unwrap().starts_with(&own)));
        }
        for (name, message) in objects(&document, "/components/messages") {
            assert!(is_name(name), "{name}");
            has(message, &["name", "payload", "examples", "summary"]);
        }
        for (name, schema) in objects(&document, "/components/schemas") {
            assert!(is_name(name), "{name}");
            has(schema, &["description"]);
        }
    }

    /// An example has what its schema requires, and nothing that the schema does not name.
    #[test]
    fn every_example_is_of_its_schema() {
        let document = document();
        for (name, message) in objects(&document, "/components/messages") {
            let schema = &document["components"]["schemas"][name];
            let example = message["examples"][0]["payload"].as_object().unwrap();
            for required in schema["required"].as_array().unwrap() {
                assert!(example.contains_key(required.as_str().unwrap()), "{name} lacks {required}");
            }
            let known = schema["properties"].as_object().unwrap();
            let unknown: Vec<&String> = example.keys().filter(|key| !known.contains_key(*key)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
        }
    }

    #[test]
    fn each_handler_receives_what_it_subscribes_to() {
        let document = document();
        let lead = &document["operations"]["receive-ticket-on-website-lead"];
        assert_eq!(lead["messages"][0]["$ref"], "#/channels/events/messages/inbound");
        assert_eq!(lead["x-filter-policy"]["type"][0], "inbound.website-lead");
        let reviews = &document["operations"]["receive-review-after-settlement"];
        assert_eq!(reviews["messages"].as_array().unwrap().len(), 3);
    }
}
