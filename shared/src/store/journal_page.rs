//! The journal backwards, a page at a time: however many events there are, a page reads a bounded number of entries.

use super::due_index::SHARDS;
use super::journal::{DAY, Journal, entry_time, part};
use super::keys::{ItemKey, ItemKind};
use super::{Error, Item, Store, unavailable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::event::Event;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::cmp::Reverse;

/// Partitions of the index that are read at once.
const QUERIES_AT_ONCE: usize = 16;

/// Events of the journal, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalPage {
    /// The events of the entries that can be read.
    pub events: Vec<Event>,
    /// The keys of the entries that cannot; each contains ids only.
    pub unreadable: Vec<String>,
    /// Every entry from then on was read: an older page ends before it.
    pub since: Timestamp,
    /// The number of entries that were found, wanted or not.
    pub found: usize,
}

impl Store {
    /// The newest events that were stored before `until`, but not before `since`: those of about `most` entries, from half to twice as many, and of these only of
    /// the tickets that are wanted. The index is eventually consistent. An entry that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn journal_page(
        &self,
        since: Timestamp,
        until: Timestamp,
        most: usize,
        is_wanted: impl Fn(&OrganisationId, &TicketId) -> bool,
    ) -> Result<JournalPage, Error> {
        let mut keys: Vec<Item> = Vec::new();
        let mut end = until;
        while end > since && keys.len() < most.div_ceil(2) {
            // The day of the last millisecond before the end.
            let day = end.as_millis().saturating_sub(1) / 1_000 / DAY;
            let start = Timestamp::from_seconds(day.saturating_mul(DAY)).max(since);
            let (found, reached) = self.newest(day, start, end, most).await?;
            keys.extend(found);
            end = reached;
        }
        let found = keys.len();
        keys.retain(|key| {
            let Some(ItemKey { organisation, kind: ItemKind::Journal(ticket, _) }) = ItemKey::of(key) else {
                return false;
            };
            is_wanted(&organisation, &ticket)
        });
        for key in &mut keys {
            key.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
        }
        let mut journal = Journal::default();
        let mut entries = self.get_all(keys).await?;
        entries.sort_by_cached_key(|entry| (Reverse(entry_time(entry)), Reverse(super::key_text(entry))));
        let events = entries.iter().flat_map(|entry| journal.read(entry).into_iter().rev()).collect();
        Ok(JournalPage { events, unreadable: journal.unreadable, since: end.max(since), found })
    }

    /// The newest keys of a day in this time, about `most` of them, and from when on there are no others. Entries of one millisecond
    /// are not parted.
    async fn newest(
        &self,
        day: u64,
        since: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<(Vec<Item>, Timestamp), Error> {
        // Twice a shard's share, as shares differ: what one shard has beyond the end of another is read again later.
        let each = most.saturating_mul(2).div_ceil(usize::try_from(SHARDS).unwrap_or(1));
        let of_shards = self.newest_of_each(day, since, until, each).await?;
        let cut =
            of_shards.iter().filter(|keys| keys.len() >= each).filter_map(|keys| keys.last()).map(entry_time);
        let Some(cut) = cut.max() else { return Ok((of_shards.concat(), since)) };
        // The limit may have parted entries of that millisecond.
        let mut keys = of_shards.concat();
        keys.retain(|key| entry_time(key) > cut);
        let (cut, next) = (Timestamp::from_millis(cut), Timestamp::from_millis(cut.saturating_add(1)));
        if !keys.is_empty() {
            return Ok((keys, next));
        }
        Ok((self.newest_of_each(day, cut, next, usize::MAX).await?.concat(), cut))
    }

    /// The newest keys of each partition of a day.
    async fn newest_of_each(
        &self,
        day: u64,
        since: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Vec<Item>>, Error> {
        let queries =
            (0..SHARDS).map(|shard| self.newest_of(part(day, &shard.to_string()), since, until, most));
        stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await
    }

    /// The newest keys of one partition of the index.
    async fn newest_of(
        &self,
        part: String,
        since: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Item>, Error> {
        let request = self.index_query(&part, since, until).scan_index_forward(false);
        let request = request.set_limit(i32::try_from(most).ok());
        let mut pages = request.into_paginator().items().send();
        let mut keys = Vec::new();
        while keys.len() < most {
            let Some(key) = pages.next().await else { break };
            keys.push(key.map_err(|error| unavailable(&error))?);
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::json::to_json;
    use crate::store::journal::journal_day;
    use crate::testing::stage_changed;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    const NOW: u64 = 1_790_000_000_000;

    /// A table with an entry for each of these times, of tickets of two organisations in turn; and the number of items that it returned.
    fn store(times: &[u64]) -> (Store, Arc<Mutex<usize>>) {
        let entries: Vec<Value> = times
            .iter()
            .enumerate()
            .map(|(number, at)| {
                let organisation = if number % 2 == 0 { "north" } else { "south" };
                let ticket = TicketId::parse(format!("t-{number}")).unwrap();
                let aws_day = journal_day(Timestamp::from_millis(*at), &ticket);
                let mut event = stage_changed("a", "b");
                event.observed_at = Timestamp::from_millis(*at);
                json!({
                    "pk": { "S": format!("TICKET#{organisation}#{ticket}") }, "sk": { "S": format!("JOURNAL#{number:010}") },
                    "journal_day": { "S": aws_day.as_s().unwrap() }, "at": { "N": at.to_string() },
                    "events": { "S": to_json(&[event]) },
                })
            })
            .collect();
        let returned: Arc<Mutex<usize>> = Arc::default();
        let count = Arc::clone(&returned);
        let config = aws::stub::config_with_responses(move |request| {
            if let Some(tables) = request.get("RequestItems") {
                let wanted = tables["t"]["Keys"].as_array().unwrap();
                let found = entries.iter().filter(|entry| {
                    wanted.iter().any(|key| key["pk"] == entry["pk"] && key["sk"] == entry["sk"])
                });
                return (200, json!({ "Responses": { "t": found.collect::<Vec<_>>() } }));
            }
            let value = |name: &str| request["ExpressionAttributeValues"][name].clone();
            let at = |value: &Value| value["N"].as_str().unwrap().parse::<u64>().unwrap();
            let mut found: Vec<&Value> = entries
                .iter()
                .filter(|entry| entry["journal_day"] == value(":day"))
                .filter(|entry| (at(&value(":since"))..=at(&value(":until"))).contains(&at(&entry["at"])))
                .collect();
            assert_eq!(request["ScanIndexForward"], false);
            found.sort_by_key(|entry| Reverse(at(&entry["at"])));
            found.truncate(
                request["Limit"].as_u64().map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()),
            );
            let mut count = count.lock().unwrap();
            *count = count.saturating_add(found.len());
            (200, json!({ "Items": found }))
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), returned)
    }

    /// All pages from now back to a year ago, as times.
    async fn pages(store: &Store, most: usize, wanted: &str) -> Vec<Vec<u64>> {
        let since = Timestamp::from_millis(NOW - 40 * DAY * 1_000);
        let mut until = Timestamp::from_millis(NOW + 1);
        let mut pages = Vec::new();
        while until > since {
            let is_wanted = |organisation: &OrganisationId, _: &TicketId| {
                wanted.is_empty() || organisation.as_str() == wanted
            };
            let page = store.journal_page(since, until, most, is_wanted).await.unwrap();
            assert!(page.since < until && page.unreadable.is_empty());
            until = page.since;
            pages.push(page.events.iter().map(|event| event.observed_at.as_millis()).collect());
        }
        pages
    }

    #[tokio::test]
    async fn pages_have_every_event_once_newest_first_over_days_and_equal_times() {
        let day = DAY * 1_000;
        let mut times: Vec<u64> = (0..40).map(|number| NOW - number * day / 3).collect();
        times.extend([NOW - day; 9]);
        let (store, _) = store(&times);
        times.sort_unstable_by_key(|time| Reverse(*time));
        for most in [1, 3, 7, 100] {
            let pages = pages(&store, most, "").await;
            // One key of each shard is read at least, and the ten of one millisecond are not parted.
            assert!(pages.iter().all(|page| page.len() <= 2 * most + 16 + 10), "{most}: {pages:?}");
            assert_eq!(pages.concat(), times, "{most}");
        }
    }

    #[tokio::test]
    async fn a_page_reads_a_bounded_number_of_entries_and_only_wanted_ones_in_full() {
        let times: Vec<u64> = (0..5_000).map(|number| NOW - number * 1_000).collect();
        let (store, returned) = store(&times);
        let until = Timestamp::from_millis(NOW + 1);
        let since = Timestamp::from_millis(NOW - DAY * 1_000);
        let north = |organisation: &OrganisationId, _: &TicketId| organisation.as_str() == "north";
        let page = store.journal_page(since, until, 100, north).await.unwrap();
        assert!((50..=200).contains(&page.found), "{}", page.found);
        assert_eq!(page.events.len(), page.found.div_ceil(2));
        assert_eq!(times.iter().filter(|time| **time >= page.since.as_millis()).count(), page.found);
        assert!(*returned.lock().unwrap() <= 2 * 100 + 16, "{returned:?}");
    }
}
