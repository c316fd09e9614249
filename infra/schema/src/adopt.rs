//! Rewrites the system's documents for a real schema: the types of variables, the fields that a ticket and its update both have,
//! and without what does not exist and is not needed.

use crate::check::check;
use crate::common_fields::{CommonFields, root_field};
use crate::documents::{Document, is_of_system, name_of};
use crate::mismatch::Mismatch;
use crate::variables;
use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use serde::Serialize;
use std::fmt::{self, Write as _};

/// The comment that ends the line of a field that no public source shows.
const INFERRED: &str = "# inferred";

/// The documents for a schema, and what could not be mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adoption {
    /// The documents that are different now, whole.
    #[serde(skip)]
    pub changed: Vec<Document>,
    /// Fields that are left out, as the schema lacks them and nothing depends on them, by file.
    pub left_out: Vec<Line>,
    /// Fields of a ticket that are read now and sent back with an update.
    pub carried: Vec<String>,
    /// Fields that an update can set and that cannot be read: if the update replaces the ticket, they would be cleared.
    pub not_carried: Vec<String>,
    /// What the schema does not have, and what does not work therefore.
    pub unmapped: Vec<Unmapped>,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file's name.
    pub file: String,
    /// The field.
    pub field: String,
}

/// A mismatch that a person has to solve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmapped {
    /// What does not fit.
    #[serde(flatten)]
    pub mismatch: Mismatch,
    /// What does not work until it does.
    pub disables: &'static str,
}

/// The system's documents, adopted for `schema`; `known` is the schema that they were written for.
pub fn adopt(schema: &Valid<Schema>, known: &Valid<Schema>, documents: &[Document]) -> Adoption {
    let mut adoption = Adoption {
        changed: vec![],
        left_out: vec![],
        carried: vec![],
        not_carried: vec![],
        unmapped: vec![],
    };
    let common = CommonFields::of(schema, documents);
    for document in documents.iter().filter(|document| is_of_system(document)) {
        let mut text = with_real_fragment_type(schema, &document.text);
        text = adoption.without_missing(schema, known, document, &text);
        if let Some(common) = &common {
            text = match name_of(document) {
                "ticket.graphql" => common.read(&text),
                "ticket_update.graphql" => common.sent(&text),
                _ => text,
            };
        }
        text = with_real_types(schema, &text);
        let adopted = Document { file: document.file.clone(), text };
        let left = check(schema, schema, std::slice::from_ref(&adopted));
        let left =
            left.into_iter().map(|mismatch| Unmapped { mismatch, disables: disables(name_of(document)) });
        adoption.unmapped.extend(left);
        if adopted.text != document.text {
            adoption.changed.push(adopted);
        }
    }
    if let Some(common) = common {
        adoption.carried = common.added;
        adoption.not_carried = common.not_readable;
    }
    adoption
}

impl fmt::Display for Adoption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { changed, left_out, carried, not_carried, unmapped } = self;
        for document in changed {
            writeln!(f, "changed      {}", document.file.display())?;
        }
        for Line { file, field } in left_out {
            writeln!(f, "left out     {field} ({file}): the schema lacks it, and nothing depends on it")?;
        }
        for field in carried {
            writeln!(f, "carried      {field}: read with a ticket and sent back with every change")?;
        }
        for field in not_carried {
            writeln!(
                f,
                "NOT CARRIED  {field}: an update can set it and it cannot be read; cleared if the update replaces the ticket"
            )?;
        }
        for Unmapped { mismatch, disables } in unmapped {
            writeln!(f, "UNMAPPED     {mismatch}\n    does not work until it is mapped: {disables}")?;
        }
        Ok(())
    }
}

impl Adoption {
    /// The text without the inferred fields that the schema lacks; those that it has are inferred no more.
    fn without_missing(
        &mut self,
        schema: &Valid<Schema>,
        known: &Valid<Schema>,
        document: &Document,
        text: &str,
    ) -> String {
        let as_it_is = Document { file: document.file.clone(), text: text.to_owned() };
        let missing: Vec<usize> =
            check(schema, known, &[as_it_is]).iter().map(|mismatch| mismatch.line).collect();
        let mut left = String::new();
        for (number, line) in (1..).zip(text.lines()) {
            match line.trim_end().strip_suffix(INFERRED) {
                Some(field) if missing.contains(&number) => self
                    .left_out
                    .push(Line { file: name_of(document).to_owned(), field: field.trim().to_owned() }),
                Some(field) => {
                    let _ = writeln!(left, "{}", field.trim_end());
                }
                None => {
                    let _ = writeln!(left, "{line}");
                }
            }
        }
        left
    }
}

