//! Validates documents against a schema.

use crate::differ::different_types;
use crate::documents::Document;
use crate::mismatch::Mismatch;
use crate::variables::{declare, different_inputs};
use apollo_compiler::diagnostic::Diagnostic;
use apollo_compiler::schema::{ExtendedType, FieldDefinition, InputValueDefinition};
use apollo_compiler::validation::{DiagnosticData, Valid};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use automations_cli::nearest::nearest;

/// The mismatches between these documents and `schema`. `known` is the schema that they were written for: a field that exists
/// in both with different types is a mismatch too, because the code that reads the response expects the known type.
pub fn check(schema: &Valid<Schema>, known: &Valid<Schema>, documents: &[Document]) -> Vec<Mismatch> {
    documents.iter().flat_map(|document| check_one(schema, known, document)).collect()
}

fn check_one(schema: &Valid<Schema>, known: &Valid<Schema>, document: &Document) -> Vec<Mismatch> {
    let Document { file, text } = document;
    let mut mismatches = Vec::new();
    let mut consequences = Vec::new();
    let declared = declare(schema, text);
    if let Err(invalid) = ExecutableDocument::parse_and_validate(schema, declared, file) {
        for diagnostic in invalid.errors.iter() {
            let is_consequence =
                diagnostic.error.unstable_error_name().is_some_and(|name| CONSEQUENCES.contains(&name));
            let list = if is_consequence { &mut consequences } else { &mut mismatches };
            list.push(mismatch(schema, document, &diagnostic));
        }
    }
    // A handler's document may use parts that only the vendor's schema has; then there are no known types to compare.
    if let Ok(as_known) = ExecutableDocument::parse_and_validate(known, declare(known, text), file) {
        mismatches.extend(different_types(schema, &as_known, file));
        mismatches.extend(different_inputs(schema, known, text, file));
    }
    if mismatches.is_empty() {
        mismatches = consequences;
    }
    mismatches.sort_by(|left, right| (left.line, &left.expected).cmp(&(right.line, &right.expected)));
    mismatches.dedup();
    mismatches
}

/// Errors that follow from other errors: reported only if there are no others.
const CONSEQUENCES: [&str; 5] = [
    "UndefinedVariable",
    "UnusedVariable",
    "MissingSubselection",
    "UnsupportedValueType",
    "DisallowedVariableUsage",
];

fn mismatch(schema: &Schema, document: &Document, diagnostic: &Diagnostic<'_, DiagnosticData>) -> Mismatch {
    let line = diagnostic.line_column_range().map_or(1, |range| range.start.line);
    let message = diagnostic.error.to_string();
    // A message has its names in back quotes.
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let description = match (diagnostic.error.unstable_error_name(), names.as_slice()) {
        (Some("UndefinedField"), [owner, field]) => Some(no_field(schema, owner, field)),
        (Some("UndefinedArgument"), [argument, coordinate]) => no_argument(schema, coordinate, argument),
        (Some("UndefinedInputValue"), [field, owner]) => Some(no_input_field(schema, owner, field)),
        (Some("UndefinedDefinition"), [name]) => Some(no_type(schema, name, |kind| !is_composite(kind))),
        (Some("UndefinedTypeInNamedFragmentTypeCondition"), [name, ..]) => {
            Some(no_type(schema, name, is_composite))
        }
        _ => None,
    };
    let (expected, found, nearest) = description.unwrap_or_else(|| {
        let text = document.text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim();
        (format!("`{text}`"), format!("another rule: {message}"), None)
    });
    Mismatch { file: document.file.clone(), line, expected, found, nearest }
}

/// What the document expects, what the schema has, and the nearest name.
type Description = (String, String, Option<String>);

fn no_field(schema: &Schema, owner: &str, field: &str) -> Description {
    let expected = format!("`{owner}.{field}`");
    let fields = match schema.types.get(owner) {
        Some(ExtendedType::Object(object)) => &object.fields,
        Some(ExtendedType::Interface(interface)) => &interface.fields,
        _ => return (expected, format!("no fields on `{owner}`"), None),
    };
    let near = nearest(field, fields.keys().map(Name::as_str));
    let near = near.and_then(|name| fields.get(name)).map(|definition| format_field(owner, definition));
    (expected, format!("no such field on `{owner}` ({} others)", fields.len()), near)
}

fn no_argument(schema: &Schema, coordinate: &str, argument: &str) -> Option<Description> {
    let (owner, field) = coordinate.split_once('.')?;
    let definition = schema.type_field(owner, field).ok()?;
    let arguments: Vec<String> = definition.arguments.iter().map(format_input).collect();
    let near = nearest(argument, definition.arguments.iter().map(|one| one.name.as_str()));
    let near = near.and_then(|name| definition.argument_by_name(name)).map(format_input);
    let found = if arguments.is_empty() { "no argument there".to_owned() } else { arguments.join(", ") };
    Some((format!("the argument `{argument}` of `{coordinate}`"), found, near))
}

