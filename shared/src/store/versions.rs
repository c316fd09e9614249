//! New versions of tickets, each with its events in the same item, so that a crash loses none.
//!
//! Versions are written without a transaction, which costs half: the snapshot with its outbox first, and its journal entry after that
//! (`entries.rs`). With more of them than a batch of hints has messages, single writes would take many more requests than transactions
//! do, which write both.

use super::entries::entry;
use super::keys::{ItemKind, key};
use super::packed::pack;
use super::reminders::ReminderEnd;
use super::schedule;
use super::statements::{SINGLES_AT_ONCE, Statement};
use super::transaction::{MAX_TRIES, WriteUnit};
use super::{Error, Item, Store, back_off, number, unavailable};
use crate::clock::Timestamp;
use crate::id::OrganisationId;
use crate::json;
use crate::model::check_schedule::{CheckSchedule, Rhythm, Slot};
use crate::model::event::Event;
use crate::model::reminder::Reminder;
use crate::model::snapshot::Snapshot;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use futures::{StreamExt as _, future, stream};
use serde::Serialize;

/// This many versions are written without a transaction.
pub(super) const MOST_ALONE: usize = 100;
/// What a snapshot's item may have, and no longer has if the next version does not set it. The last three are of earlier versions of
/// the program.
const OPTIONAL: [&str; 7] = [
    "outbox",
    "unpublished",
    "due_shard",
    "next_check",
    "unpublished_since",
    "last_checked",
    "check_interval",
];

/// A new version of a ticket, to be stored.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The ticket as it is now.
    pub snapshot: &'a Snapshot,
    /// What happened, for the journal.
    pub events: &'a [Event],
    /// What is to be published: those events, after the unpublished ones of earlier versions.
    pub outbox: &'a [Event],
    /// The reminders of which those events are: they end in the same transaction, or nothing is written.
    pub reminders: &'a [Reminder],
    /// When it is checked beside its regular checks; see [`CheckSchedule::planned`].
    pub extra_check: Option<Timestamp>,
}

/// Whether a version that was stored has its journal entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// Both were written in one transaction.
    Stored,
    /// It is to be written, see [`Store::journal_each`]: until then, its events are in the outbox, which must not be emptied.
    Missing,
}

/// A snapshot with the version's events beside its fields, which deflate to little: the ticket is in both. Other readers pass over them.
#[derive(Serialize)]
struct WithOutbox<'a> {
    #[serde(flatten)]
    snapshot: &'a Snapshot,
    outbox: &'a [Event],
}

