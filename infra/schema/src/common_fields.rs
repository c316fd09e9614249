//! The fields that a ticket and its update both have, so that a change can send them back.

use crate::documents::{Document, is_of_system, name_of};
use crate::variables;
use apollo_compiler::ast::Type;
use apollo_compiler::schema::FieldDefinition;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The fields that a ticket and its update both have.
pub(crate) struct CommonFields {
    /// By top-level field: its selection, empty for a leaf.
    fields: BTreeMap<String, String>,
    /// Those that are read or sent in addition, with their selections.
    pub(crate) added: Vec<String>,
    /// Those of the update that a ticket does not have.
    pub(crate) not_readable: Vec<String>,
}

/// Nested deeper than this, a field is not carried along.
const MAX_DEPTH: u32 = 6;

impl CommonFields {
    /// Those of this schema, if it has both.
    pub(crate) fn of(schema: &Valid<Schema>, documents: &[Document]) -> Option<Self> {
        let text_of = |name: &str| documents.iter().find(|one| is_of_system(one) && name_of(one) == name);
        let (ticket, update) = (text_of("ticket.graphql")?, text_of("ticket_update.graphql")?);
        let output = root_field(schema, &ticket.text)?.ty.inner_named_type().clone();
        let input = root_field(schema, &update.text)?.arguments.first()?.ty.clone();
        let mut common = Self { fields: BTreeMap::new(), added: vec![], not_readable: vec![] };
        for (name, field) in &variables::input(schema, &input)?.fields {
            match common_selection(schema, &output, name, &field.ty, MAX_DEPTH) {
                Some(selection) => {
                    let line =
                        ticket.text.lines().find(|line| line.trim().split([' ', '{']).next() == Some(name));
                    let is_read =
                        |word| line.is_some_and(|line| line.split_whitespace().any(|other| other == word));
                    if !has_field(&update.text, name) || !selection.split_whitespace().all(is_read) {
                        common.added.push(format!("{name}{selection}"));
                    }
                    common.fields.insert(name.to_string(), selection);
                }
                None => common.not_readable.push(name.to_string()),
            }
        }
        Some(common)
    }

    /// The document that reads a ticket, with these fields.
    pub(crate) fn read(&self, text: &str) -> String {
        let Some((head, body)) = text.split_once("fragment ") else { return text.to_owned() };
        let Some((fragment, fields)) = body.split_once(" {\n") else { return text.to_owned() };
        let mut lines = String::new();
        let mut rest = self.fields.clone();
        for line in fields.lines().take_while(|line| !line.starts_with('}')) {
            let name = line.trim().split([' ', '{']).next().unwrap_or_default();
            match rest.remove(name) {
                Some(selection) => {
                    let _ = writeln!(lines, "  {name}{}", merged(line, &selection));
                }
                None => {
                    let _ = writeln!(lines, "{line}");
                }
            }
        }
        for (name, selection) in rest {
            let _ = writeln!(lines, "  {name}{selection}");
        }
        format!("{head}fragment {fragment} {{\n{lines}}}\n")
    }

    /// The document that updates a ticket, with these fields.
    pub(crate) fn sent(&self, text: &str) -> String {
        let Some((head, tail)) = text.rsplit_once("\n  })") else { return text.to_owned() };
        let mut text = head.to_owned();
        for name in self.fields.keys().filter(|name| !has_field(head, name)) {
            let _ = write!(text, "\n    {name}: ${name}");
        }
        format!("{text}\n  }}){tail}")
    }
}

/// The selection of a line, with what the other one adds.
fn merged(line: &str, selection: &str) -> String {
    let own = line.trim().split_once(' ').map(|(_, own)| own.trim()).unwrap_or_default();
    if selection.is_empty() {
        return String::new();
    }
    let inner = |text: &str| text.trim().trim_start_matches('{').trim_end_matches('}').trim().to_owned();
    let (own, common) = (inner(own), inner(selection));
    let own_only: Vec<&str> = if own.contains('{') {
        Vec::new()
    } else {
        own.split_whitespace()
            .filter(|field| !common.split_whitespace().any(|other| other == *field))
            .collect()
    };
    let all: Vec<&str> = own_only.into_iter().chain([common.as_str()]).collect();
    format!(" {{ {} }}", all.join(" "))
}

/// Whether a document mentions a field of this name, on a line of its own.
fn has_field(text: &str, name: &str) -> bool {
    text.lines().filter_map(|line| line.trim().split([' ', ':', '{']).next()).any(|word| word == name)
}

/// The field whose value a document calls `result`.
pub(crate) fn root_field<'a>(schema: &'a Schema, text: &str) -> Option<&'a Node<FieldDefinition>> {
    let is_mutation = text.lines().any(|line| line.starts_with("mutation "));
    let root = if is_mutation { &schema.schema_definition.mutation } else { &schema.schema_definition.query };
    let field = text.lines().find_map(|line| line.trim_start().strip_prefix("result: "))?;
    let field = field.split(['(', ' ']).next()?;
    schema.type_field(root.as_ref()?.name.as_str(), field).ok().map(|component| &component.node)
}

/// How a field of the output is selected so that its value fits the input; `None` if it does not fit.
fn common_selection(
    schema: &Schema,
    output: &Name,
    field: &Name,
    input: &Type,
    depth: u32,
) -> Option<String> {
    let definition = schema.type_field(output, field).ok()?;
    let output = &definition.ty;
    if output.is_list() != input.is_list()
        || definition.arguments.iter().any(|argument| argument.is_required())
    {
        return None;
    }
    let output = output.inner_named_type();
    let is_leaf = schema.types.get(output)?.is_leaf();
    let Some(object) = variables::input(schema, input) else { return is_leaf.then(String::new) };
    if is_leaf || depth == 0 {
        return None;
    }
    let mut selection = String::new();
    for (name, field) in &object.fields {
        match common_selection(schema, output, name, &field.ty, depth.saturating_sub(1)) {
            Some(inner) => {
                let _ = write!(selection, " {name}{inner}");
            }
            // Without a field that must be sent, the whole cannot be.
            None if field.is_required() => return None,
            None => {}
        }
    }
    (!selection.is_empty()).then(|| format!(" {{{selection} }}"))
}
