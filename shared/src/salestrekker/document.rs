//! The GraphQL documents that are sent. Each is in a `.graphql` file, with its source. If the vendor's schema
//! spells a name differently, only that file changes: every document calls its one field `result` and takes
//! each input as a variable, which `mutation.rs` writes into the text if the document does not declare it.

use super::{inferred, own_fields};
use crate::model::ticket_fields::TicketFields;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A GraphQL document with one operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Document(Cow<'static, str>);

macro_rules! documents {
    ($($name:ident: $file:literal,)*) => {
        $(pub(super) const $name: Document = Document(Cow::Borrowed(include_str!(concat!("documents/", $file))));)*

        #[cfg(test)]
        const ALL: &[(&str, Document)] = &[$(($file, $name),)*];
    };
}

documents! {
    AUTHENTICATE: "authenticate.graphql",
    AUTHENTICATE_USER: "authenticate_user.graphql",
    AUTHENTICATE_ELSEWHERE: "authenticate_elsewhere.graphql",
    ORGANIZATIONS: "organizations.graphql",
    WORKFLOWS: "workflows.graphql",
    WORKFLOWS_SEARCH: "workflows_search.graphql",
    WORKFLOW: "workflow.graphql",
    LABELS: "labels.graphql",
    TICKET: "ticket.graphql",
    TICKET_EXTRAS: "ticket_extras.graphql",
    TICKET_CREATE: "ticket_create.graphql",
    TICKET_UPDATE: "ticket_update.graphql",
    CONTACT: "contact.graphql",
    CONTACT_CREATE_PERSON: "contact_create_person.graphql",
    INTROSPECTION: "introspection.graphql",
    CONTACT_CREATE_COMPANY: "contact_create_company.graphql",
}

impl Document {
    /// A document that a handler supplies.
    pub(super) fn of_handler(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The text that is sent.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The same document without these inferred fields.
    pub(super) fn without(&self, fields: &BTreeSet<String>) -> Self {
        Self(Cow::Owned(inferred::without(&self.0, fields)))
    }

    /// The same query of tickets, which reads these fields too.
    pub(super) fn with_fields(&self, fields: &TicketFields) -> Self {
        Self(Cow::Owned(own_fields::with_lines(&self.0, fields)))
    }

    /// The same query for `count` ids: aliases `a0` to `a{n-1}` for the variables `id0` to `id{n-1}`. In the
    /// file, the line that begins with `query` declares only `$id: ID!`, and the line that begins with
    /// `result:` is the field.
    pub(super) fn batch(&self, count: usize) -> Self {
        let mut text = String::new();
        for line in self.0.lines() {
            if line.starts_with("query ") {
                let variables = (0..count).fold(String::new(), |mut all, position| {
                    let _ = write!(all, "${}: ID! ", variable(position));
                    all
                });
                let _ = writeln!(text, "{}", line.replace("$id: ID!", variables.trim_end()));
            } else if let Some(field) = line.trim_start().strip_prefix("result:") {
                for position in 0..count {
                    let field = field.replace("$id", &format!("${}", variable(position)));
                    let _ = writeln!(text, "  {}:{field}", alias(position));
                }
            } else if !line.starts_with('#') {
                let _ = writeln!(text, "{line}");
            }
        }
        Self(Cow::Owned(text))
    }
}

/// The alias of the result at this position; an error's `path` begins with it.
pub(super) fn alias(position: usize) -> String {
    format!("a{position}")
}

/// The variable of the id at this position.
pub(super) fn variable(position: usize) -> String {
    format!("id{position}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salestrekker::mutation::{Missing, fill, inline_variables};
    use apollo_compiler::validation::Valid;
    use apollo_compiler::{ExecutableDocument, Schema};
    use serde_json::json;

    fn check(schema: &Valid<Schema>, name: &str, document: &Document) {
        ExecutableDocument::parse_and_validate(schema, document.text(), name)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    #[test]
    fn every_document_fits_the_schema_alone_and_in_a_batch() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
        // As `automations schema adopt` leaves it.
        let files = ["adopted.graphql", "salestrekker.graphql"].map(|file| folder.join(file));
        let file = files.iter().find(|file| file.is_file()).unwrap();
        let schema = Schema::parse(std::fs::read_to_string(file).unwrap(), file).unwrap();
        let schema = Valid::assume_valid(schema);
        let values = json!({
            "id": "t", "idOwner": "o", "idWorkflow": "w", "idStage": "s", "isActive": true, "name": "n", "onceOff": 1.5,
            "ticketClientTypes": [{ "idContact": "c", "idLabel": "l" }], "values": { "onceOff": 0 },
        });
        for (name, document) in ALL {
            if inline_variables(document.text()).is_empty() {
                check(&schema, name, document);
            } else {
                let filled = fill(document, values.as_object().unwrap(), Missing::LeftOut).unwrap();
                check(&schema, name, &filled.document);
            }
        }
        for document in [TICKET, CONTACT, WORKFLOW, TICKET_EXTRAS] {
            for count in [1, 2, 25] {
                let batch = document.batch(count);
                check(&schema, "batch", &batch);
                assert_eq!(batch.text().matches(": ID!").count(), count);
                assert!(batch.text().contains(&format!("  a{}: ", count - 1)), "{}", batch.text());
            }
        }
    }

    #[test]
    fn every_document_calls_its_field_result_and_is_used() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/salestrekker/documents");
        let files: BTreeSet<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(files, ALL.iter().map(|(name, _)| (*name).to_owned()).collect());
        for (name, document) in ALL {
            assert_eq!(document.text().matches("\n  result: ").count(), 1, "{name}");
        }
    }

    /// A client drops one after the other if each error names one only.
    #[test]
    fn every_document_is_valid_against_a_schema_without_any_of_its_inferred_fields() {
        let sdl = include_str!("../../schema/salestrekker.graphql");
        let schema = Schema::parse_and_validate(sdl, "salestrekker.graphql").unwrap();
        for (document, number) in [(TICKET, 1), (CONTACT, 13), (TICKET_EXTRAS, 3)] {
            let document = document.batch(2);
            let fields: BTreeSet<String> =
                document.text().lines().filter_map(inferred::inferred).map(str::to_owned).collect();
            assert_eq!(fields.len(), number, "{fields:?}");
            for drop in fields.iter().map(|field| BTreeSet::from([field.clone()])).chain([fields.clone()]) {
                let left = inferred::without(document.text(), &drop);
                check(&schema, &format!("without {drop:?}"), &Document::of_handler(left));
            }
        }
    }
}
