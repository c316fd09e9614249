//! What the table knows of a ticket, or the readable parts of it.

use super::schedule::schedule;
use super::{Error, Item, decode, key_text, unpack, unusable};
use crate::id::TicketId;
use crate::json;
use crate::model::check_schedule::CheckSchedule;
use crate::model::event::Event;
use crate::model::kinds::has_unknown_kind;
use crate::model::snapshot::Snapshot;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Deserialize;

/// What the table knows of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The ticket as it was last read.
    pub snapshot: Snapshot,
    /// Events that were stored and are perhaps not published.
    pub outbox: Vec<Event>,
    /// When it is checked next.
    pub schedule: CheckSchedule,
}

/// What can be read of a snapshot's item.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// The first thing that cannot be read.
    pub error: Error,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) outbox: Option<Vec<Event>>,
    pub(super) schedule: Option<CheckSchedule>,
    pub(super) version: Option<AttributeValue>,
    /// The number of events that are to be published, as far as that can be read.
    pub(super) unpublished: usize,
}

/// The part of a snapshot's JSON that is its outbox, if it has that part.
#[derive(Deserialize)]
struct Beside {
    outbox: Option<serde_json::Value>,
}

/// The events that are to be published of an item without an attribute `outbox`, as the JSON that is beside the snapshot's fields. An
/// emptied outbox is such an attribute, so that what is beside the fields no longer counts.
fn beside(item: &Item) -> Option<String> {
    if item.contains_key("outbox") || !item.contains_key("unpublished") {
        return None;
    }
    let snapshot = item.get("snapshot").and_then(unpack)?;
    let beside: Beside = json::from_json(snapshot.as_bytes()).ok()?;
    beside.outbox.map(|outbox| outbox.to_string())
}

/// The events of a journal entry or in a snapshot's item; none if they cannot be read.
pub fn events_in(item: &Item) -> Vec<Event> {
    let attribute = |name: &str| item.get(name).and_then(unpack).map(std::borrow::Cow::into_owned);
    let texts = [attribute("events"), attribute("outbox"), beside(item)];
    let events = texts.into_iter().flatten().map(|text| json::from_json::<Vec<Event>>(text.as_bytes()));
    events.filter_map(Result::ok).flatten().collect()
}

/// The version whose journal entry is the outbox of this item, as an earlier version of the program stored it; none if the item has its
/// outbox itself.
pub(super) fn version_in_journal(item: &Item) -> Option<u64> {
    let has_none = !item.contains_key("outbox") && item.contains_key("unpublished");
    (has_none && beside(item).is_none()).then(|| item_version(item)).flatten()
}

/// The item of a ticket, and the journal entry of [`version_in_journal`].
pub(super) fn known(item: &Item, ticket: &TicketId, entry: Option<&Item>) -> Result<Known, Box<Damaged>> {
    let snapshot = decode(item, "snapshot").and_then(|snapshot: Snapshot| {
        let is_own = snapshot.ticket.id == *ticket && item_version(item) == Some(snapshot.ticket.version);
        if is_own { Ok(snapshot) } else { Err(unusable(item, "version", None)) }
    });
    let (snapshot, outbox, schedule) = match (snapshot, outbox(item, entry), schedule(item)) {
        (Ok(snapshot), Ok(outbox), Ok(schedule)) => return Ok(Known { snapshot, outbox, schedule }),
        parts => parts,
    };
    // An event of a newer version of the program counts first: then nothing is to be repaired.
    let errors = [outbox.as_ref().err(), snapshot.as_ref().err(), schedule.as_ref().err()];
    let error = errors.into_iter().flatten().next().cloned();
    Err(Box::new(Damaged {
        error: error.unwrap_or_else(|| unusable(item, "snapshot", None)),
        snapshot: snapshot.ok(),
        outbox: outbox.ok(),
        schedule: schedule.ok(),
        version: item.get("version").cloned(),
        unpublished: unpublished_count(item),
    }))
}

fn outbox(item: &Item, entry: Option<&Item>) -> Result<Vec<Event>, Error> {
    if let Some(events) = beside(item) {
        if has_unknown_kind(events.as_bytes()) {
            return Err(Error::UnknownKind { key: key_text(item) });
        }
        return json::from_json(events.as_bytes()).map_err(|error| unusable(item, "snapshot", Some(error)));
    }
    let (holder, attribute) = match entry.filter(|_| version_in_journal(item).is_some()) {
        Some(entry) => (entry, "events"),
        None => (item, "outbox"),
    };
    let events = holder.get(attribute).and_then(unpack);
    if events.is_some_and(|events| has_unknown_kind(events.as_bytes())) {
        return Err(Error::UnknownKind { key: key_text(item) });
    }
    decode(holder, attribute)
}

/// The number of the journal's last events that are published again if it cannot be read how many are unpublished.
const UNKNOWN_NUMBER: usize = 25;

/// The number of events in an outbox that cannot be read.
fn unpublished_count(item: &Item) -> usize {
    let count = item.get("unpublished").map(|count| count.as_n().ok()?.parse().ok());
    count.map_or(0, |count| count.unwrap_or(UNKNOWN_NUMBER))
}

