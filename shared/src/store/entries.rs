//! Entries of the journal that are written after their versions; see `versions.rs`.

use super::journal::journal_day;
use super::keys::{ItemKind, key};
use super::packed::pack;
use super::statements::SINGLES_AT_ONCE;
use super::{Error, Item, Store, number, unless_condition_failed};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::json;
use crate::model::event::Event;
use futures::{StreamExt as _, stream};

/// The journal entry of a version that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The ticket.
    pub ticket: TicketId,
    /// Its version.
    pub version: u64,
    /// What happened.
    pub events: Vec<Event>,
    /// When the version was stored.
    pub at: Timestamp,
}

impl JournalEntry {
    /// The entries of the versions whose events are in a ticket's outbox, with each event as it was found.
    pub fn of_outbox(ticket: &TicketId, outbox: &[Event]) -> Vec<Self> {
        let mut entries: Vec<Self> = Vec::new();
        for event in outbox {
            let Some(version) = event.ticket().map(|ticket| ticket.version) else { continue };
            let event = Event { resent: None, ..event.clone() };
            match entries.last_mut() {
                Some(last) if last.version == version => last.events.push(event),
                _ => {
                    let (ticket, at) = (ticket.clone(), event.observed_at);
                    entries.push(Self { ticket, version, events: vec![event], at });
                }
            }
        }
        entries
    }
}

impl Store {
    /// Writes entries of the journal, and leaves those that exist as they are: another invocation, or an earlier one, wrote them of the
    /// same version. One result for each, in their order; after an error the entry is written at the ticket's next check, as its
    /// events stay in the outbox.
    pub async fn journal_each(
        &self,
        organisation: &OrganisationId,
        entries: &[JournalEntry],
    ) -> Vec<Result<(), Error>> {
        let items: Vec<Item> = entries
            .iter()
            .map(|JournalEntry { ticket, version, events, at }| {
                entry(organisation, (ticket, *version), events, *at)
            })
            .collect();
        let statements = items.iter().map(|item| self.insert(item.clone())).collect();
        let mut inserted = self.execute_each(statements).await.into_iter();
        let puts = items.into_iter().map(|item| {
            let is_inserted = inserted.next().unwrap_or_default();
            async move { if is_inserted { Ok(()) } else { self.put_entry(item).await } }
        });
        let puts: Vec<_> = puts.collect();
        stream::iter(puts).buffered(SINGLES_AT_ONCE).collect().await
    }

    async fn put_entry(&self, item: Item) -> Result<(), Error> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let response = request.condition_expression("attribute_not_exists(pk)").send().await;
        unless_condition_failed(response).map(drop)
    }
}

/// The item of a version's journal entry.
pub(super) fn entry(
    organisation: &OrganisationId,
    (ticket, version): (&TicketId, u64),
    events: &[Event],
    at: Timestamp,
) -> Item {
    let mut entry = key(organisation, ItemKind::Journal(ticket.clone(), version));
    entry.insert("events".to_owned(), pack(json::to_json(&events)));
    entry.insert("at".to_owned(), number(at.as_millis()));
    entry.insert("journal_day".to_owned(), journal_day(at, ticket));
    entry
}
