//! The variables of a document that its operation does not declare: the client writes their values into the text, so the name
//! of their type does not matter, but its fields do.

use crate::mismatch::Mismatch;
use apollo_compiler::ast::{Type, Value};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::schema::{ExtendedType, InputObjectType};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use automations::salestrekker::inline_variables;
use automations_cli::nearest::nearest;
use std::collections::BTreeMap;
use std::path::Path;

/// The document with every variable declared, as this schema types it; a variable whose place the schema does not have stays
/// undeclared.
pub(crate) fn declare(schema: &Valid<Schema>, text: &str) -> String {
    let types = types(schema, text);
    let inline = inline_variables(text).into_iter().filter_map(|name| Some((name, types.get(name)?)));
    let declarations: Vec<String> = inline.map(|(name, kind)| format!("${name}: {kind}")).collect();
    if declarations.is_empty() {
        return text.to_owned();
    }
    // On the same line, so that the lines of errors are those of the file.
    text.replacen(") {", &format!(" {}) {{", declarations.join(" ")), 1)
}

/// The type of each variable's place, as far as the schema has it.
pub(crate) fn types(schema: &Valid<Schema>, text: &str) -> BTreeMap<Name, Type> {
    let parsed = ExecutableDocument::parse(schema, text, "document");
    let document = parsed.unwrap_or_else(|with_errors| with_errors.partial);
    let mut types = BTreeMap::new();
    for operation in document.operations.iter() {
        of_set(schema, &operation.selection_set, &mut types);
    }
    types
}

fn of_set(schema: &Schema, set: &SelectionSet, types: &mut BTreeMap<Name, Type>) {
    for selection in &set.selections {
        if let Selection::Field(field) = selection {
            of_field(schema, field, types);
        }
    }
}

fn of_field(schema: &Schema, field: &Field, types: &mut BTreeMap<Name, Type>) {
    for argument in &field.arguments {
        if let Some(definition) = field.definition.argument_by_name(&argument.name) {
            of_value(schema, &argument.value, &definition.ty, types);
        }
    }
    of_set(schema, &field.selection_set, types);
}

fn of_value(schema: &Schema, value: &Value, kind: &Type, types: &mut BTreeMap<Name, Type>) {
    match value {
        Value::Variable(name) => drop(types.insert(name.clone(), kind.clone())),
        Value::List(items) => items.iter().for_each(|item| of_value(schema, item, kind.item_type(), types)),
        Value::Object(fields) => {
            let Some(input) = input(schema, kind) else { return };
            for (name, value) in fields {
                if let Some(definition) = input.fields.get(name) {
                    of_value(schema, value, &definition.ty, types);
                }
            }
        }
        Value::Null
        | Value::Enum(_)
        | Value::String(_)
        | Value::Float(_)
        | Value::Int(_)
        | Value::Boolean(_) => {}
    }
}

/// The input object that a type is, or is a list of.
pub(crate) fn input<'a>(schema: &'a Schema, kind: &Type) -> Option<&'a InputObjectType> {
    match schema.types.get(kind.inner_named_type())? {
        ExtendedType::InputObject(input) => Some(input),
        _ => None,
    }
}

/// The fields of the undeclared variables' types that `schema` does not have, or requires in addition.
pub(crate) fn different_inputs(
    schema: &Valid<Schema>,
    known: &Valid<Schema>,
    text: &str,
    file: &Path,
) -> Vec<Mismatch> {
    let (theirs, ours) = (types(schema, text), types(known, text));
    let mut found = Vec::new();
    for name in inline_variables(text) {
        let (Some(theirs), Some(ours)) = (theirs.get(name), ours.get(name)) else { continue };
        let variable = format!("${name}");
        let line =
            text.lines().position(|line| line.contains(&variable)).map_or(1, |line| line.saturating_add(1));
        let mut compare = |expected: String, found_there: String, nearest: Option<String>| {
            found.push(Mismatch { file: file.to_owned(), line, expected, found: found_there, nearest });
        };
        compare_inputs((schema, theirs), (known, ours), &mut compare);
    }
    found
}

fn compare_inputs(
    (schema, theirs): (&Schema, &Type),
    (known, ours): (&Schema, &Type),
    report: &mut impl FnMut(String, String, Option<String>),
) {
    let (Some(their_input), Some(our_input)) = (input(schema, theirs), input(known, ours)) else {
        // A scalar: whatever its type, what was read of the ticket is sent back as it was.
        return;
    };
    let owner = theirs.inner_named_type();
    for (name, ours) in &our_input.fields {
        if let Some(theirs) = their_input.fields.get(name) {
            compare_inputs((schema, &theirs.ty), (known, &ours.ty), report);
            continue;
        }
        let near = nearest(name, their_input.fields.keys().map(Name::as_str));
        let near = near.and_then(|near| their_input.fields.get(near));
        report(
            format!("`{owner}.{name}`"),
            format!("no such field on the input `{owner}` ({} others)", their_input.fields.len()),
            near.map(|near| format!("`{}: {}`", near.name, near.ty)),
        );
    }
    let required = their_input.fields.iter().filter(|(_, field)| field.is_required());
    for (name, field) in required.filter(|(name, _)| !our_input.fields.contains_key(*name)) {
        report(
            format!("no required field `{owner}.{name}`"),
            format!("`{name}: {}`, which must be sent", field.ty),
            None,
        );
    }
}
