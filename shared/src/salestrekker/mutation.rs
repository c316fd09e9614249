//! Fills the document of a mutation. A variable that its operation declares is sent as a variable; any other is written into
//! the text as a literal, with its strings as variables of the types that public callers declare.
//!
//! The name of no input type has been observed (salestrekker-second-reading.md, section 2): so a document declares only
//! variables of built-in types, and `automations schema adopt` declares all of them once the real types are known.

use super::Error;
use super::document::{Document, TICKET_UPDATE};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A mutation to send: its text and its variables.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filled {
    pub(super) document: Document,
    pub(super) variables: Value,
}

/// What a missing value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It is left out if the document lets it.
    LeftOut,
    /// It is an error: what is not sent back could be erased.
    Refused,
}

/// Fills a document with the values of its variables, by their names.
///
/// # Errors
/// [`Error::InvalidResponse`] with the path of a value that is missing, or that GraphQL has no literal for.
pub(super) fn fill(
    document: &Document,
    values: &Map<String, Value>,
    missing: Missing,
) -> Result<Filled, Error> {
    let (head, body) = split(document.text()).ok_or_else(|| invalid("the document"))?;
    let declared = declared(head);
    let mut literal = Literal::default();
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let length = after.find(|c: char| !is_name(c)).unwrap_or(after.len());
        let (name, after) = after.split_at(length);
        if declared.iter().any(|(known, _)| *known == name) {
            let _ = write!(text, "${name}");
        } else {
            let value = values.get(name).ok_or_else(|| invalid(name))?;
            literal.write(&mut text, name, value)?;
        }
        rest = after;
    }
    text.push_str(rest);
    let mut variables = literal.variables;
    for (name, kind) in declared {
        match values.get(name) {
            Some(Value::Null) | None if kind.starts_with('[') && kind.ends_with('!') => {
                variables.insert(name.to_owned(), Value::Array(Vec::new()));
            }
            Some(Value::Null) if kind.ends_with('!') => return Err(invalid(name)),
            Some(value) => drop(variables.insert(name.to_owned(), value.clone())),
            None if missing == Missing::Refused || kind.ends_with('!') => return Err(invalid(name)),
            None => {}
        }
    }
    let document = Document::of_handler(format!("{}{}) {{{text}", head, literal.declarations));
    Ok(Filled { document, variables: variables.into() })
}

/// The operation up to the end of its variables, and what is after its first brace.
fn split(text: &str) -> Option<(&str, &str)> {
    let start = text.find("\nmutation ").map_or(0, |at| at.saturating_add(1));
    let text = text.get(start..)?;
    let (head, body) = text.split_once(") {")?;
    head.contains('(').then_some((head, body))
}

/// The names and types of an operation's variables.
fn declared(head: &str) -> Vec<(&str, &str)> {
    let variables = head.split('$').skip(1);
    let pairs = variables.filter_map(|variable| {
        let (name, kind) = variable.split_once(':')?;
        Some((name.trim(), kind.trim().trim_end_matches(',')))
    });
    pairs.collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn invalid(name: &str) -> Error {
    Error::InvalidResponse { at: format!("ticket.{name}") }
}

/// What literals need beside the text: the variables for their strings.
#[derive(Default)]
struct Literal {
    declarations: String,
    variables: Map<String, Value>,
}

impl Literal {
    /// Writes a value; `name` is that of its field.
    fn write(&mut self, text: &mut String, name: &str, value: &Value) -> Result<(), Error> {
        match value {
            Value::Null => text.push_str("null"),
            Value::Bool(value) => {
                let _ = write!(text, "{value}");
            }
            Value::Number(number) => {
                // Whole numbers are without a fraction, as Int and Float both accept these.
                let number = number.to_string();
                text.push_str(number.strip_suffix(".0").unwrap_or(&number));
            }
            Value::String(_) => {
                let variable = format!("_{}", self.variables.len());
                let kind = if is_id(name) { "ID!" } else { "String!" };
                let _ = write!(text, "${variable}");
                let _ = write!(self.declarations, " ${variable}: {kind}");
                self.variables.insert(variable, value.clone());
            }
            Value::Array(list) => {
                text.push('[');
                for (position, value) in list.iter().enumerate() {
                    text.push_str(if position == 0 { "" } else { ", " });
                    self.write(text, name, value)?;
                }
                text.push(']');
            }
            Value::Object(fields) => {
                text.push('{');
                for (position, (field, value)) in fields.iter().enumerate() {
                    let starts_well =
                        field.starts_with(|first: char| is_name(first) && !first.is_ascii_digit());
                    if !starts_well || !field.chars().all(is_name) {
                        return Err(invalid(name));
                    }
                    text.push_str(if position == 0 { "" } else { ", " });
                    let _ = write!(text, "{field}: ");
                    self.write(text, field, value)?;
                }
                text.push('}');
            }
        }
        Ok(())
    }
}

/// Whether a field holds ids, as Salestrekker names them: `idOwner`, `idLabels`.
fn is_id(name: &str) -> bool {
    name.strip_prefix("id")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(|next: char| next.is_ascii_uppercase()))
}