impl Store {
    /// Stores new versions, each on condition that the version before it is the stored one. One result for each, in their order:
    /// whether its journal entry was written with it, or [`Error::VersionConflict`] if another version is stored.
    pub async fn write_each(
        &self,
        organisation: &OrganisationId,
        versions: &[Version<'_>],
        at: Timestamp,
    ) -> Vec<Result<EntryState, Error>> {
        let without_reminders = versions.iter().filter(|version| version.reminders.is_empty()).count();
        let is_alone =
            |version: &&Version<'_>| version.reminders.is_empty() && without_reminders <= MOST_ALONE;
        let (alone, together): (Vec<&Version<'_>>, Vec<&Version<'_>>) = versions.iter().partition(is_alone);
        let units = together
            .iter()
            .map(|version| self.version(organisation, version, at, after_version_before(version)))
            .collect();
        let (alone, together) =
            future::join(self.put_each(organisation, &alone, at), self.transact_each(units)).await;
        let (mut alone, mut together) = (alone.into_iter(), together.into_iter());
        let written = versions.iter().map(|version| {
            let written = if is_alone(&version) {
                alone.next().map(|written| written.map(|()| EntryState::Missing))
            } else {
                together.next().map(|written| written.map(|()| EntryState::Stored).map_err(Error::from))
            };
            written.unwrap_or(Err(Error::Unavailable { code: None }))
        });
        written.collect()
    }

    /// Stores one new version with its journal entry, in one transaction; see [`Self::write_each`].
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another one is stored; else [`Error`]. Nothing is written then.
    pub async fn write(
        &self,
        organisation: &OrganisationId,
        version: Version<'_>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let condition = after_version_before(&version);
        Ok(self.transact(self.version(organisation, &version, at, condition)).await?)
    }

    /// The items of a version; `condition` adds that of the snapshot's.
    pub(super) fn version(
        &self,
        organisation: &OrganisationId,
        version: &Version<'_>,
        at: Timestamp,
        condition: impl FnOnce(PutBuilder) -> PutBuilder,
    ) -> WriteUnit {
        let ticket = &version.snapshot.ticket;
        let current = condition(self.put(current(organisation, version, at)));
        let entry = self.put(entry(organisation, (&ticket.id, ticket.version), version.events, at));
        let entry = entry.condition_expression("attribute_not_exists(pk)");
        version.reminders.iter().fold(WriteUnit::default().put(current).put(entry), |unit, reminder| {
            unit.update(self.end_of_reminder(organisation, &ticket.id, reminder, (ReminderEnd::Due, at)))
        })
    }

    /// Stores the snapshots of these versions.
    async fn put_each(
        &self,
        organisation: &OrganisationId,
        versions: &[&Version<'_>],
        at: Timestamp,
    ) -> Vec<Result<(), Error>> {
        let items: Vec<(u64, Item)> = versions
            .iter()
            .map(|version| (version.snapshot.ticket.version, current(organisation, version, at)))
            .collect();
        let statements = items.iter().map(|(version, item)| self.put_statement(*version, item.clone()));
        let mut written = self.execute_each(statements.collect()).await.into_iter();
        let puts = items.into_iter().map(|(version, item)| {
            let is_written = written.next().unwrap_or_default();
            async move { if is_written { Ok(()) } else { self.put_alone(version, item).await } }
        });
        let puts: Vec<_> = puts.collect();
        stream::iter(puts).buffered(SINGLES_AT_ONCE).collect().await
    }

    /// Stores a snapshot. After a lost response the condition fails for our own version, which is recognised.
    async fn put_alone(&self, version: u64, item: Item) -> Result<(), Error> {
        let mut round = 0_u32;
        loop {
            let request = self.client.put_item().table_name(&self.table).set_item(Some(item.clone()));
            let response = request
                .condition_expression(AFTER_VERSION_BEFORE)
                .expression_attribute_values(":before", number(version.saturating_sub(1)))
                .expression_attribute_values(":zero", number(0))
                .send()
                .await;
            let Err(error) = response else { return Ok(()) };
            round = round.saturating_add(1);
            match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => {
                    let mut key = item.clone();
                    key.retain(|name, _| ["pk", "sk"].contains(&name.as_str()));
                    let stored = self.get_some(vec![key]).await?.pop();
                    let is_ours = stored.is_some_and(|stored| {
                        ["version", "stored_at", "snapshot"]
                            .iter()
                            .all(|name| stored.get(*name) == item.get(*name))
                    });
                    return if is_ours { Ok(()) } else { Err(Error::VersionConflict) };
                }
                Some(refusal) if refusal.is_transaction_conflict_exception() && round < MAX_TRIES => {
                    back_off(round).await;
                }
                _ => return Err(unavailable(&error)),
            }
        }
    }

    /// The statement that stores a snapshot, with the condition of [`AFTER_VERSION_BEFORE`].
    fn put_statement(&self, version: u64, mut item: Item) -> Statement {
        let before = version.saturating_sub(1);
        if before == 0 {
            return self.insert(item);
        }
        let mut of: Vec<AttributeValue> = ["pk", "sk"].iter().filter_map(|name| item.remove(*name)).collect();
        of.push(number(before));
        let removed = OPTIONAL.iter().filter(|name| !item.contains_key(**name));
        let removed: Vec<String> = removed.map(|name| format!(" REMOVE \"{name}\"")).collect();
        let (set, mut parameters): (Vec<String>, Vec<AttributeValue>) =
            item.into_iter().map(|(name, value)| (format!(" SET \"{name}\" = ?"), value)).unzip();
        parameters.extend(of);
        let of = "WHERE \"pk\" = ? AND \"sk\" = ? AND \"version\" = ?";
        (format!("UPDATE {}{}{} {of}", self.quoted(), set.concat(), removed.concat()), parameters)
    }
}

/// The item of a version's snapshot.
fn current(organisation: &OrganisationId, version: &Version<'_>, at: Timestamp) -> Item {
    let Version { snapshot, events, outbox, reminders: _, extra_check } = version;
    let ticket = &snapshot.ticket;
    let mut current = key(organisation, ItemKind::Snapshot(ticket.id.clone()));
    current.insert("version".to_owned(), number(ticket.version));
    let is_own = !outbox.is_empty() && is_same(outbox, events);
    let json = if is_own { json::to_json(&WithOutbox { snapshot, outbox }) } else { json::to_json(snapshot) };
    current.insert("snapshot".to_owned(), pack(json));
    if !is_own {
        current.insert("outbox".to_owned(), pack(json::to_json(outbox)));
    }
    if !outbox.is_empty() {
        let unpublished = u64::try_from(outbox.len()).unwrap_or(u64::MAX);
        current.insert("unpublished".to_owned(), number(unpublished));
    }
    // The same ones as in the version before, so that they cost nothing of the index.
    let slot = Slot::of(&ticket.id, Rhythm::of(snapshot));
    let schedule = CheckSchedule { stored_at: at, slot: Some(slot), extra: *extra_check };
    current.extend(schedule::attributes(&ticket.id, schedule).map(|(name, value)| (name.to_owned(), value)));
    current
}

/// Whether these are the same events in the same order.
fn is_same(outbox: &[Event], events: &[Event]) -> bool {
    outbox.iter().map(|event| &event.id).eq(events.iter().map(|event| &event.id))
}

/// The condition that the version before this one is the stored one.
const AFTER_VERSION_BEFORE: &str = "attribute_not_exists(pk) AND :before = :zero OR version = :before";

/// [`AFTER_VERSION_BEFORE`], with its values.
fn after_version_before(version: &Version<'_>) -> impl FnOnce(PutBuilder) -> PutBuilder + use<> {
    let before = version.snapshot.ticket.version.saturating_sub(1);
    move |put| {
        put.condition_expression(AFTER_VERSION_BEFORE)
            .expression_attribute_values(":before", number(before))
            .expression_attribute_values(":zero", number(0))
    }
}

#[cfg(test)]
mod tests;
