//! The fields of a ticket that are read beside the typed ones: the template's parameter `TicketFields`.

use crate::id::FieldName;
use std::collections::BTreeSet;
use std::str::FromStr;

/// With texts of 200 characters, a snapshot stays far below what DynamoDB and SNS accept.
const MAX_FIELDS: usize = 20;
const MAX_PARTS: usize = 4;

/// Fields, each with a name of its own. As text, entries separated by commas: `[NAME=]PATH[:date][:private]`, with the last part
/// of the path as name if there is none.
///
/// ```
/// use automations::model::ticket_fields::TicketFields;
///
/// let fields: TicketFields = "settlement=values.onceOffDueDate:date, lenderName, notes=description:private".parse()?;
/// assert_eq!(fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["settlement", "lenderName", "notes"]);
/// assert!("".parse::<TicketFields>()?.is_empty());
/// let error = "lenderName, x=values..due".parse::<TicketFields>().unwrap_err();
/// assert_eq!(error.to_string(), "entry 2: its path is not 1 to 4 names of Salestrekker's fields joined by dots");
/// # Ok::<(), automations::model::ticket_fields::InvalidTicketFields>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFields(Vec<TicketField>);

/// A field of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketField {
    /// Its name in `ticket.fields`.
    pub name: FieldName,
    /// The names from the ticket to the field, such as `values` and `onceOffDueDate`: 1 to 4.
    pub path: Vec<String>,
    /// What its value is.
    pub kind: FieldKind,
    /// Whether its value must not be stored or published: then only its change is.
    pub is_private: bool,
}

/// What the value of a field is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FieldKind {
    /// A text, a number, or a yes or no, as received.
    #[default]
    AsReceived,
    /// A date.
    Date,
}

/// The text is not a list of fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry}: {fault}")]
pub struct InvalidTicketFields {
    /// The number of the entry, starting at 1.
    pub entry: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with an entry. It does not quote the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There are more than 20.
    #[error("there are more than 20 fields")]
    TooMany,
    /// The name has characters that it must not have.
    #[error("its name is not 1 to 40 of A-Z, a-z, 0-9 and _, beginning with A-Z or a-z")]
    Name,
    /// Another entry has this name.
    #[error("another entry has its name; write NAME=PATH to choose one")]
    Repeated,
    /// The path is not one.
    #[error("its path is not 1 to 4 names of Salestrekker's fields joined by dots")]
    Path,
    /// What follows a colon is not an option.
    #[error("what follows a colon is neither `date` nor `private`, or is there twice")]
    Option,
}

impl TicketFields {
    /// The fields, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &TicketField> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for TicketFields {
    type Err = InvalidTicketFields;

    fn from_str(text: &str) -> Result<Self, InvalidTicketFields> {
        let mut names = BTreeSet::new();
        let mut fields = Vec::new();
        let entries = text.split(',').filter(|_| !text.trim().is_empty());
        for (entry, text) in (1..).zip(entries) {
            let at = |fault| InvalidTicketFields { entry, fault };
            let field = field(text.trim()).map_err(at)?;
            if entry > MAX_FIELDS {
                return Err(at(Fault::TooMany));
            }
            if !names.insert(field.name.clone()) {
                return Err(at(Fault::Repeated));
            }
            fields.push(field);
        }
        Ok(Self(fields))
    }
}

fn field(text: &str) -> Result<TicketField, Fault> {
    let mut parts = text.split(':').map(str::trim);
    let head = parts.next().unwrap_or_default();
    let (mut kind, mut is_private) = (FieldKind::AsReceived, false);
    for option in parts {
        match option {
            "date" if kind == FieldKind::AsReceived => kind = FieldKind::Date,
            "private" if !is_private => is_private = true,
            _ => return Err(Fault::Option),
        }
    }
    let (name, path) = match head.split_once('=') {
        Some((name, path)) => (Some(name.trim()), path.trim()),
        None => (None, head),
    };
    let path: Vec<String> = path.split('.').map(str::to_owned).collect();
    if path.len() > MAX_PARTS || !path.iter().all(|part| is_field_name(part)) {
        return Err(Fault::Path);
    }
    let name = name.or(path.last().map(String::as_str)).unwrap_or_default();
    let name = FieldName::parse(name).map_err(|_invalid| Fault::Name)?;
    Ok(TicketField { name, path, kind, is_private })
}

/// A name as GraphQL has it, but it does not begin with an underscore: a name that begins with two underscores is the schema's own.
fn is_field_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fault(text: &str) -> (usize, Fault) {
        let error = text.parse::<TicketFields>().unwrap_err();
        (error.entry, error.fault)
    }

    #[test]
    fn each_entry_says_name_path_kind_and_whether_it_is_private() {
        let fields: TicketFields =
            "settlement = values.onceOffDueDate:date , born=dob:private:date,color".parse().unwrap();
        let field = |name: &str, path: &[&str], kind, is_private| TicketField {
            name: FieldName::parse(name).unwrap(),
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            kind,
            is_private,
        };
        let expected = [
            field("settlement", &["values", "onceOffDueDate"], FieldKind::Date, false),
            field("born", &["dob"], FieldKind::Date, true),
            field("color", &["color"], FieldKind::AsReceived, false),
        ];
        assert_eq!(fields.iter().cloned().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_error_names_the_entry_and_its_fault_and_quotes_nothing() {
        for (text, expected) in [
            (",", (1, Fault::Path)),
            ("a,", (2, Fault::Path)),
            ("a,b.c.d.e.f", (2, Fault::Path)),
            ("a.__typename", (1, Fault::Path)),
            ("x=a { b }", (1, Fault::Path)),
            ("a(id: 1)", (1, Fault::Option)),
            ("a:text", (1, Fault::Option)),
            ("a:date:date", (1, Fault::Option)),
            ("a:", (1, Fault::Option)),
            ("=a", (1, Fault::Name)),
            ("1a=a", (1, Fault::Name)),
            ("a-b=a", (1, Fault::Name)),
            ("values.due,due", (2, Fault::Repeated)),
        ] {
            assert_eq!(fault(text), expected, "{text}");
        }
        let many = |count: usize| (0..count).map(|number| format!("f{number}")).collect::<Vec<_>>().join(",");
        assert_eq!(fault(&many(21)), (21, Fault::TooMany));
        assert_eq!(many(20).parse::<TicketFields>().unwrap().iter().count(), 20);
        assert_eq!(fault(&format!("{}=a", "n".repeat(41))), (1, Fault::Name));
        let error = "secret-looking".parse::<TicketFields>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_fields_whose_paths_are_safe_in_a_document_or_an_error(text in "[a-c_.=:, {}#0-9\n]{0,30}|.*") {
            if let Ok(fields) = text.parse::<TicketFields>() {
                for part in fields.iter().flat_map(|field| &field.path) {
                    prop_assert!(part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
                }
            }
        }
    }
}