/// What does not work without a document.
fn disables(file: &str) -> &'static str {
    match file {
        "ticket_update.graphql" => "every action that changes a ticket",
        "ticket_create.graphql" => "create_ticket, create_lead",
        "contact_create_person.graphql" => "create_lead for persons",
        "contact_create_company.graphql" => "create_lead for companies",
        "ticket.graphql" => "everything: no ticket can be read",
        "ticket_extras.graphql" => "api.ticket_extras of handlers",
        "contact.graphql" => "api.contact of handlers",
        "labels.graphql" => "add_label, remove_label, and the names of labels in events",
        "workflow.graphql" => "move_stage, and the names of stages in events",
        "workflows.graphql" | "workflows_search.graphql" => {
            "create_ticket and create_lead with a workflow's name"
        }
        "organizations.graphql" | "authenticate_elsewhere.graphql" => "a user's second organisation",
        "authenticate.graphql" => "signing in with an API key",
        "authenticate_user.graphql" => "signing in as a user",
        _ => "what uses this document",
    }
}

/// The text with its fragment on the type that the query returns.
fn with_real_fragment_type(schema: &Schema, text: &str) -> String {
    let Some(definition) = root_field(schema, text) else { return text.to_owned() };
    let real = definition.ty.inner_named_type();
    let lines = text.lines().map(|line| {
        match line.strip_prefix("fragment ").and_then(|rest| rest.split_once(" on ")) {
            Some((fragment, _)) if line.ends_with('{') => format!("fragment {fragment} on {real} {{\n"),
            _ => format!("{line}\n"),
        }
    });
    lines.collect()
}

