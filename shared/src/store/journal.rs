//! The journal: every event of every ticket, for ever, by ticket and by day.

use super::due_index::{SHARDS, shard};
use super::keys::{ItemKey, ItemKind, journal_after};
use super::known::events_in;
use super::{
    Error, Item, Store, decode, key_text, number, part as key_part, report_unreadable, text, unavailable,
};
use crate::clock::Timestamp;
use crate::id::{EventId, OrganisationId, TicketId};
use crate::model::event::Event;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeSet;

const INDEX: &str = "journal_by_day";
/// Seconds.
pub(super) const DAY: u64 = 24 * 60 * 60;
/// This many partitions of the index are read at once.
const QUERIES_AT_ONCE: usize = 8;
/// Entries that are read at once from a journal's end.
const PAGE: i32 = 25;

/// The partition of a journal entry in the index: the day as the number of days since 1970-01-01 UTC, and the ticket's shard.
pub(super) fn journal_day(at: Timestamp, ticket: &TicketId) -> AttributeValue {
    text(part(at.as_seconds() / DAY, &shard(ticket)))
}

pub(super) fn part(day: u64, shard: &str) -> String {
    format!("{day}#{shard}")
}

/// Events of the journal, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Journal {
    /// The events of the entries that can be read.
    pub events: Vec<Event>,
    /// The keys of the entries that cannot; each contains ids only.
    pub unreadable: Vec<String>,
}

/// The newest entries of a ticket's journal.
pub(super) struct JournalEnd {
    /// The last version; 0 if there is no entry.
    pub(super) version: u64,
    /// The events of the last versions, oldest first.
    pub(super) events: Vec<Event>,
}

impl Journal {
    /// The events of an entry; none if they cannot be read, which is logged and noted.
    pub(super) fn read(&mut self, entry: &Item) -> Vec<Event> {
        decode(entry, "events").unwrap_or_else(|error| {
            report_unreadable(entry, &error);
            self.unreadable.push(key_text(entry));
            Vec::new()
        })
    }
}

impl Store {
    /// The events that were stored from `since` until before `until`, oldest first, those of a ticket in their order. The index
    /// is eventually consistent. An entry that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal(&self, since: Timestamp, until: Timestamp) -> Result<Journal, Error> {
        let mut journal = Journal::default();
        if since >= until {
            return Ok(journal);
        }
        let days = since.as_seconds() / DAY..=until.as_seconds() / DAY;
        let parts = days.flat_map(|day| (0..SHARDS).map(move |shard| part(day, &shard.to_string())));
        let queries = parts.map(|part| self.entries(part, since, until));
        let keys: Vec<Vec<Item>> = stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
        let entries = self.get_all(keys.concat()).await?;
        for entry in &in_order(entries) {
            let events = journal.read(entry);
            journal.events.extend(events);
        }
        Ok(journal)
    }

    /// The events of one ticket, oldest first, read consistently. An entry that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal_of(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
    ) -> Result<Journal, Error> {
        self.journal_after(organisation, ticket, 0).await
    }

    /// The events of a ticket's versions after this one, oldest first, read consistently; also those that are still in the outbox
    /// alone, as after a crash. An entry that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal_after(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
    ) -> Result<Journal, Error> {
        // Before the journal: events that leave the outbox meanwhile are in the journal by then.
        let items = self.items(organisation, std::slice::from_ref(ticket), ItemKind::Snapshot).await?;
        let mut pages = self.journal_query(organisation, ticket, version).into_paginator().items().send();
        let mut journal = Journal::default();
        while let Some(entry) = pages.next().await {
            let events = journal.read(&entry.map_err(|error| unavailable(&error))?);
            journal.events.extend(events);
        }
        let known: BTreeSet<EventId> = journal.events.iter().map(|event| event.id.clone()).collect();
        let waiting = items.iter().flat_map(events_in);
        let waiting = waiting.filter(|event| version_of(event) > Some(version) && !known.contains(&event.id));
        let waiting: Vec<Event> = waiting.map(|event| Event { resent: None, ..event }).collect();
        if !waiting.is_empty() {
            journal.events.extend(waiting);
            journal.events.sort_by_key(version_of);
        }
        Ok(journal)
    }

    /// The last versions of one ticket that have at least this many events, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn journal_end(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        events: usize,
    ) -> Result<JournalEnd, Error> {
        let request = self.journal_query(organisation, ticket, 0).scan_index_forward(false).limit(PAGE);
        let mut pages = request.into_paginator().items().send();
        let (mut journal, mut end) = (Journal::default(), JournalEnd { version: 0, events: Vec::new() });
        while let Some(entry) = pages.next().await {
            let entry = entry.map_err(|error| unavailable(&error))?;
            if let Some(ItemKey { kind: ItemKind::Journal(_, version), .. }) = ItemKey::of(&entry) {
                end.version = end.version.max(version);
            }
            if end.events.len() >= events {
                break;
            }
            end.events.splice(0..0, journal.read(&entry));
        }
        Ok(end)
    }

    fn journal_query(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        after: u64,
    ) -> QueryFluentBuilder {
        let (partition, [first, last]) = journal_after(organisation, ticket, after);
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        request
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last))
    }

    /// A query for the keys in one partition of the index, from `since` until before `until`.
    pub(super) fn index_query(&self, part: &str, since: Timestamp, until: Timestamp) -> QueryFluentBuilder {
        let request = self.client.query().table_name(&self.table).index_name(INDEX);
        request
            .key_condition_expression("journal_day = :day AND #at BETWEEN :since AND :until")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":day", text(part))
            .expression_attribute_values(":since", number(since.as_millis()))
            .expression_attribute_values(":until", number(until.as_millis().saturating_sub(1)))
    }

    /// The keys of the entries in one partition of the index.
    pub(super) async fn entries(
        &self,
        part: String,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Item>, Error> {
        let mut pages = self.index_query(&part, since, until).into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let mut item = item.map_err(|error| unavailable(&error))?;
            item.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
            keys.push(item);
        }
        Ok(keys)
    }
}

