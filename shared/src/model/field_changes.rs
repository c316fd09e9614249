//! What two checks of a ticket say of the fields that the template's parameter `TicketFields` names: pure.

use crate::digest::short_sha256;
use crate::id::{FieldName, TicketId};
use crate::model::event::EventKind;
use crate::model::field_value::FieldValue;
use crate::model::snapshot::{Seen, Snapshot, UnreadFields};

/// A digest of a private field's value, by which a change is found: as [`super::diff::name_digest`], with the field's name as part of it.
pub fn digest(ticket: &TicketId, field: &FieldName, value: &str) -> String {
    let (ticket, field) = (ticket.as_str().as_bytes(), field.as_str().as_bytes());
    short_sha256(&[ticket, b"\n", field, b"\n", value.as_bytes()])
}

/// Adds what is known of the fields that were not read: not known is not a change.
pub(super) fn with_earlier(mut seen: Seen, before: Option<&Snapshot>) -> Seen {
    let Some(before) = before else { return seen };
    let UnreadFields { public, private } = std::mem::take(&mut seen.unread_fields);
    let values = public.into_iter().filter_map(|field| before.ticket.fields.get_key_value(&field));
    seen.ticket.fields.extend(values.map(|(field, value)| (field.clone(), value.clone())));
    let digests = private.into_iter().filter_map(|field| before.private_fields.get_key_value(&field));
    seen.private_fields.extend(digests.map(|(field, digest)| (field.clone(), digest.clone())));
    seen
}

/// Whether the fields of two snapshots differ, be it by one that was read for the first time.
pub(super) fn has_others(before: &Snapshot, after: &Snapshot) -> bool {
    (&before.ticket.fields, &before.private_fields) != (&after.ticket.fields, &after.private_fields)
}

