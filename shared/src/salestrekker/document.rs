//! The documents that are sent. Each stands in a `.graphql` file; only the aliases of a batch are put together here.

use std::fmt::Write as _;

pub(super) const AUTHENTICATE: &str = include_str!("documents/authenticate.graphql");
pub(super) const LABELS: &str = include_str!("documents/labels.graphql");
pub(super) const WORKFLOWS_SEARCH: &str = include_str!("documents/workflows_search.graphql");
pub(super) const TICKET_CREATE: &str = include_str!("documents/ticket_create.graphql");
pub(super) const TICKET_UPDATE: &str = include_str!("documents/ticket_update.graphql");

const TICKET_FIELDS: &str = include_str!("documents/ticket_fields.graphql");
const WORKFLOW_FIELDS: &str = include_str!("documents/workflow_fields.graphql");

/// One query for this many tickets: `a0` to `a{n-1}` for the variables `id0` to `id{n-1}`.
pub(super) fn tickets(count: usize) -> String {
    aliased("Tickets", "ticket", "TicketFields", TICKET_FIELDS, count)
}

/// One query for this many workflows, named as in [`tickets`].
pub(super) fn workflows(count: usize) -> String {
    aliased("Workflows", "workflow", "WorkflowFields", WORKFLOW_FIELDS, count)
}

/// The alias of the answer at this place, which is also where an error's `path` begins.
pub(super) fn alias(position: usize) -> String {
    format!("a{position}")
}

/// The variable of the id at this place.
pub(super) fn variable(position: usize) -> String {
    format!("id{position}")
}

fn aliased(operation: &str, field: &str, fragment_name: &str, fragment: &str, count: usize) -> String {
    let mut document = format!("query {operation}(");
    for position in 0..count {
        let _ = write!(document, "${}: ID! ", variable(position));
    }
    document.push_str(") {\n");
    for position in 0..count {
        let (alias, variable) = (alias(position), variable(position));
        let _ = writeln!(document, "  {alias}: {field}(id: ${variable}) {{ ...{fragment_name} }}");
    }
    document.push_str("}\n");
    document.push_str(fragment);
    document
}

#[cfg(test)]
mod tests {
    use apollo_compiler::{ExecutableDocument, Schema};

    #[test]
    fn every_document_fits_the_schema() {
        // The reconstruction names custom scalars without a specification, which is fine for the validator.
        let schema = Schema::parse_and_validate(
            include_str!("../../schema/salestrekker.graphql"),
            "salestrekker.graphql",
        )
        .unwrap_or_else(|error| panic!("{error}"));
        let documents = [
            ("authenticate", super::AUTHENTICATE.to_owned()),
            ("labels", super::LABELS.to_owned()),
            ("workflows_search", super::WORKFLOWS_SEARCH.to_owned()),
            ("ticket_create", super::TICKET_CREATE.to_owned()),
            ("ticket_update", super::TICKET_UPDATE.to_owned()),
            ("one ticket", super::tickets(1)),
            ("25 tickets", super::tickets(25)),
            ("3 workflows", super::workflows(3)),
        ];
        for (name, document) in documents {
            ExecutableDocument::parse_and_validate(&schema, document, name)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
