//! Whose turn it is to be checked, and how far the rounds have come: `check_rounds.rs` of the model says which turns there are.

use super::journal::{DAY, part};
use super::keys::{ItemKey, ItemKind, cursor_key};
use super::schedule::INDEX;
use super::{Error, Item, SHARDS, Store, number, report_unreadable, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::check_rounds::{Cursor, Turn};
use crate::model::check_schedule::{Position, Slice, Slot};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeSet;

/// This many partitions of the journal's index are read at once.
const QUERIES_AT_ONCE: usize = 16;

/// A ticket whose turn it is, in the order of turns.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// Its position.
    pub position: Position,
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket.
    pub ticket: TicketId,
}

impl Candidate {
    fn new(organisation: OrganisationId, ticket: TicketId) -> Self {
        Self { position: Position::of(&ticket), organisation, ticket }
    }
}

impl Store {
    /// The tickets whose turn it is, each once, by their positions: those of the slots, and those that changed some hours before. The
    /// indexes are eventually consistent. What is in a slot and no ticket is logged.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn candidates(&self, turn: &Turn) -> Result<Vec<Candidate>, Error> {
        let mut candidates = BTreeSet::new();
        for slot in turn.slots() {
            self.add_slot(slot, &mut candidates).await?;
        }
        let parts =
            turn.changed_in().into_iter().flat_map(|slice| (0..SHARDS).map(move |shard| (slice, shard)));
        let queries = parts.map(|(slice, shard)| self.changed(slice, shard));
        let changed: Vec<Vec<Candidate>> =
            stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
        candidates.extend(changed.into_iter().flatten());
        candidates.retain(|candidate| turn.after.is_none_or(|after| candidate.position > after));
        Ok(candidates.into_iter().collect())
    }

    /// How far the rounds have come, read consistently; none if they never began. If it cannot be read, that is logged, and the rounds go
    /// round once: the oldest cursor there is.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn cursor(&self) -> Result<Option<Cursor>, Error> {
        let request = self.client.get_item().table_name(&self.table).consistent_read(true);
        let response =
            request.set_key(Some(cursor_key())).send().await.map_err(|error| unavailable(&error))?;
        Ok(response.item.map(|item| {
            cursor(&item).unwrap_or_else(|| {
                report_unreadable(&item, &unusable(&item, "slice", None));
                Cursor { slice: Slice::of(Timestamp::from_millis(0)), after: None }
            })
        }))
    }

    /// Stores how far the rounds have come. Without a condition: of two runs each has asked for everything before its own cursor, so that an
    /// older one repeats some hints and skips none.
    ///
    /// # Errors
    /// [`Error`]; the next run asks for the same tickets.
    pub async fn set_cursor(&self, cursor: Cursor) -> Result<(), Error> {
        let mut item = cursor_key();
        item.insert("slice".to_owned(), number(cursor.slice.number()));
        if let Some(Position(after)) = cursor.after {
            item.insert("after".to_owned(), number(after.into()));
        }
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// Adds the tickets of a slot.
    async fn add_slot(&self, slot: Slot, candidates: &mut BTreeSet<Candidate>) -> Result<(), Error> {
        let request = self.client.query().table_name(&self.table).index_name(INDEX);
        let request = request
            .key_condition_expression("check_slot = :slot")
            .expression_attribute_values(":slot", text(slot.to_string()));
        let mut pages = request.into_paginator().items().send();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            match ItemKey::of(&item) {
                Some(ItemKey { organisation, kind: ItemKind::Snapshot(ticket) }) => {
                    candidates.insert(Candidate::new(organisation, ticket));
                }
                Some(_) | None => report_unreadable(&item, &unusable(&item, "pk", None)),
            }
        }
        Ok(())
    }

    /// The tickets of a shard that changed in a slice, according to the journal.
    async fn changed(&self, slice: Slice, shard: u32) -> Result<Vec<Candidate>, Error> {
        let (since, until) = (slice.start(), slice.end());
        // A day is a whole number of slices.
        let part = part(since.as_seconds() / DAY, &shard.to_string());
        let entries = self.entries(part, since, until).await?;
        let changed = entries.iter().filter_map(|entry| match ItemKey::of(entry)? {
            ItemKey { organisation, kind: ItemKind::Journal(ticket, _) } => {
                Some(Candidate::new(organisation, ticket))
            }
            ItemKey { .. } => None,
        });
        Ok(changed.collect())
    }
}

fn cursor(item: &Item) -> Option<Cursor> {
    let integer = |name: &str| item.get(name).map(|value| value.as_n().ok()?.parse::<u64>().ok());
    let slice = Slice::numbered(integer("slice")??);
    let after = match integer("after") {
        Some(after) => Some(Position(u32::try_from(after?).ok()?)),
        None => None,
    };
    Some(Cursor { slice, after })
}

#[cfg(test)]
mod tests;
