//! The journal: every event of every ticket, for ever, by ticket and by day.

use super::due_index::{SHARDS, shard};
use super::keys::journal_of;
use super::{Error, Item, KEYS_PER_REQUEST, Store, decode, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::event::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _, stream};

const INDEX: &str = "journal_by_day";
const DAY: u64 = 24 * 60 * 60;
/// This many partitions of the index are read at once.
const QUERIES_AT_ONCE: usize = 8;

/// The partition of a journal entry in the index: the day as the number of days since 1970-01-01 UTC, and the ticket's shard.
pub(super) fn journal_day(at: Timestamp, ticket: &TicketId) -> AttributeValue {
    text(part(at.as_seconds() / DAY, &shard(ticket)))
}

fn part(day: u64, shard: &str) -> String {
    format!("{day}#{shard}")
}

impl Store {
    /// The events that were stored from `since` until before `until`, oldest first. The index is eventually consistent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Event>, Error> {
        if since >= until {
            return Ok(Vec::new());
        }
        let days = since.as_seconds() / DAY..=until.as_seconds() / DAY;
        let parts = days.flat_map(|day| (0..SHARDS).map(move |shard| part(day, &shard.to_string())));
        let queries = parts.map(|part| self.entries(part, since, until));
        let keys: Vec<Vec<Item>> = stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
        let keys = keys.concat();
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(KEYS_PER_REQUEST) {
            entries.extend(self.get_all(keys.to_vec()).await?);
        }
        let mut events: Vec<(u64, Vec<Event>)> = Vec::with_capacity(entries.len());
        for entry in &entries {
            let at = entry.get("at").and_then(|at| at.as_n().ok()?.parse().ok());
            events.push((
                at.ok_or(Error::Unusable { attribute: "at", decode_error: None })?,
                decode(entry, "events")?,
            ));
        }
        // Two versions of one ticket are never stored in the same millisecond, so that time orders them.
        events.sort_by_key(|(at, _)| *at);
        Ok(events.into_iter().flat_map(|(_, events)| events).collect())
    }

    /// The events of one ticket, oldest first, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal_of(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
    ) -> Result<Vec<Event>, Error> {
        let (partition, prefix) = journal_of(organisation, ticket);
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":sk", text(prefix));
        let mut pages = request.into_paginator().items().send();
        let mut events = Vec::new();
        while let Some(entry) = pages.next().await {
            let entry = entry.map_err(|error| unavailable(&error))?;
            events.extend(decode::<Vec<Event>>(&entry, "events")?);
        }
        Ok(events)
    }

    /// The keys of the entries in one partition of the index.
    async fn entries(&self, part: String, since: Timestamp, until: Timestamp) -> Result<Vec<Item>, Error> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("journal_day = :day AND #at BETWEEN :since AND :until")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":day", text(part))
            .expression_attribute_values(":since", number(since.as_millis()))
            .expression_attribute_values(":until", number(until.as_millis().saturating_sub(1)));
        let mut pages = request.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let mut item = item.map_err(|error| unavailable(&error))?;
            item.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
            keys.push(item);
        }
        Ok(keys)
    }
}
