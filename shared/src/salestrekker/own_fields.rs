//! The fields that the template's parameter `TicketFields` names: what a request says to read them, and what a response has of
//! them. Each has a line of its own, marked as inferred, so that one that the vendor's schema lacks is left out.

use super::inferred::MARK;
use super::response::INTERNAL_ERROR;
use super::{Error, FullTicket, Lookup};
use crate::id::{FieldName, OrganisationId, TicketId};
use crate::model::date::Date;
use crate::model::field_changes;
use crate::model::field_value::FieldValue;
use crate::model::snapshot::UnreadFields;
use crate::model::ticket_fields::{FieldKind, TicketField, TicketFields};
use crate::telemetry::EventName;
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest text of a field that is stored.
const MAX_CHARACTERS: usize = 200;

/// What a response has of the fields.
#[derive(Debug, Default, PartialEq)]
pub(super) struct OwnFields {
    pub(super) values: BTreeMap<FieldName, Option<FieldValue>>,
    /// Digests of private fields.
    pub(super) private: BTreeMap<FieldName, String>,
    pub(super) unread: UnreadFields,
    /// Those that have a value of another kind than `TicketFields` says.
    pub(super) unreadable: Vec<FieldName>,
}

impl OwnFields {
    /// The fields of this ticket.
    pub(super) fn of(ticket: &FullTicket, fields: &TicketFields) -> Self {
        let mut all = Self::default();
        for field in fields.iter() {
            let name = field.name.clone();
            let Some(value) = ticket.rest.reveal().get(&alias(field)) else {
                let unread = if field.is_private { &mut all.unread.private } else { &mut all.unread.public };
                unread.insert(name);
                continue;
            };
            let value = at(value, &field.path);
            let value = value.map_or(Some(FieldValue::Unreadable), |value| parsed(value, field));
            if value == Some(FieldValue::Unreadable) {
                all.unreadable.push(name.clone());
            }
            if field.is_private {
                let text = value.map(Value::from).unwrap_or_default().to_string();
                all.private.insert(name, field_changes::digest(&ticket.id, &field.name, &text));
            } else {
                all.values.insert(name, value);
            }
        }
        all
    }
}

/// The text of a document with a line for each field, in its fragment on tickets.
pub(super) fn with_lines(document: &str, fields: &TicketFields) -> String {
    let mut text = String::new();
    for line in document.lines() {
        text.extend([line, "\n"]);
        // Whatever the type is called: `automations schema adopt` writes the real name.
        if line.starts_with("fragment TicketFields on ") {
            text.extend(fields.iter().map(|field| format!("  {}  {MARK}\n", self::line(field))));
        }
    }
    text
}

/// What was found with the fields, with what is found without them in place of each failure, and whether the fields are why
/// none of several tickets was found.
///
/// # Errors
/// That of a whole request which the fields did not cause.
pub(super) async fn or_without<T>(
    ids: &[TicketId],
    found: Result<Vec<Lookup<T>>, Error>,
    without: impl AsyncFnOnce(Vec<TicketId>) -> Result<Vec<Lookup<T>>, Error>,
) -> Result<(Vec<Lookup<T>>, bool), Error> {
    let mut found = match found {
        Err(Error::InvalidResponse { .. } | Error::Unavailable { why: INTERNAL_ERROR }) => {
            return Ok((without(ids.to_vec()).await?, false));
        }
        found => found?,
    };
    // An error of a field may be that of its whole ticket, or make it null.
    let failed = ids.iter().zip(&mut found).filter(|(_, found)| !matches!(found, Ok(Some(_))));
    let (failed_ids, failed): (Vec<TicketId>, Vec<&mut Lookup<T>>) =
        failed.map(|(id, found)| (id.clone(), found)).unzip();
    if failed_ids.is_empty() {
        return Ok((found, false));
    }
    // Of a single ticket, it may be its own value that the API cannot return.
    let are_several = failed_ids.len() > 1 && failed_ids.len() == ids.len();
    let second = without(failed_ids).await?;
    let is_rejected = are_several && second.iter().all(|found| matches!(found, Ok(Some(_))));
    for (failed, second) in failed.into_iter().zip(second) {
        *failed = second;
    }
    Ok((found, is_rejected))
}