/// The fields of a ticket that an update sends.
pub fn update_fields() -> BTreeSet<String> {
    let document = TICKET_UPDATE;
    split(document.text()).map(|(_, body)| used(body).map(str::to_owned).collect()).unwrap_or_default()
}

/// The names of the variables in an operation's body.
fn used(body: &str) -> impl Iterator<Item = &str> {
    body.split('$').skip(1).filter_map(|after| after.split(|c| !is_name(c)).next())
}

/// The names of a document's variables that its operation does not declare.
#[doc(hidden)]
pub fn inline_variables(text: &str) -> BTreeSet<&str> {
    let Some((head, body)) = split(text) else { return BTreeSet::new() };
    let known: BTreeSet<&str> = declared(head).into_iter().map(|(name, _)| name).collect();
    used(body).filter(|name| !known.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salestrekker::document::TICKET_CREATE;
    use apollo_compiler::ast;
    use proptest::prelude::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    const OWN: &str = "# a comment\nmutation Own(\n  $id: ID!\n  $labels: [ID!]!\n  $note: String\n) {\n  result: save(id: $id, labels: $labels, note: $note, roles: $roles, a: { b: $amount })\n}\n";

    fn filled(values: &Value, missing: Missing) -> Result<Filled, Error> {
        fill(&Document::of_handler(OWN.to_owned()), &map(values), missing)
    }

    #[test]
    fn what_is_declared_is_a_variable_and_what_is_not_is_a_literal() {
        let roles = json!([{ "idContact": "c-1", "note": "x \" } $id", "isMain": true, "none": null }, {}]);
        let values =
            json!({ "id": "t-1", "labels": null, "roles": roles, "amount": 450_000.0, "note": null });
        let Filled { document, variables } = filled(&values, Missing::Refused).unwrap();
        let expected = "mutation Own(\n  $id: ID!\n  $labels: [ID!]!\n  $note: String\n $_0: ID! $_1: String!) {\n  result: save(id: $id, \
            labels: $labels, note: $note, roles: [{idContact: $_0, isMain: true, none: null, note: $_1}, {}], a: { b: 450000 })\n}\n";
        assert_eq!(document.text(), expected);
        let sent = json!({ "id": "t-1", "labels": [], "note": null, "_0": "c-1", "_1": "x \" } $id" });
        assert_eq!(variables, sent);
    }

    #[test]
    fn a_value_that_is_missing_is_refused_unless_the_document_lets_it_be_left_out() {
        let all = json!({ "id": "t-1", "labels": [], "roles": [], "amount": 1, "note": "x" });
        let without = |name: &str| {
            let mut values = all.clone();
            values.as_object_mut().unwrap().remove(name);
            values
        };
        for name in ["id", "roles", "amount", "note"] {
            let error = filled(&without(name), Missing::Refused).unwrap_err();
            assert!(error.to_string().contains(&format!("ticket.{name};")), "{name}: {error}");
        }
        assert!(filled(&without("note"), Missing::LeftOut).unwrap().variables.get("note").is_none());
        assert!(filled(&without("id"), Missing::LeftOut).is_err());
        assert!(
            filled(&json!({ "id": null, "labels": [], "roles": [], "amount": 1 }), Missing::LeftOut).is_err()
        );
    }

    #[test]
    fn no_document_of_a_mutation_names_a_type_that_was_not_observed() {
        for document in [TICKET_CREATE, TICKET_UPDATE] {
            let (head, _) = split(document.text()).unwrap();
            for (name, kind) in declared(head) {
                assert!(["ID!", "[ID!]!", "String!", "String", "Boolean!"].contains(&kind), "{name}: {kind}");
            }
        }
    }

    /// After `automations schema adopt`, which reads and declares what else a ticket has.
    #[test]
    fn what_an_adopted_document_reads_of_a_ticket_is_sent_back_as_it_was() {
        use crate::salestrekker::FullTicket;
        let read = json!({
            "id": "t-1", "idLabels": [], "description": "Jane's refinance", "color": null,
            "customFields": [{ "name": "Broker's id", "value": 7 }, { "name": null, "value": 1.1 }],
            "values": { "onceOff": 450_000.1, "onceOffDueDate": "2026-12-01" },
            "ticketClientTypes": [{ "idContact": "c", "idLabel": null, "share": 50 }],
        });
        let ticket: FullTicket = serde_json::from_value(read.clone()).unwrap();
        assert!(!format!("{ticket:?}").contains("Jane"), "{ticket:?}");
        let adopted = "mutation TicketUpdate(\n  $id: ID!\n  $idLabels: [ID!]\n  $description: String\n  $color: Color\n  $customFields: \
            [CustomFieldInput!]\n  $values: Amounts!\n  $ticketClientTypes: [Role!]!\n) {\n  result: ticketUpdate(ticket: {id: $id})\n}\n";
        let fields = map(&serde_json::to_value(ticket).unwrap());
        let filled = fill(&Document::of_handler(adopted.to_owned()), &fields, Missing::Refused).unwrap();
        assert_eq!(filled.variables, read);
        // A field that was not read would be cleared by an update that replaces the ticket.
        let more = adopted.replace("$color: Color", "$color: Color\n  $secret: String");
        assert!(fill(&Document::of_handler(more), &fields, Missing::Refused).is_err());
    }

    /// The value of a literal, its variables replaced.
    fn value_of(literal: &ast::Value, variables: &Value) -> Value {
        match literal {
            ast::Value::Null => Value::Null,
            ast::Value::Boolean(value) => json!(value),
            ast::Value::Int(number) => serde_json::from_str(number.as_str()).unwrap(),
            ast::Value::Float(number) => serde_json::from_str(number.as_str()).unwrap(),
            ast::Value::Variable(name) => variables[name.as_str()].clone(),
            ast::Value::List(list) => list.iter().map(|value| value_of(value, variables)).collect(),
            ast::Value::Object(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| (name.to_string(), value_of(value, variables)));
                Value::Object(fields.collect())
            }
            ast::Value::Enum(_) | ast::Value::String(_) => panic!("a string was written into the text"),
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!("\"}) { x } # $id \u{2028}\n\"\"\"")),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[_A-Za-z][_0-9A-Za-z]{0,8}", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn is_same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
            (Value::Array(one), Value::Array(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
            }
            (Value::Object(one), Value::Object(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
            }
            (one, other) => one == other,
        }
    }

    proptest! {
        /// Whatever a ticket holds: it is read back as it was, and no text of a person is in the document.
        #[test]
        fn whatever_is_rendered_parses_back_to_the_same_value(value in any_value()) {
            let values = map(&json!({ "id": "t-1", "labels": [], "roles": value, "amount": 1 }));
            let Filled { document, variables } =
                fill(&Document::of_handler(OWN.to_owned()), &values, Missing::LeftOut).unwrap();
            let parsed = ast::Document::parse(document.text(), "own").unwrap();
            let operation = parsed.definitions.iter().find_map(|one| one.as_operation_definition()).unwrap();
            prop_assert_eq!(operation.selection_set.len(), 1);
            let field = operation.selection_set[0].as_field().unwrap();
            prop_assert_eq!(field.arguments.len(), 5);
            let roles = field.arguments.iter().find(|argument| argument.name == "roles").unwrap();
            let back = value_of(&roles.value, &variables);
            prop_assert!(is_same(&back, &value), "{} is not {}", back, value);
            // Every variable is declared, so that the API accepts the document.
            let declared: BTreeSet<String> = operation.variables.iter().map(|one| one.name.to_string()).collect();
            for name in variables.as_object().unwrap().keys() {
                prop_assert!(declared.contains(name));
            }
        }
    }

    #[test]
    fn a_key_that_is_not_a_name_of_graphql_is_refused() {
        for key in ["", "1a", "a b", "a: 1}) { y", "é", "a-b"] {
            let values = json!({ "id": "t", "labels": [], "roles": { key: 1 }, "amount": 1 });
            assert!(filled(&values, Missing::LeftOut).is_err(), "{key}");
        }
    }
}