fn no_input_field(schema: &Schema, owner: &str, field: &str) -> Description {
    let expected = format!("`{owner}.{field}`");
    let Some(ExtendedType::InputObject(input)) = schema.types.get(owner) else {
        return (expected, format!("no input `{owner}`"), None);
    };
    let near = nearest(field, input.fields.keys().map(Name::as_str));
    let near = near.and_then(|name| input.fields.get(name)).map(|definition| format_input(&definition.node));
    (expected, format!("no such field on the input `{owner}` ({} others)", input.fields.len()), near)
}

fn no_type(schema: &Schema, name: &str, is_candidate: fn(&ExtendedType) -> bool) -> Description {
    let types = schema.types.iter().filter(|(_, kind)| is_candidate(kind) && !kind.is_built_in());
    let near = nearest(name, types.map(|(name, _)| name.as_str()));
    (format!("the type `{name}`"), "no such type".to_owned(), near.map(|name| format!("`{name}`")))
}

fn is_composite(kind: &ExtendedType) -> bool {
    kind.is_object() || kind.is_interface() || kind.is_union()
}

fn format_field(owner: &str, field: &FieldDefinition) -> String {
    format!("`{owner}.{}: {}`", field.name, field.ty)
}

fn format_input(input: &Node<InputValueDefinition>) -> String {
    format!("`{}: {}`", input.name, input.ty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::documents;
    use crate::read::parse;
    use std::path::Path;

    const KNOWN: &str = include_str!("../../../shared/schema/salestrekker.graphql");

    fn schema(sdl: &str) -> Valid<Schema> {
        parse(sdl, Path::new("schema")).unwrap()
    }

    /// The mismatches with a schema that has `to` instead of `from`, as printed, without the folder.
    fn differences(changes: &[(&str, &str)]) -> Vec<String> {
        let mut sdl = KNOWN.to_owned();
        for (from, to) in changes {
            assert!(sdl.contains(from), "{from}");
            sdl = sdl.replace(from, to);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let found = check(&schema(&sdl), &schema(KNOWN), &documents(root).unwrap());
        let folder = "shared/src/salestrekker/documents/";
        found
            .iter()
            .map(|mismatch| mismatch.to_string().replace(folder, "").replace("\n    ", "; "))
            .collect()
    }

    #[test]
    fn the_documents_fit_the_schema_that_they_were_written_for() {
        assert_eq!(differences(&[]), [""; 0]);
    }

    #[test]
    fn a_mutation_of_another_name_is_one_difference() {
        assert_eq!(
            differences(&[("ticketUpdate(ticket", "ticketSave(ticket")]),
            [
                "ticket_update.graphql:13: expected `Mutation.ticketUpdate`; the schema has no such field on `Mutation` \
              (5 others); nearest: `Mutation.ticketSave: ID`"
            ]
        );
    }

    #[test]
    fn a_field_an_argument_and_an_input_of_other_names_are_told_with_the_nearest() {
        let found = differences(&[
            ("  idStage: ID   ", "  stageId: ID   "),
            ("workflowsSearch(query: String!)", "workflowsSearch(queries: String!)"),
            ("  familyName: String!", "  famillyName: String"),
        ]);
        for expected in [
            "ticket.graphql:11: expected `Ticket.idStage`; the schema has no such field on `Ticket` (13 others); \
             nearest: `Ticket.stageId: ID`",
            "workflows_search.graphql:3: expected the argument `query` of `Query.workflowsSearch`; the schema has \
             queries: String!; nearest: `queries: String!`",
            "contact_create_person.graphql:17: expected `PersonInformationInput.familyName`; the schema has no such \
             field on the input `PersonInformationInput` (2 others); nearest: `famillyName: String`",
        ] {
            let expected = expected.replace("queries: String!; nearest", "`queries: String!`; nearest");
            assert!(found.contains(&expected), "{expected}\nis not in\n{}", found.join("\n"));
        }
    }

    #[test]
    fn an_input_of_another_name_is_no_difference_and_one_of_other_fields_is() {
        let renamed = [("TicketClientTypeInput", "DealRole")];
        assert_eq!(differences(&renamed), [""; 0]);
        let whole =
            ("input TicketValuesInput {\n  onceOff: Float!", "input TicketValuesInput {\n  onceOff: Int!");
        assert_eq!(differences(&[whole]), [""; 0]);
        let found = differences(&[
            (
                "input TicketClientTypeInput {\n  idContact: ID\n  idLabel: ID\n",
                "input TicketClientTypeInput {\n  idContact: ID\n  labelId: ID\n  share: Int!\n",
            ),
            (
                "input TicketValuesInput {\n  onceOff: Float!",
                "input TicketValuesInput {\n  onceOff: Float!\n  recurring: Float",
            ),
        ]);
        let expected = [
            "expected `TicketClientTypeInput.idLabel`; the schema has no such field on the input \
             `TicketClientTypeInput` (3 others); nearest: `labelId: ID`",
            "expected no required field `TicketClientTypeInput.share`; the schema has `share: Int!`, which must be sent",
        ];
        let expected = ["ticket_create.graphql:18: ", "ticket_update.graphql:20: "]
            .map(|file| expected.map(|text| format!("{file}{text}")));
        assert_eq!(found, expected.concat());
    }

    #[test]
    fn a_field_of_another_type_is_told_and_one_that_reads_alike_is_not() {
        let found = differences(&[
            ("  labels: [Label!]\n", "  labels: LabelPage\n"),
            ("type Label {", "type LabelPage { x: ID }\ntype Label {"),
        ]);
        assert!(
            found.iter().any(|line| line.contains("`Query.labels: [Label!]`; the schema has `LabelPage`")),
            "{found:?}"
        );
        let found = differences(&[(
            "type TicketValues {\n  onceOff: Float",
            "type TicketValues {\n  onceOff: String",
        )]);
        assert_eq!(
            found,
            ["ticket.graphql:15: expected `TicketValues.onceOff: Float`; the schema has `String`"]
        );
        let alike = [
            ("type TicketValues {\n  onceOff: Float", "type TicketValues {\n  onceOff: Int!"),
            ("scalar UnverifiedTime", "scalar UnverifiedTime\nscalar UUID"),
            ("  idOwner: ID                               # [OBS x1: BE] user", "  idOwner: UUID # "),
        ];
        assert_eq!(differences(&alike), [""; 0]);
        let laxer = differences(&[("  stages: [WorkflowStage!]!", "  stages: [WorkflowStage!]")]);
        assert_eq!(
            laxer,
            [
                "workflow.graphql:13: expected `Workflow.stages: [WorkflowStage!]!`; the schema has `[WorkflowStage!]`"
            ]
        );
    }

    #[test]
    fn a_handlers_document_is_checked_against_the_schema_alone() {
        let document =
            |text: &str| Document { file: "functions/x/pause.graphql".into(), text: text.to_owned() };
        let own = document("mutation Pause($id: ID!) {\n  ticketPause(id: $id)\n}");
        let found = check(&schema(KNOWN), &schema(KNOWN), std::slice::from_ref(&own));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].expected.as_str()), (2, "`Mutation.ticketPause`"));
        let theirs = KNOWN.replace("type Mutation {", "type Mutation {\n  ticketPause(id: ID!): ID");
        assert_eq!(check(&schema(&theirs), &schema(KNOWN), &[own]), []);
        let broken = check(&schema(KNOWN), &schema(KNOWN), &[document("mutation {")]);
        assert!(
            broken.iter().all(|mismatch| mismatch.found.contains("syntax error")) && !broken.is_empty(),
            "{broken:?}"
        );
    }

    #[test]
    fn an_introspection_is_as_good_as_sdl() {
        let known = schema(KNOWN);
        let query = include_str!("../../../shared/src/salestrekker/documents/introspection.graphql");
        let query = query.replace("result: __schema", "__schema");
        let query = ExecutableDocument::parse_and_validate(&known, query, "introspection").unwrap();
        let response = apollo_compiler::introspection::partial_execute(
            &known,
            &known.implementers_map(),
            &query,
            query.operations.get(None).unwrap(),
            apollo_compiler::request::coerce_variable_values(
                &known,
                query.operations.get(None).unwrap(),
                &apollo_compiler::response::JsonMap::default(),
            )
            .as_ref()
            .unwrap(),
        )
        .unwrap();
        let json = serde_json::to_string(&response).unwrap();
        let read = parse(&json, Path::new("introspection.json")).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        assert_eq!(check(&read, &known, &documents(root).unwrap()), []);
        let other = parse(&json.replace("\"ticketUpdate\"", "\"ticketSave\""), Path::new("x")).unwrap();
        assert_eq!(check(&other, &known, &documents(root).unwrap()).len(), 1);
    }

    #[test]
    fn what_is_no_schema_says_so() {
        for (text, words) in [
            ("{}", "not a valid introspection result"),
            ("{", "not a valid introspection result"),
            ("type {", "is not a valid schema: "),
            ("type Ticket { id: ID }", "has no query type"),
        ] {
            let error = format!("{:#}", parse(text, Path::new("file")).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