/// The fields that were read at both checks, with other values.
pub(super) fn events(before: &Snapshot, after: &Snapshot) -> impl Iterator<Item = EventKind> {
    let (old, new) = (&before.ticket, &after.ticket);
    let changed = move |field: &FieldName, from: Option<FieldValue>, to: Option<FieldValue>| {
        EventKind::FieldChanged { ticket: new.clone(), field: field.clone(), from, to }
    };
    let public = new.fields.iter().filter_map(move |(field, to)| {
        let from = old.fields.get(field).filter(|from| *from != to)?;
        Some(changed(field, from.clone(), to.clone()))
    });
    let private = after.private_fields.iter().filter_map(move |(field, to)| {
        before.private_fields.get(field).filter(|from| *from != to)?;
        Some(changed(field, None, None))
    });
    public.chain(private)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::diff::{Change, change};
    use crate::testing;
    use serde_json::{Value, json};
    use std::collections::BTreeSet;

    fn kinds(change: Option<&Change>) -> Vec<&str> {
        change.map(|change| change.kind.iter().map(EventKind::name).collect()).unwrap_or_default()
    }

    fn seen() -> Seen {
        Seen::without_fields(testing::ticket(), "d")
    }

    /// With these fields, and with digests of these private ones.
    fn with_fields(fields: &[(&str, Value)], private: &[(&str, &str)]) -> Seen {
        let name = |name: &str| FieldName::parse(name).unwrap();
        let value = |value: &Value| (!value.is_null()).then(|| FieldValue::from(value.clone()));
        let mut seen = seen();
        seen.ticket.fields = fields.iter().map(|(field, of)| (name(field), value(of))).collect();
        seen.private_fields =
            private.iter().map(|(field, digest)| (name(field), (*digest).to_owned())).collect();
        seen
    }

    fn snapshot(seen: Seen) -> Snapshot {
        change(None, Some(seen), false).unwrap().snapshot
    }

    #[test]
    fn a_field_that_has_another_value_is_an_event_with_both_values() {
        let before = snapshot(with_fields(&[("due", json!("2026-12-01")), ("lender", json!("Bank"))], &[]));
        let now = with_fields(&[("due", json!("2026-12-15")), ("lender", json!(null))], &[]);
        let found = change(Some(&before), Some(now.clone()), false).unwrap();
        let events: Vec<Value> = found.kind.iter().map(|kind| serde_json::to_value(kind).unwrap()).collect();
        let values = |kind: &Value| (kind["field"].clone(), kind["from"].clone(), kind["to"].clone());
        assert_eq!(values(&events[0]), (json!("due"), json!("2026-12-01"), json!("2026-12-15")));
        assert_eq!(values(&events[1]), (json!("lender"), json!("Bank"), json!(null)));
        assert_eq!(events.len(), 2);
        let subjects: BTreeSet<_> = found.kind.iter().map(EventKind::subject).collect();
        assert_eq!(subjects.len(), 2, "two ids");
        assert_eq!(change(Some(&found.snapshot), Some(now), false), None, "once");
    }

    #[test]
    fn a_private_field_that_changed_is_an_event_without_values() {
        let before = snapshot(with_fields(&[], &[("notes", "digest-1")]));
        let found = change(Some(&before), Some(with_fields(&[], &[("notes", "digest-2")])), false).unwrap();
        assert_eq!(kinds(Some(&found)), ["ticket.field_changed"]);
        let event = serde_json::to_value(&found.kind[0]).unwrap();
        assert_eq!((&event["field"], event.get("from"), event.get("to")), (&json!("notes"), None, None));
        assert!(!event.to_string().contains("digest"), "{event}");
    }

    /// As for a snapshot that was stored before the parameter named the field.
    #[test]
    fn a_field_that_is_read_for_the_first_time_is_stored_without_an_event() {
        let before = snapshot(seen());
        let now = with_fields(&[("due", json!("2026-12-01"))], &[("notes", "digest-1")]);
        let found = change(Some(&before), Some(now.clone()), false).unwrap();
        assert_eq!((kinds(Some(&found)), found.snapshot.ticket.version), (vec![], 2));
        assert_eq!(found.snapshot.ticket.date("due"), "2026-12-01".parse().ok());
        assert_eq!(change(Some(&found.snapshot), Some(now), false), None);
    }

    #[test]
    fn a_field_that_was_not_read_keeps_its_value_and_one_that_is_not_named_loses_it() {
        let before = snapshot(with_fields(&[("due", json!("2026-12-01"))], &[("notes", "digest-1")]));
        let name = |name: &str| BTreeSet::from([FieldName::parse(name).unwrap()]);
        let unread = UnreadFields { public: name("due"), private: name("notes") };
        let now = Seen { unread_fields: unread, ..seen() };
        assert_eq!(change(Some(&before), Some(now), false), None, "not known is not a change");
        let found = change(Some(&before), Some(seen()), false).unwrap();
        assert_eq!(kinds(Some(&found)), [""; 0]);
        assert!(found.snapshot.ticket.fields.is_empty() && found.snapshot.private_fields.is_empty());
        // It is private since the last check: its value is not kept.
        let private = UnreadFields { private: name("due"), ..UnreadFields::default() };
        let found = change(Some(&before), Some(Seen { unread_fields: private, ..seen() }), false).unwrap();
        assert!(found.snapshot.ticket.fields.is_empty());
    }

    #[test]
    fn a_snapshot_and_an_event_of_before_there_were_fields_are_read_and_written_as_they_were() {
        let snapshot = serde_json::to_value(snapshot(seen())).unwrap();
        assert_eq!((snapshot["ticket"].get("fields"), snapshot.get("private_fields")), (None, None));
        assert_eq!(serde_json::from_value::<Snapshot>(snapshot).unwrap().ticket.fields.len(), 0);
    }

    #[test]
    fn equal_values_of_two_tickets_or_two_fields_have_different_digests() {
        let of = |ticket: &str, field: &str| {
            digest(&ticket.parse().unwrap(), &field.parse().unwrap(), "Jane Citizen")
        };
        assert_eq!(of("t-1", "notes"), of("t-1", "notes"));
        assert_ne!(of("t-1", "notes"), of("t-2", "notes"));
        assert_ne!(of("t-1", "notes"), of("t-1", "broker"));
    }
}
