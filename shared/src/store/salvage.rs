//! A snapshot's item that cannot be read as a whole. Its readable parts are used; events that may be unpublished are read from
//! the journal instead; and only if the ticket itself is unreadable, its snapshot is rebuilt from the API.

use super::known::{Damaged, Known};
use super::versions::Version;
use super::{Error, Store};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::check_schedule::CheckSchedule;
use crate::model::event::Event;
use crate::model::snapshot::Snapshot;
use aws_sdk_dynamodb::types::AttributeValue;

/// What a check can go on with.
#[derive(Debug, Clone, PartialEq)]
pub enum Salvaged {
    /// The ticket is known; its events, if they were unreadable, are those of the journal.
    Known(Box<Known>),
    /// The ticket is not known: its snapshot is to be rebuilt.
    Lost(Rebuild),
}

impl Rebuild {
    /// One that replaces an item without a version.
    pub fn of(version: u64, outbox: Vec<Event>) -> Self {
        Self { version, outbox, before: None }
    }
}

/// What a rebuilt snapshot begins with.
#[derive(Debug, Clone, PartialEq)]
pub struct Rebuild {
    /// Its version: greater than any that was stored.
    pub version: u64,
    /// Events of earlier versions that may be unpublished.
    pub outbox: Vec<Event>,
    /// The unreadable item's version, by which a faster writer is recognised.
    before: Option<AttributeValue>,
}

impl Store {
    /// Goes on with a damaged item. No event is lost: if it is not known which ones were published, the last ones of the
    /// journal are published again, with the same ids.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] if an event in the outbox is of a kind that another version knows; else [`Error`].
    pub async fn salvage(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        damaged: Damaged,
    ) -> Result<Salvaged, Error> {
        let Damaged { error, snapshot, outbox, schedule, version, unpublished } = damaged;
        if matches!(error, Error::UnknownKind { .. }) {
            return Err(error);
        }
        let is_readable = outbox.is_some();
        let (snapshot, outbox) = match (snapshot, outbox) {
            (Some(snapshot), Some(outbox)) => (snapshot, outbox),
            (Some(snapshot), None) => {
                let end = self.journal_end(organisation, ticket, unpublished).await?;
                if end.version < snapshot.ticket.version {
                    // The newest events are nowhere else. Older ones in their place would be sent again, and these be lost.
                    return Err(error);
                }
                (snapshot, end.events)
            }
            (None, outbox) => {
                let events = if outbox.is_some() { 0 } else { unpublished };
                let end = self.journal_end(organisation, ticket, events).await?;
                let stored = version.as_ref().and_then(|version| version.as_n().ok()?.parse().ok());
                let version_before = end.version.max(stored.unwrap_or_default());
                let rebuild = Rebuild::of(version_before.saturating_add(1), outbox.unwrap_or(end.events));
                return Ok(Salvaged::Lost(Rebuild { before: version, ..rebuild }));
            }
        };
        if !is_readable && outbox.is_empty() {
            // Nothing is to be published, so that no later step replaces what is unreadable.
            let emptied = self.clear_outboxes(organisation, &[(ticket, snapshot.ticket.version)]).await;
            emptied.into_iter().collect::<Result<(), _>>()?;
        }
        // Without a slot, so that the check stores when the next one is.
        let unknown = CheckSchedule { stored_at: Timestamp::from_millis(0), slot: None, extra: None };
        let schedule = schedule.unwrap_or(unknown);
        Ok(Salvaged::Known(Box::new(Known { snapshot, outbox, schedule })))
    }