/// The text with every variable declared, with the type of its place in the schema.
fn with_real_types(schema: &Valid<Schema>, text: &str) -> String {
    let types = variables::types(schema, text);
    let start = text
        .lines()
        .take_while(|line| !line.starts_with("mutation "))
        .map(|line| line.len().saturating_add(1))
        .sum();
    let Some((comment, operation)) = text.split_at_checked(start) else { return text.to_owned() };
    let Some((head, body)) = operation.split_once(") {") else { return text.to_owned() };
    let Some((name, declared)) = head.split_once('(') else { return text.to_owned() };
    let names = declared.split('$').skip(1).filter_map(|one| one.split(':').next()).map(str::trim);
    let inline = automations::salestrekker::inline_variables(text);
    let mut declarations = String::new();
    let mut is_new = !inline.is_empty();
    for variable in names.chain(inline) {
        let before = || declared.split('$').find_map(|one| one.trim().strip_prefix(&format!("{variable}:")));
        let kind = types.get(variable).map(ToString::to_string);
        // The place of a variable that the schema does not have is reported; its declaration stays as it is.
        let known = before().map(|kind| kind.trim().trim_end_matches(',').to_owned());
        is_new |= kind.is_some() && kind != known;
        let Some(kind) = kind.or(known) else { continue };
        let _ = write!(declarations, "\n  ${variable}: {kind}");
    }
    if !is_new {
        return text.to_owned();
    }
    format!("{comment}{name}({declarations}\n) {{{body}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::documents;
    use crate::read::parse;
    use std::collections::BTreeSet;
    use std::path::Path;

    const KNOWN: &str = include_str!("../../../shared/schema/salestrekker.graphql");

    fn schema(sdl: &str) -> Valid<Schema> {
        parse(sdl, Path::new("schema")).unwrap()
    }

    fn own() -> Vec<Document> {
        documents(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()).unwrap()
    }

    fn adopted(sdl: &str) -> (Adoption, Vec<Document>) {
        let adoption = adopt(&schema(sdl), &schema(KNOWN), &own());
        let all = own().into_iter().map(|document| {
            adoption.changed.iter().find(|changed| changed.file == document.file).cloned().unwrap_or(document)
        });
        let all = all.collect();
        (adoption, all)
    }

    fn text<'a>(all: &'a [Document], name: &str) -> &'a str {
        &all.iter().find(|document| name_of(document) == name).unwrap().text
    }

    fn changed(changes: &[(&str, &str)]) -> String {
        changes.iter().fold(KNOWN.to_owned(), |sdl, (from, to)| {
            assert!(sdl.contains(from), "{from}");
            sdl.replace(from, to)
        })
    }

    /// A real schema as it may be: other names of types, whole amounts, more fields, some of ours missing.
    fn real() -> String {
        changed(&[
            ("  isActive: Boolean                         # [INF] settable on create (NF)\n}\n\n# [OBS x2: BE, ZO] contact", "  color: Color\n  custom: [Custom!]\n  members(first: Int!): [ID!]\n}\nenum Color { RED }\ntype Custom { key: String! value: String }\ninput CustomInput { key: String! value: String }\n\n#"),
            ("TicketClientTypeInput", "DealRole"),
            ("TicketUpdateInput", "DealChange"),
            ("onceOff: Float", "onceOff: Int"),
            ("type TicketValues {\n", "type TicketValues {\n  dueDate: String\n"),
            ("input TicketValuesInput {\n", "input TicketValuesInput {\n  dueDate: String\n"),
            ("input DealChange {\n", "input DealChange {\n  color: Color\n  custom: [CustomInput!]\n  members: [ID!]\n  secret: String\n  description: String\n"),
            ("type Company {\n  name: String\n}", "type Company {\n  title: String\n}"),
            ("on Ticket", "on Ticket"),
        ].into_iter().filter(|(from, to)| from != to).collect::<Vec<_>>())
    }

    #[test]
    fn the_schema_that_the_documents_were_written_for_needs_no_person() {
        let (adoption, all) = adopted(KNOWN);
        assert_eq!((adoption.unmapped, adoption.left_out), (vec![], vec![]));
        assert_eq!(adoption.not_carried, [""; 0]);
        assert_eq!(check(&schema(KNOWN), &schema(KNOWN), &all), []);
        assert!(text(&all, "ticket_update.graphql").contains("$values: TicketValuesInput!"));
        let mut lines = all.iter().filter(|one| is_of_system(one)).flat_map(|document| document.text.lines());
        assert!(lines.all(|line| line.starts_with('#') || !line.ends_with(INFERRED)));
    }

    #[test]
    fn a_real_schema_is_adopted_with_its_types_and_all_that_an_update_can_set() {
        let sdl = real();
        let (adoption, all) = adopted(&sdl);
        let update = text(&all, "ticket_update.graphql");
        for declared in [
            "$ticketClientTypes: [DealRole!]!",
            "$color: Color",
            "$custom: [CustomInput!]",
            "$values: TicketValuesInput!",
        ] {
            assert!(update.contains(&format!("\n  {declared}\n")), "{declared}\n{update}");
        }
        for sent in ["color: $color", "custom: $custom", "description: $description"] {
            assert!(update.contains(sent), "{sent}\n{update}");
        }
        let ticket = text(&all, "ticket.graphql");
        for read in [
            "  color\n",
            "  custom { key value }\n",
            "  values { dueDate onceOff }\n",
            "  description\n",
            "  idStage\n",
        ] {
            assert!(ticket.contains(read), "{read}\n{ticket}");
        }
        assert!(!ticket.contains("  isActive") && !ticket.contains("members"));
        assert!(text(&all, "ticket_create.graphql").contains("$onceOff: Int!"));
        assert_eq!(adoption.not_carried, ["members", "secret"]);
        let carried = ["color", "custom { key value }", "description", "values { dueDate onceOff }"];
        assert_eq!(
            adoption.carried.iter().collect::<BTreeSet<_>>(),
            carried.map(str::to_owned).iter().collect()
        );
        assert_eq!(adoption.unmapped, []);
        let left_out: Vec<_> =
            adoption.left_out.iter().map(|line| format!("{} {}", line.file, line.field)).collect();
        assert_eq!(left_out, ["contact.graphql company { name }", "ticket.graphql isActive"]);
        assert_eq!(check(&schema(&sdl), &schema(&sdl), &all), []);
        let again = adopt(&schema(&sdl), &schema(KNOWN), &all);
        assert_eq!(again.changed, [], "a second adoption changes nothing");
    }

    #[test]
    fn what_cannot_be_mapped_says_which_action_it_disables() {
        let (adoption, _) = adopted(&changed(&[
            ("ticketUpdate(ticket", "dealSave(ticket"),
            ("  idStage: ID   ", "  stage: ID   "),
        ]));
        let report: Vec<_> = adoption
            .unmapped
            .iter()
            .map(|one| format!("{} ({})", one.mismatch.expected, one.disables))
            .collect();
        assert_eq!(
            report,
            [
                "`Ticket.idStage` (everything: no ticket can be read)",
                "`Mutation.ticketUpdate` (every action that changes a ticket)",
            ]
        );
    }

    #[test]
    fn a_type_of_tickets_with_another_name_is_found() {
        let (adoption, all) =
            adopted(&KNOWN.replace("type Ticket {", "type Deal {").replace("): Ticket\n", "): Deal\n"));
        assert!(text(&all, "ticket.graphql").contains("fragment TicketFields on Deal {"));
        assert_eq!(adoption.unmapped, []);
    }
}