/// Logs how many tickets have a value that cannot be read, for each field that has one; never the value.
pub(super) fn report<'a>(organisation: &OrganisationId, fields: impl IntoIterator<Item = &'a OwnFields>) {
    let mut tickets: BTreeMap<&str, u32> = BTreeMap::new();
    for field in fields.into_iter().flat_map(|fields| &fields.unreadable) {
        let count = tickets.entry(field.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    for (field, tickets) in tickets {
        tracing::warn!(
            event_name = EventName::FieldUnreadable.as_str(),
            organisation = organisation.as_str(),
            field,
            tickets,
            "a field of TicketFields has a value of another kind; it is unreadable"
        );
    }
}

/// `field_settlement: values { onceOffDueDate }`: with an alias, so that the field is apart from what is read of the ticket
/// anyway, and may be a part of it.
pub(super) fn line(field: &TicketField) -> String {
    let path = field.path.join(" { ");
    format!("{}: {path}{}", alias(field), " }".repeat(field.path.len().saturating_sub(1)))
}

fn alias(field: &TicketField) -> String {
    format!("field_{}", field.name)
}

/// The value at the end of a path, of which the first part was read; none if something on the way is neither an object nor null.
fn at<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().skip(1).try_fold(value, |value, part| match value {
        Value::Object(fields) => Some(fields.get(part).unwrap_or(&Value::Null)),
        Value::Null => Some(value),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    })
}

/// The value of a field; none if it is empty.
fn parsed(value: &Value, field: &TicketField) -> Option<FieldValue> {
    if value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return None;
    }
    let is_too_long = || value.as_str().is_some_and(|text| text.chars().count() > MAX_CHARACTERS);
    Some(match field.kind {
        FieldKind::Date => Date::of_received(value).map_or(FieldValue::Unreadable, FieldValue::Date),
        // Of a private text a digest is stored, so that it may be long.
        FieldKind::AsReceived if !field.is_private && is_too_long() => FieldValue::Unreadable,
        FieldKind::AsReceived => FieldValue::from(value.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salestrekker::document::TICKET;
    use apollo_compiler::{ExecutableDocument, Schema};
    use serde_json::json;

    fn ticket(rest: &Value) -> FullTicket {
        let mut ticket = json!({ "id": "t-1", "idStage": "s", "values": { "onceOff": 1 } });
        ticket.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        serde_json::from_value(ticket).unwrap()
    }

    fn read(parameter: &str, rest: &Value) -> (Value, OwnFields) {
        let fields = OwnFields::of(&ticket(rest), &parameter.parse().unwrap());
        (serde_json::to_value(&fields.values).unwrap(), fields)
    }

    #[test]
    fn the_fields_are_read_too_if_the_vendors_type_of_a_ticket_has_another_name() {
        let fields = "color".parse().unwrap();
        let adopted = TICKET.text().replace(" on Ticket {", " on Deal {");
        for document in [TICKET.text(), adopted.as_str()] {
            assert_eq!(
                with_lines(document, &fields).matches("  field_color: color  # inferred\n").count(),
                1
            );
        }
    }

    const PARAMETER: &str = "settlement=values.onceOffDueDate:date, color, notes=description:private";

    #[test]
    fn each_field_is_read_where_its_path_ends() {
        let rest = json!({
            "field_settlement": { "onceOffDueDate": 1_795_564_800 }, "field_color": "red", "field_notes": "Jane Citizen",
        });
        let (values, fields) = read(PARAMETER, &rest);
        assert_eq!(values, json!({ "settlement": "2026-11-25", "color": "red" }));
        assert_eq!(fields.unread, UnreadFields::default());
        assert!(!format!("{fields:?}").contains("Jane"), "{fields:?}");
        assert_eq!(fields.private.len(), 1);
    }

    #[test]
    fn an_empty_field_is_null_and_one_that_the_response_lacks_was_not_read() {
        let (values, fields) = read(PARAMETER, &json!({ "field_settlement": null, "field_color": " " }));
        assert_eq!(values, json!({ "settlement": null, "color": null }));
        assert_eq!(fields.unread.private.len(), 1);
        assert!(fields.unread.public.is_empty() && fields.unreadable.is_empty());
    }

    #[test]
    fn what_is_not_a_scalar_or_not_a_date_or_too_long_is_unreadable() {
        let long = "x".repeat(201);
        for (parameter, value, is_readable) in [
            ("x=a", json!([1]), false),
            ("x=a", json!({ "b": 1 }), false),
            ("x=a.b", json!([{ "b": 1 }]), false),
            ("x=a.b", json!({ "b": [] }), false),
            ("x=a:date", json!("soon"), false),
            ("x=a:date", json!("2026-11-25"), true),
            ("x=a", json!(long), false),
            ("x=a", json!(long[1..]), true),
            ("x=a:private", json!(long), true),
            ("x=a:private", json!([long]), false),
        ] {
            let (_, fields) = read(parameter, &json!({ "field_x": value }));
            assert_eq!(fields.unreadable.is_empty(), is_readable, "{parameter} {value}");
        }
        let (values, _) = read("x=a", &json!({ "field_x": [1] }));
        assert_eq!(values, json!({ "x": { "unreadable": true } }));
    }

    #[test]
    fn two_values_of_a_private_field_have_two_digests() {
        let digest = |value: Value| read("x=a:private", &json!({ "field_x": value })).1.private;
        assert_ne!(digest(json!("one")), digest(json!("two")));
        assert_ne!(digest(json!("1")), digest(json!(1)));
        assert_eq!(digest(json!(1)), digest(json!(1.0)));
    }

    type Found = Vec<Lookup<u8>>;

    fn rejected() -> Error {
        Error::Rejected { messages: crate::private::Private::default(), lines: Vec::new(), is_final: true }
    }

    /// The tickets `t-0`, `t-1` and so on, as they were found with and without fields: what is found, whether the fields are dropped,
    /// and which tickets were read twice.
    async fn read_twice(
        with: Result<Found, Error>,
        without: Found,
    ) -> Result<(Vec<Option<u8>>, bool, usize), Error> {
        let ids: Vec<TicketId> =
            (0..without.len()).map(|number| format!("t-{number}").parse().unwrap()).collect();
        let mut twice = 0;
        let (found, is_rejected) = or_without(&ids, with, async |failed| {
            twice = failed.len();
            let is_failed = |id: &TicketId| failed.contains(id);
            Ok(ids.iter().zip(without).filter(|(id, _)| is_failed(id)).map(|(_, found)| found).collect())
        })
        .await?;
        Ok((found.into_iter().map(|found| found.ok().flatten()).collect(), is_rejected, twice))
    }

    #[tokio::test]
    async fn a_ticket_that_cannot_be_read_with_the_fields_is_read_without_them() {
        let all = || vec![Ok(Some(0)), Ok(Some(1))];
        let read = read_twice(Ok(vec![Ok(Some(9)), Err(rejected())]), all()).await.unwrap();
        assert_eq!(read, (vec![Some(9), Some(1)], false, 1));
        // A field may make its ticket null, with an error that says `NOT_FOUND`.
        let read = read_twice(Ok(vec![Ok(None), Ok(Some(9))]), all()).await.unwrap();
        assert_eq!(read, (vec![Some(0), Some(9)], false, 1));
        let read = read_twice(Ok(vec![Err(rejected()), Err(rejected())]), all()).await.unwrap();
        assert_eq!(read, (vec![Some(0), Some(1)], true, 2), "the fields are dropped");
        let read = read_twice(Ok(vec![Err(rejected())]), vec![Ok(Some(0))]).await.unwrap();
        assert_eq!(read, (vec![Some(0)], false, 1), "it may be this ticket's value");
        let gone = read_twice(Ok(vec![Ok(None), Ok(None)]), vec![Ok(None), Ok(None)]).await.unwrap();
        assert_eq!(gone, (vec![None, None], false, 2));
        for error in
            [Error::InvalidResponse { at: String::new() }, Error::Unavailable { why: INTERNAL_ERROR }]
        {
            assert_eq!(read_twice(Err(error), all()).await.unwrap(), (vec![Some(0), Some(1)], false, 2));
        }
        for error in [Error::CredentialRefused, Error::Unavailable { why: "HTTP status 503" }] {
            assert!(read_twice(Err(error), all()).await.is_err());
        }
    }

    /// The same with a field that the document reads anyway, and in a batch.
    #[test]
    fn the_document_with_fields_is_valid_where_the_schema_has_them() {
        let sdl = include_str!("../../schema/salestrekker.graphql");
        let sdl = sdl.replace("type TicketValues {", "type TicketValues {\n  onceOffDueDate: String");
        let schema = Schema::parse_and_validate(sdl, "salestrekker.graphql").unwrap();
        let fields: TicketFields =
            "settlement=values.onceOffDueDate:date,name:private,values.onceOff,notes=description"
                .parse()
                .unwrap();
        let document = TICKET.with_fields(&fields).batch(2);
        ExecutableDocument::parse_and_validate(&schema, document.text(), "ticket")
            .unwrap_or_else(|error| panic!("{error}"));
        assert!(
            document.text().contains("\n  field_settlement: values { onceOffDueDate }  # inferred\n"),
            "{}",
            document.text()
        );
        assert_eq!(TICKET.with_fields(&TicketFields::default()).batch(2), TICKET.batch(2));
    }
}