    /// Replaces an unreadable snapshot. Its journal entry has no events, as nothing is known to have happened; it keeps the
    /// versions without a gap, and two writers from storing the same one.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another writer was faster; else [`Error`]. Nothing is written then.
    pub async fn rebuild(
        &self,
        organisation: &OrganisationId,
        snapshot: &Snapshot,
        rebuild: &Rebuild,
        at: Timestamp,
    ) -> Result<(), Error> {
        let version =
            Version { snapshot, events: &[], outbox: &rebuild.outbox, reminders: &[], extra_check: None };
        let unit = self.version(organisation, &version, at, |put| match &rebuild.before {
            Some(before) => put
                .condition_expression("version = :before")
                .expression_attribute_values(":before", before.clone()),
            None => put.condition_expression("attribute_exists(pk) AND attribute_not_exists(version)"),
        });
        Ok(self.transact(unit).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::json::to_json;
    use crate::model::diff::change;
    use crate::model::snapshot::Seen;
    use crate::model::stage_age::StageAgeThresholds;
    use crate::store::keys::{ItemKind, key};
    use crate::store::known::known;
    use crate::store::{Item, number, report_unreadable, text};
    use crate::testing::stage_changed;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn snapshot() -> Snapshot {
        let event = stage_changed("Lead", "Approved");
        let seen = Seen::without_fields(event.ticket().unwrap().clone(), "d");
        change(None, Some(seen), false).unwrap().snapshot
    }

    fn north() -> OrganisationId {
        OrganisationId::parse("north").unwrap()
    }

    fn healthy(outbox: &[Event]) -> Item {
        let snapshot = snapshot();
        let kind = ItemKind::Snapshot(snapshot.ticket.id.clone());
        let mut item = key(&north(), kind);
        let texts = [("snapshot", to_json(&snapshot)), ("outbox", to_json(&outbox))];
        item.extend(texts.map(|(name, value)| (name.to_owned(), text(value))));
        item.extend(["version", "stored_at", "next_check"].map(|name| (name.to_owned(), number(1))));
        item.extend(["due_shard", "check_slot"].map(|name| (name.to_owned(), text("7"))));
        item
    }

    fn read(item: &Item) -> Result<Known, Box<Damaged>> {
        known(item, &snapshot().ticket.id, None)
    }

    /// Salvages an item of a table whose journal has these events in version 4, and none in the earlier ones.
    async fn salvaged(item: &Item, journal: &[Event]) -> (Result<Salvaged, Error>, Vec<Value>) {
        let entries: Vec<Value> = [(4, journal), (3, &[])]
            .map(|(version, events): (u64, &[Event])| {
                json!({
                    "pk": { "S": format!("TICKET#north#{}", snapshot().ticket.id) },
                    "sk": { "S": format!("JOURNAL#{version:010}") },
                    "events": { "S": to_json(&events) },
                })
            })
            .to_vec();
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            (200, json!({ "Items": entries, "Count": 2 }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let damaged = *read(item).unwrap_err();
        report_unreadable(item, &damaged.error);
        let salvaged = store.salvage(&north(), &snapshot().ticket.id, damaged).await;
        let requests = requests.lock().unwrap().clone();
        (salvaged, requests)
    }

    /// F3 of the field faults: a snapshot whose JSON is cut in half.
    #[tokio::test]
    async fn a_cut_snapshot_is_rebuilt_above_every_stored_version_with_its_unpublished_events() {
        let event = stage_changed("a", "b");
        let mut item = healthy(std::slice::from_ref(&event));
        item.insert("snapshot".to_owned(), text(r#"{"ticket": {"id": "#));
        item.insert("version".to_owned(), number(7));
        let (salvaged, _) = salvaged(&item, &[]).await;
        let rebuild = Rebuild { version: 8, outbox: vec![event], before: Some(number(7)) };
        assert_eq!(salvaged, Ok(Salvaged::Lost(rebuild)));
    }

    #[tokio::test]
    async fn without_a_version_the_journals_last_one_counts() {
        let mut item = healthy(&[]);
        item.insert("version".to_owned(), text("seven"));
        let (salvaged, _) = salvaged(&item, &[]).await;
        let before = Some(text("seven"));
        assert_eq!(salvaged, Ok(Salvaged::Lost(Rebuild { version: 5, outbox: vec![], before })));
    }

    #[tokio::test]
    async fn the_events_of_an_unreadable_outbox_are_those_of_the_journal() {
        let event = stage_changed("a", "b");
        let mut item = healthy(&[]);
        item.insert("outbox".to_owned(), text("[{"));
        for (unpublished, events) in [(number(1), vec![event.clone()]), (text("?"), vec![event.clone()])] {
            item.insert("unpublished".to_owned(), unpublished);
            let (salvaged, _) = salvaged(&item, std::slice::from_ref(&event)).await;
            let Ok(Salvaged::Known(known)) = salvaged else { panic!("{salvaged:?}") };
            assert_eq!((&known.outbox, &known.snapshot), (&events, &snapshot()));
        }
    }

    /// As of a form that a later version of the program writes before the journal entry.
    #[tokio::test]
    async fn if_the_journal_lacks_the_newest_version_older_events_are_not_sent_in_their_place() {
        let mut later = snapshot();
        later.ticket.version = 9;
        let mut item = healthy(&[]);
        item.insert("version".to_owned(), number(9));
        item.insert("snapshot".to_owned(), text(to_json(&later)));
        item.insert("outbox".to_owned(), text("[{"));
        item.insert("unpublished".to_owned(), number(1));
        let (salvaged, requests) = salvaged(&item, &[stage_changed("a", "b")]).await;
        assert!(matches!(salvaged, Err(Error::Unusable { .. })), "{salvaged:?}");
        assert!(requests.iter().all(|request| request.get("UpdateExpression").is_none()), "{requests:?}");
    }

    #[tokio::test]
    async fn an_unreadable_outbox_without_unpublished_events_is_emptied() {
        let mut item = healthy(&[]);
        item.insert("outbox".to_owned(), text("[{"));
        let (salvaged, requests) = salvaged(&item, &[stage_changed("a", "b")]).await;
        assert!(matches!(salvaged, Ok(Salvaged::Known(known)) if known.outbox.is_empty()));
        let update = requests.last().unwrap();
        assert!(update["UpdateExpression"].as_str().unwrap().contains("outbox = :empty"), "{update}");
    }

    #[tokio::test]
    async fn a_broken_schedule_is_replaced_by_the_next_check() {
        let mut item = healthy(&[]);
        item.insert("stored_at".to_owned(), text("yesterday"));
        let (salvaged, _) = salvaged(&item, &[]).await;
        let Ok(Salvaged::Known(known)) = salvaged else { panic!("{salvaged:?}") };
        let (none, now) = (StageAgeThresholds::default(), Timestamp::from_millis(1));
        assert!(!known.schedule.is_like(&CheckSchedule::planned(&known.snapshot, &none, now)));
    }

    /// F13 of the field faults: nothing is repaired that another version can read.
    #[tokio::test]
    async fn an_outbox_with_an_event_of_an_unknown_kind_waits_as_it_is() {
        let mut item = healthy(&[]);
        let event = json!([{ "id": "e", "organisation": "north", "type": "ticket.archived" }]);
        item.insert("outbox".to_owned(), text(event.to_string()));
        item.insert("snapshot".to_owned(), text("{"));
        let (salvaged, requests) = salvaged(&item, &[]).await;
        assert!(matches!(salvaged, Err(Error::UnknownKind { key }) if key.ends_with("SNAPSHOT")));
        assert_eq!(requests, Vec::<Value>::new());
    }

    proptest! {
        /// Whatever is written into one attribute, the item is read or reported, and its error has no value.
        #[test]
        fn no_broken_attribute_breaks_more_than_its_item(
            name in proptest::sample::select(vec!["snapshot", "outbox", "version", "stored_at", "next_check"]),
            value in "[a-z{}\\[\\]\" ]{0,20}",
        ) {
            let mut item = healthy(&[]);
            item.insert(name.to_owned(), text(format!("Jane Citizen {value}")));
            let damaged = read(&item).unwrap_err();
            let error = crate::failure::chain(&damaged.error);
            prop_assert!(!error.contains("Jane") && error.contains("TICKET#north#"), "{}", error);
        }
    }
}