/// The version that the item has beside its JSON.
fn item_version(item: &Item) -> Option<u64> {
    item.get("version")?.as_n().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::to_json;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::store::packed::pack;
    use crate::store::{number, text};
    use crate::testing::stage_changed;
    use serde_json::json;

    fn item(attributes: &[(&str, AttributeValue)]) -> (Item, TicketId) {
        let event = stage_changed("Lead", "Approved");
        let seen = Seen::without_fields(event.ticket().unwrap().clone(), "d");
        let snapshot = change(None, Some(seen), false).unwrap().snapshot;
        let numbers = [("version", 1), ("stored_at", 1)];
        let mut item: Item = numbers.map(|(name, value)| (name.to_owned(), number(value))).into();
        item.insert("snapshot".to_owned(), text(to_json(&snapshot)));
        item.extend(attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        (item, snapshot.ticket.id)
    }

    fn entry(events: &str) -> Item {
        Item::from([("events".to_owned(), text(events))])
    }

    /// Both forms are read: an outbox in the item, as every version wrote it, and one that is the journal entry.
    #[test]
    fn an_outbox_is_the_items_own_or_the_journal_entry_of_its_version() {
        let (own, journalled) = (stage_changed("a", "b"), stage_changed("b", "c"));
        let entry = entry(&to_json(&[&journalled]));
        let outbox = |attributes: &[(&str, AttributeValue)]| {
            let (item, ticket) = item(attributes);
            (version_in_journal(&item), known(&item, &ticket, Some(&entry)).map(|known| known.outbox).ok())
        };
        let (copy, one) = (text(to_json(&[&own])), number(1));
        assert_eq!(outbox(&[("unpublished", one.clone())]), (Some(1), Some(vec![journalled])));
        assert_eq!(outbox(&[("outbox", copy), ("unpublished", one)]), (None, Some(vec![own])));
        assert_eq!(outbox(&[("outbox", text("[]"))]), (None, Some(vec![])));
        assert_eq!(outbox(&[]), (None, None), "neither form");
    }

    #[test]
    fn packed_json_is_read_like_text() {
        let event = stage_changed("a", "b");
        // White space makes each long enough.
        let packed = |json: String| {
            let value = pack(format!("{json}{}", " ".repeat(600)));
            assert!(value.is_b(), "{value:?}");
            value
        };
        let entry = Item::from([("events".to_owned(), packed(to_json(&[&event])))]);
        let (mut item, ticket) = item(&[("unpublished", number(1))]);
        let expected = known(&item, &ticket, Some(&entry)).unwrap();
        assert_eq!(expected.outbox, [event]);
        let snapshot = packed(unpack(&item["snapshot"]).unwrap().into_owned());
        item.insert("snapshot".to_owned(), snapshot);
        assert_eq!(known(&item, &ticket, Some(&entry)).unwrap(), expected);
        let newer = json!([{ "id": "e", "organisation": "north", "type": "ticket.archived" }]);
        let entry = Item::from([("events".to_owned(), packed(newer.to_string()))]);
        let unknown = known(&item, &ticket, Some(&entry)).unwrap_err();
        assert!(matches!(unknown.error, Error::UnknownKind { .. }), "{:?}", unknown.error);
    }

    /// F13 of the field faults, in the snapshot's JSON.
    #[test]
    fn events_beside_the_snapshot_count_until_the_outbox_is_emptied_and_are_judged_like_others() {
        let of = |outbox: &str, more: &[(&str, AttributeValue)]| {
            let (mut item, ticket) = item(more);
            let snapshot = unpack(&item["snapshot"]).unwrap().into_owned();
            let with = format!("{},\"outbox\":{outbox}}}", snapshot.trim_end_matches('}'));
            // The last brace is the snapshot's own.
            assert!(json::from_json::<Snapshot>(with.as_bytes()).is_ok(), "{with}");
            item.insert("snapshot".to_owned(), text(with));
            let read = known(&item, &ticket, None).map(|known| known.outbox).map_err(|damaged| damaged.error);
            (read, events_in(&item))
        };
        let event = stage_changed("a", "b");
        let (own, one) = (to_json(&[&event]), number(1));
        let all = || vec![event.clone()];
        assert_eq!(of(&own, &[("unpublished", one.clone())]), (Ok(all()), all()));
        assert_eq!(of(&own, &[("outbox", text("[]"))]), (Ok(vec![]), vec![]));
        let newer = json!([{ "id": "e", "organisation": "north", "type": "ticket.archived" }]).to_string();
        let (read, events) = of(&newer, &[("unpublished", one.clone())]);
        assert!(matches!(read, Err(Error::UnknownKind { .. })) && events.is_empty(), "{read:?}");
        let (read, _) = of("[7]", &[("unpublished", one)]);
        assert!(matches!(read, Err(Error::Unusable { attribute: "snapshot", .. })), "{read:?}");
    }

    /// F13 of the field faults, in the journal entry.
    #[test]
    fn an_entry_that_cannot_be_read_is_not_taken_for_an_empty_outbox() {
        let (item, ticket) = item(&[("unpublished", number(1))]);
        let of = |entry: Option<&Item>| known(&item, &ticket, entry).map_err(|damaged| damaged.error);
        assert!(matches!(of(None), Err(Error::Unusable { attribute: "outbox", .. })));
        assert!(matches!(of(Some(&entry("[{"))), Err(Error::Unusable { attribute: "events", .. })));
        let newer = json!([{ "id": "e", "organisation": "north", "type": "ticket.archived" }]).to_string();
        assert!(matches!(of(Some(&entry(&newer))), Err(Error::UnknownKind { .. })));
    }
}
