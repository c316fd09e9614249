//! Fields that no public source shows. If the vendor's schema lacks one, it is left out and the rest is still read.
//!
//! In a document, such a field has a line of its own, which ends with `# inferred`.

use super::Error;
use crate::id::OrganisationId;
use crate::telemetry::EventName;
use crate::telemetry::metric::{self, Metric};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// The comment that ends the line of an inferred field.
pub(super) const MARK: &str = "# inferred";

/// The lines that each organisation's API rejected, for the life of this process: the hosts of aggregators may differ.
#[derive(Debug, Default)]
pub(super) struct DroppedFields(Mutex<HashMap<OrganisationId, BTreeSet<String>>>);

impl DroppedFields {
    /// The names of the fields that are left out for an organisation, each with its parts.
    pub(super) fn of(&self, organisation: &OrganisationId) -> BTreeSet<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(organisation).cloned().unwrap_or_default()
    }

    /// Remembers the inferred fields of this document that an error names. Whether there are any: then the request can be sent
    /// again without them.
    pub(super) fn learn(&self, organisation: &OrganisationId, document: &str, error: &Error) -> bool {
        let rejected = rejected_fields(document, error);
        // Another request may have learned it meanwhile.
        self.drop(organisation, &rejected);
        !rejected.is_empty()
    }

    /// Remembers these fields.
    pub(super) fn drop(&self, organisation: &OrganisationId, fields: &[String]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(organisation.clone()).or_default();
        let is_new = |field: &&String| !known.contains(*field);
        let new: Vec<String> = fields.iter().filter(is_new).cloned().collect();
        for field in &new {
            metric::record(Metric::FieldsDropped, 1);
            tracing::warn!(
                event_name = EventName::FieldDropped.as_str(),
                organisation = organisation.as_str(),
                field,
                "Salestrekker's schema lacks a field that was inferred; it is left out of requests"
            );
        }
        known.extend(new);
    }
}

/// The text without these inferred fields.
pub(super) fn without(text: &str, fields: &BTreeSet<String>) -> String {
    let stays = |line: &&str| inferred(line).is_none_or(|field| !fields.contains(field));
    text.lines().filter(stays).flat_map(|line| [line, "\n"]).collect()
}

/// The inferred fields of a text that an error names: by its lines, or if it has none of theirs, by its words, which may be
/// common ones such as `type`.
pub(super) fn rejected_fields(text: &str, error: &Error) -> Vec<String> {
    let Error::Rejected { messages, lines, .. } = error else { return Vec::new() };
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> =
        messages.reveal().iter().flat_map(|text| text.split(|c| !is_word(c))).collect();
    let has_word =
        |field: &str| field.split(|c| !is_word(c)).any(|word| words.contains(word) && !word.is_empty());
    let fields = (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, inferred(line)?)));
    let fields: Vec<(usize, &str)> = fields.collect();
    let by_line: Vec<String> = fields
        .iter()
        .filter(|(number, _)| lines.contains(number))
        .map(|(_, field)| (*field).to_owned())
        .collect();
    if !by_line.is_empty() {
        return by_line;
    }
    fields.into_iter().filter(|(_, field)| has_word(field)).map(|(_, field)| field.to_owned()).collect()
}

/// The field of a line that ends with the mark, with its parts.
pub(super) fn inferred(line: &str) -> Option<&str> {
    Some(line.trim_end().strip_suffix(MARK)?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::private::Private;

    fn rejected(message: &str, lines: &[usize]) -> Error {
        Error::Rejected {
            messages: Private::new(vec![message.to_owned()]),
            lines: lines.to_vec(),
            is_final: false,
        }
    }

    const TEXT: &str = "query {\n  id\n  isActive  # inferred\n  company { name }  # inferred\n  name\n}\n";

    #[test]
    fn an_inferred_field_is_dropped_by_its_name_or_its_line_and_no_other_field_ever() {
        let of = |message, lines: &[usize]| rejected_fields(TEXT, &rejected(message, lines));
        assert_eq!(of("Cannot query field \"isActive\" on type \"Ticket\".", &[]), ["isActive"]);
        assert_eq!(of("Unknown field 'company' on type 'Contact'", &[]), ["company { name }"]);
        assert_eq!(of("Cannot query field \"name\" on type \"Company\".", &[]), ["company { name }"]);
        assert_eq!(of("Feld unbekannt", &[3]), ["isActive"]);
        assert_eq!(of("Cannot query field \"isActive\" on a company", &[3]), ["isActive"]);
        assert_eq!(of("isActive, company", &[]), ["isActive", "company { name }"]);
        for other in ["Cannot query field \"id\" on type \"Ticket\".", "isActiveAgain", "", "id isActive2"] {
            assert_eq!(of(other, &[1, 2]), [""; 0], "{other}");
        }
        assert_eq!(rejected_fields(TEXT, &Error::CredentialRefused), [""; 0]);
        assert_eq!(
            without(TEXT, &["isActive".to_owned()].into()),
            TEXT.replace("  isActive  # inferred\n", "")
        );
    }
}
