//! The journal: every event of every ticket, for good, by ticket and by day.

use super::due_index::{SHARDS, shard};
use super::{Error, Item, KEYS_PER_REQUEST, Store, decode, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::TicketId;
use crate::model::event::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt as _, TryStreamExt as _, stream};

const INDEX: &str = "told";
const DAY: u64 = 24 * 60 * 60;
/// So many parts of the index are read at once.
const QUERIES_AT_ONCE: usize = 8;

/// The index's key of a ticket's change: the days since 1970 began, in UTC, and the ticket's shard.
pub(super) fn told_on(at: Timestamp, ticket: &TicketId) -> AttributeValue {
    text(part(at.as_seconds() / DAY, &shard(ticket)))
}

fn part(day: u64, shard: &str) -> String {
    format!("{day}#{shard}")
}

impl Store {
    /// The events that were stored from `since` until before `until`, oldest first. The index follows the table within
    /// moments.
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
        // Two versions of one ticket are never of one millisecond's look, so that time orders them.
        events.sort_by_key(|(at, _)| *at);
        Ok(events.into_iter().flat_map(|(_, events)| events).collect())
    }

    /// The keys of the entries of a part of one day.
    async fn entries(&self, part: String, since: Timestamp, until: Timestamp) -> Result<Vec<Item>, Error> {
        let request = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("told_on = :part AND #at BETWEEN :since AND :until")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":part", text(part))
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
