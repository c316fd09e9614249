//! The vendor as imagined: each open question about the real API is a switch (salestrekker-second-reading.md, section 6).
//!
//! The server's own schema has everything of every variant. What an organisation's requests may use is decided by the variant's
//! schema in SDL, against which each document is validated before it is executed.

use anyhow::{Result, anyhow};
use apollo_compiler::ast::OperationType;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema, introspection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The reconstructed schema, which is the variant of the default switches.
pub(super) const RECONSTRUCTED: &str = include_str!("../../shared/schema/salestrekker.graphql");

/// What an update does with the fields that it does not send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Update {
    /// They are cleared, if the update's input has them.
    #[default]
    Replaces,
    /// They keep their value.
    Merges,
}

/// The switches of one organisation's API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches")]
pub(super) struct Vendor {
    pub(super) update: Update,
    /// Tickets have a description, a colour, a team, custom fields and a due date, which an update can set.
    pub(super) extra_fields: bool,
    /// Every input type has another name.
    pub(super) other_type_names: bool,
    /// Amounts are whole numbers.
    pub(super) int_amounts: bool,
    /// An update need not send every field.
    pub(super) partial_updates: bool,
    /// Whether the schema can be fetched.
    pub(super) introspection: bool,
    /// Fields of the output that do not exist, such as `Ticket.isActive`.
    pub(super) missing: Vec<String>,
}

impl Default for Vendor {
    fn default() -> Self {
        Self {
            update: Update::default(),
            extra_fields: false,
            other_type_names: false,
            int_amounts: false,
            partial_updates: false,
            introspection: true,
            missing: Vec::new(),
        }
    }
}

/// The input types, each with the name that `other_type_names` gives it.
const OTHER_NAMES: [(&str, &str); 4] = [
    ("TicketClientTypeInput", "DealRole"),
    ("TicketValuesInput", "DealAmounts"),
    ("TicketUpdateInput", "DealChange"),
    ("TicketCreateInput", "NewDeal"),
];

/// Fields that `extra_fields` adds to a type.
const EXTRA_FIELDS: [(&str, &str); 4] = [
    ("type Ticket {", "color: String idTeamMembers: [ID!] customFields: [CustomField!]"),
    ("type TicketValues {", "onceOffDueDate: String"),
    ("input TicketValuesInput {", "onceOffDueDate: String"),
    (
        "input TicketUpdateInput {",
        "description: String isActive: Boolean color: String idTeamMembers: [ID!] customFields: [CustomFieldInput!]",
    ),
];

/// The types that the server's own schema has beside those of the reconstructed one.
pub(super) const EXTRA_TYPES: &str = "type CustomField { name: String value: String }\ninput CustomFieldInput { name: String value: String }\n";

impl Vendor {
    /// The schema of this variant.
    pub(super) fn sdl(&self) -> String {
        let mut sdl = RECONSTRUCTED.to_owned();
        if self.extra_fields {
            for (kind, fields) in EXTRA_FIELDS {
                sdl = sdl.replace(kind, &format!("{kind}\n  {fields}"));
            }
            sdl.push_str(EXTRA_TYPES);
        }
        if self.int_amounts {
            sdl = sdl.replace("onceOff: Float", "onceOff: Int");
        }
        if self.partial_updates {
            sdl = without_marks(&sdl, "input TicketUpdateInput {");
        }
        for missing in &self.missing {
            sdl = without_field(&sdl, missing);
        }
        if self.other_type_names {
            sdl = OTHER_NAMES.iter().fold(sdl, |sdl, (from, to)| sdl.replace(from, to));
        }
        sdl
    }

    /// The response if this variant does not execute the document: its errors, or its schema.
    pub(super) fn early_response(&self, document: &str) -> Option<Value> {
        let mut known = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > 1_000 {
            known.clear();
        }
        let key = (self.clone(), document.to_owned());
        known
            .entry(key)
            .or_insert_with(|| {
                self.check(document)
                    .unwrap_or_else(|error| Some(json!({ "errors": [{ "message": format!("{error:#}") }] })))
            })
            .clone()
    }

    fn check(&self, document: &str) -> Result<Option<Value>> {
        let schema = self.schema()?;
        let document = match ExecutableDocument::parse_and_validate(&schema, document, "request") {
            Ok(document) => document,
            Err(invalid) => {
                let errors = invalid.errors.iter().map(|error| {
                    let lines = error
                        .line_column_range()
                        .map(|range| json!({ "line": range.start.line, "column": range.start.column }));
                    json!({
                        "message": error.error.to_string(),
                        "locations": lines.into_iter().collect::<Vec<_>>(),
                        "extensions": { "code": "GRAPHQL_VALIDATION_FAILED" },
                    })
                });
                return Ok(Some(json!({ "errors": errors.collect::<Vec<_>>() })));
            }
        };
        let operation = document.operations.iter().next().ok_or_else(|| anyhow!("no operation"))?;
        if operation.operation_type != OperationType::Query || !operation.is_introspection(&document) {
            return Ok(None);
        }
        if !self.introspection {
            return Ok(Some(json!({ "errors": [{ "message": "introspection is not allowed" }] })));
        }
        let values = coerce_variable_values(&schema, operation, &JsonMap::default())
            .map_err(|error| anyhow!("{}", error.message()))?;
        let executed = introspection::partial_execute(
            &schema,
            &schema.implementers_map(),
            &document,
            operation,
            &values,
        )
        .map_err(|error| anyhow!("{}", error.message()))?;
        Ok(Some(serde_json::to_value(executed)?))
    }