fn version_of(event: &Event) -> Option<u64> {
    event.ticket().map(|ticket| ticket.version)
}

/// Entries by time, and those of one ticket by version: the time is when the invocation that stored an entry began, so that a later
/// version may have an earlier one. Each entry counts as at least as late as the ticket's previous one.
fn in_order(mut entries: Vec<Item>) -> Vec<Item> {
    entries.sort_by_cached_key(key_text);
    let mut timed: Vec<(u64, Item)> = Vec::with_capacity(entries.len());
    for entry in entries {
        let previous =
            timed.last().filter(|(_, previous)| key_part(previous, "pk") == key_part(&entry, "pk"));
        let previous = previous.map_or(0, |(at, _)| *at);
        timed.push((previous.max(entry_time(&entry)), entry));
    }
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, entry)| entry).collect()
}

/// When an entry was stored, in milliseconds. It is a key of the index, so that every entry has it.
pub(super) fn entry_time(entry: &Item) -> u64 {
    entry.get("at").and_then(|at| at.as_n().ok()?.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::json::to_json;
    use crate::testing::stage_changed;
    use serde_json::json;

    /// F3 of the field faults.
    #[tokio::test]
    async fn an_unreadable_entry_of_the_journal_is_named_and_the_others_are_read() {
        let event = stage_changed("a", "b");
        let good = to_json(&[&event]);
        let entry = |version: u64, events: &str| {
            json!({
                "pk": { "S": "TICKET#north#t-1" }, "sk": { "S": format!("JOURNAL#{version:010}") },
                "events": { "S": events },
            })
        };
        let entries = [entry(3, &good), entry(2, "[{"), entry(1, &good)];
        let config = aws::stub::config_with_responses(move |_| (200, json!({ "Items": entries })));
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let (north, ticket) = (OrganisationId::parse("north").unwrap(), TicketId::parse("t-1").unwrap());
        let journal = store.journal_of(&north, &ticket).await.unwrap();
        assert_eq!(journal.events, [event.clone(), event.clone()]);
        assert_eq!(journal.unreadable, ["TICKET#north#t-1 JOURNAL#0000000002"]);
        let end = async |events| store.journal_end(&north, &ticket, events).await.unwrap();
        let lengths = [end(0).await, end(1).await, end(2).await].map(|end| (end.version, end.events.len()));
        assert_eq!(lengths, [(3, 0), (3, 1), (3, 2)]);
    }

    #[test]
    fn versions_of_one_ticket_are_in_order_even_if_their_times_fall() {
        let stored = [("t-2", 9, 20), ("t-1", 12, 10), ("t-1", 11, 30), ("t-2", 8, 5), ("t-1", 10, 15)];
        let entries = stored.map(|(ticket, version, at)| {
            let (north, ticket) = (OrganisationId::parse("north").unwrap(), TicketId::parse(ticket).unwrap());
            let mut entry = ItemKey::new(&north, ItemKind::Journal(ticket, version)).attributes();
            entry.insert("at".to_owned(), number(at));
            entry
        });
        let ordered = in_order(entries.to_vec());
        let ordered = ordered.iter().filter_map(|entry| {
            let ItemKind::Journal(ticket, version) = ItemKey::of(entry)?.kind else { return None };
            Some((ticket.to_string(), version))
        });
        let expected = [("t-2", 8), ("t-1", 10), ("t-2", 9), ("t-1", 11), ("t-1", 12)];
        let expected = expected.map(|(ticket, version)| (ticket.to_owned(), version));
        assert_eq!(ordered.collect::<Vec<_>>(), expected);
    }
}
