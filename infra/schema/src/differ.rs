//! Fields that exist in both schemas, with a type that the code which reads the response does not accept.

use crate::mismatch::Mismatch;
use apollo_compiler::ast::Type;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use std::path::Path;

/// The fields of the document whose type in `schema` is incompatible with the schema that the document was validated with.
pub(crate) fn different_types(
    schema: &Schema,
    document: &Valid<ExecutableDocument>,
    file: &Path,
) -> Vec<Mismatch> {
    let mut comparison = Comparison { schema, document, file, found: Vec::new() };
    for operation in document.operations.iter() {
        if let Some(root) = schema.root_operation(operation.operation_type) {
            comparison.set(&operation.selection_set, root.as_str());
        }
    }
    comparison.found.dedup();
    comparison.found
}

struct Comparison<'a> {
    schema: &'a Schema,
    document: &'a ExecutableDocument,
    file: &'a Path,
    found: Vec<Mismatch>,
}

impl Comparison<'_> {
    /// Compares a selection set; `owner` is the type in the other schema that it selects from.
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
        if !accepts(known, theirs, field.selection_set.is_empty()) {
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

/// Whether code that reads `known` accepts `theirs` too: both are lists or neither is, non-null stays non-null, and a leaf has
/// the same kind of JSON. The name of an object type does not matter.
fn accepts(known: &Type, theirs: &Type, is_leaf: bool) -> bool {
    if known.is_non_null() && !theirs.is_non_null() {
        return false;
    }
    match (known.is_list(), theirs.is_list()) {
        (true, true) => accepts(known.item_type(), theirs.item_type(), is_leaf),
        (false, false) => !is_leaf || is_same_leaf(known.inner_named_type(), theirs.inner_named_type()),
        _ => false,
    }
}

fn is_same_leaf(known: &str, theirs: &str) -> bool {
    let text = ["ID", "String"];
    // Custom scalars and enums are read as text. A time is stored as received, whatever its type.
    let is_custom = |name: &str| !["ID", "String", "Int", "Float", "Boolean"].contains(&name);
    known == theirs
        || (known == "Float" && theirs == "Int")
        || known == "UnverifiedTime"
        || (text.contains(&known) && (text.contains(&theirs) || is_custom(theirs)))
}