    fn schema(&self) -> Result<Arc<Valid<Schema>>> {
        let mut known = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schema) = known.get(self) {
            return Ok(Arc::clone(schema));
        }
        let schema = Schema::parse_and_validate(self.sdl(), "vendor.graphql")
            .map_err(|invalid| anyhow!("the switches make no valid schema: {}", invalid.errors))?;
        let schema = Arc::new(schema);
        known.insert(self.clone(), Arc::clone(&schema));
        Ok(schema)
    }

    /// The document in the words of the server's own schema.
    pub(super) fn translated(&self, document: &str) -> String {
        let mut text = document.to_owned();
        if self.other_type_names {
            text = OTHER_NAMES.iter().fold(text, |text, (to, from)| text.replace(from, to));
        }
        if self.int_amounts { text.replace(": Int", ": Float") } else { text }
    }

    /// A response in the words of this variant.
    pub(super) fn in_its_words(&self, mut response: Value) -> Value {
        if self.int_amounts {
            whole_numbers(&mut response);
        }
        response
    }
}

/// The documents that were checked, with the response to those that are not executed.
static CHECKED: LazyLock<Mutex<Checked>> = LazyLock::new(Mutex::default);

type Checked = HashMap<(Vendor, String), Option<Value>>;

static SCHEMAS: LazyLock<Mutex<HashMap<Vendor, Arc<Valid<Schema>>>>> = LazyLock::new(Mutex::default);

fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let whole = number.to_string().strip_suffix(".0").and_then(|whole| whole.parse::<i64>().ok());
            if let Some(whole) = whole {
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The SDL with every field of a type nullable, except `id`.
fn without_marks(sdl: &str, kind: &str) -> String {
    each_line_of(sdl, kind, |line| {
        Some(if line.trim_start().starts_with("id:") { line.to_owned() } else { line.replace("!\n", "\n") })
    })
}

/// The SDL without a field, such as `Ticket.isActive`.
fn without_field(sdl: &str, field: &str) -> String {
    let Some((kind, field)) = field.split_once('.') else { return sdl.to_owned() };
    let start = format!("{field}:");
    each_line_of(sdl, &format!("type {kind} {{"), |line| {
        (!line.trim_start().starts_with(&start)).then(|| line.to_owned())
    })
}

fn each_line_of(sdl: &str, kind: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut is_inside = false;
    let lines = sdl.split_inclusive('\n').filter_map(|line| {
        is_inside = line.starts_with(kind) || (is_inside && !line.starts_with('}'));
        if is_inside && !line.starts_with(kind) { change(line) } else { Some(line.to_owned()) }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every combination of the switches.
    fn all() -> impl Iterator<Item = Vendor> {
        (0..128_u8).map(|bits| {
            let is = |bit: u8| bits & (1 << bit) != 0;
            Vendor {
                update: if is(0) { Update::Replaces } else { Update::Merges },
                extra_fields: is(1),
                other_type_names: is(2),
                int_amounts: is(3),
                partial_updates: is(4),
                introspection: is(5),
                missing: if is(6) {
                    vec!["Ticket.isActive".to_owned(), "Contact.company".to_owned()]
                } else {
                    vec![]
                },
            }
        })
    }

    #[test]
    fn every_combination_of_switches_is_a_valid_schema_that_differs_as_it_says() {
        for vendor in all() {
            let schema = vendor.schema().unwrap_or_else(|error| panic!("{vendor:?}: {error:#}"));
            let has = |kind: &str, field: &str| schema.type_field(kind, field).is_ok();
            assert_eq!(has("Ticket", "customFields"), vendor.extra_fields, "{vendor:?}");
            assert_eq!(has("Ticket", "isActive"), vendor.missing.is_empty(), "{vendor:?}");
            assert_eq!(schema.types.contains_key("DealRole"), vendor.other_type_names, "{vendor:?}");
            let input = if vendor.other_type_names { "DealChange" } else { "TicketUpdateInput" };
            let input = schema.get_input_object(input).unwrap();
            assert_eq!(input.fields["name"].is_required(), !vendor.partial_updates, "{vendor:?}");
            assert!(input.fields["id"].is_required(), "{vendor:?}");
        }
    }

    #[test]
    fn a_document_with_a_field_that_the_variant_lacks_is_refused_as_servers_do() {
        let vendor = Vendor { missing: vec!["Ticket.isActive".to_owned()], ..Vendor::default() };
        let query = "query($id: ID!) {\n  ticket(id: $id) { id\n isActive } }";
        let refused = vendor.early_response(query).unwrap();
        assert_eq!(refused["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        assert_eq!(refused["errors"][0]["locations"][0]["line"], 3);
        assert_eq!(Vendor::default().early_response(query), None);
        let schema = "{ __schema { queryType { name } } }";
        assert_eq!(vendor.early_response(schema).unwrap()["data"]["__schema"]["queryType"]["name"], "Query");
        let silent = Vendor { introspection: false, ..Vendor::default() };
        assert!(silent.early_response(schema).unwrap()["data"].is_null());
    }
}
