//! Fields that are there in both schemas, but not of the type that the code behind a document reads.

use crate::check::Mismatch;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use std::path::Path;

/// Where a field that the document selects is of another type in `schema` than in the one that it was validated for.
pub(crate) fn different_types(
    schema: &Schema,
    document: &Valid<ExecutableDocument>,
    file: &Path,
) -> Vec<Mismatch> {
    let mut walk = Walk { schema, document, file, found: Vec::new() };
    for operation in document.operations.iter() {
        if let Some(root) = schema.root_operation(operation.operation_type) {
            walk.set(&operation.selection_set, root.as_str());
        }
    }
    walk.found.dedup();
    walk.found
}

struct Walk<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    file: &'a Path,
    found: Vec<Mismatch>,
}

impl Walk<'_> {
    /// `owner` is the type that these selections are made on in the other schema.
    fn set(&mut self, set: &SelectionSet, owner: &str) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => self.field(field, owner),
                Selection::InlineFragment(fragment) => self.set(&fragment.selection_set, owner),
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.document.fragments.get(&spread.fragment_name) {
                        self.set(&fragment.selection_set, owner);
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &Field, owner: &str) {
        let Ok(theirs) = self.schema.type_field(owner, &field.name) else { return };
        let (known, theirs) = (&field.definition.ty, &theirs.ty);
        if !reads(known, theirs, field.selection_set.is_empty()) {
            let location = field.name.line_column_range(&self.document.sources);
            self.found.push(Mismatch {
                file: self.file.to_owned(),
                line: location.map_or(1, |range| range.start.line),
                expected: format!("`{owner}.{}: {known}`", field.name),
                found: format!("`{theirs}`"),
                nearest: None,
            });
        }
        self.set(&field.selection_set, theirs.inner_named_type().as_str());
    }
}

/// Whether code that reads `known` reads `theirs` too: never null where it was never null, a list where there was one,
/// and of a leaf the same kind of JSON. What an object is called does not matter.
fn reads(known: &Type, theirs: &Type, is_leaf: bool) -> bool {
    if known.is_non_null() && !theirs.is_non_null() {
        return false;
    }
    match (known.is_list(), theirs.is_list()) {
        (true, true) => reads(known.item_type(), theirs.item_type(), is_leaf),
        (false, false) => !is_leaf || is_same_leaf(known.inner_named_type(), theirs.inner_named_type()),
        _ => false,
    }
}

fn is_same_leaf(known: &str, theirs: &str) -> bool {
    let text = ["ID", "String"];
    // A scalar of the vendor's own, a list of words: read as text. A time is kept as received, whatever it is.
    let is_own = |name: &str| !["ID", "String", "Int", "Float", "Boolean"].contains(&name);
    known == theirs
        || (known == "Float" && theirs == "Int")
        || known == "UnverifiedTime"
        || (text.contains(&known) && (text.contains(&theirs) || is_own(theirs)))
}
