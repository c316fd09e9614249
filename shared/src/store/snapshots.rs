//! Snapshots, their outbox, and the journal.

use super::journal::journal_day;
use super::keys::{ItemKey, ItemKind, key};
use super::known::{Damaged, Known, known, version_in_journal};
use super::packed::pack;
use super::reminders::ReminderEnd;
use super::schedule;
use super::transaction::{Unwritten, WriteUnit};
use super::{Error, Item, Store, number, report_unreadable, text, unless_condition_failed};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::json;
use crate::model::check_schedule::{CheckSchedule, Rhythm, Slot};
use crate::model::event::Event;
use crate::model::reminder::Reminder;
use crate::model::snapshot::Snapshot;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::{PutBuilder, UpdateBuilder};
use std::collections::HashMap;

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

impl Store {
    /// What is known of these tickets, read consistently: with an older version, the same change would be found twice.
    ///
    /// A ticket whose item cannot be read has a result of its own, and is logged; see [`Store::salvage`].
    ///
    /// # Errors
    /// [`Error`] if the table cannot be read.
    pub async fn known(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
    ) -> Result<HashMap<TicketId, Result<Known, Box<Damaged>>>, Error> {
        let items = self.items(organisation, tickets, ItemKind::Snapshot).await?;
        let entries = self.unpublished_entries(organisation, &items).await?;
        let known = items.iter().filter_map(|item| {
            let ticket = ItemKey::of(item)?.kind.ticket()?.clone();
            let known = known(item, &ticket, entries.get(&ticket));
            if let Err(damaged) = &known {
                report_unreadable(item, &damaged.error);
            }
            Some((ticket, known))
        });
        Ok(known.collect())
    }

    /// The journal entries that are the outboxes of these snapshots' items, by ticket: only after a crash, or while they are published.
    async fn unpublished_entries(
        &self,
        organisation: &OrganisationId,
        items: &[Item],
    ) -> Result<HashMap<TicketId, Item>, Error> {
        let keys = items.iter().filter_map(|item| {
            let (version, ticket) = (version_in_journal(item)?, ItemKey::of(item)?.kind.ticket()?.clone());
            Some(key(organisation, ItemKind::Journal(ticket, version)))
        });
        let entries = self.get_all(keys.collect()).await?.into_iter();
        let of_ticket = |entry: Item| Some((ItemKey::of(&entry)?.kind.ticket()?.clone(), entry));
        Ok(entries.filter_map(of_ticket).collect())
    }

    /// Stores new versions, each with its journal entry in one transaction, on condition that the version before it is the
    /// stored one; about 50 versions in a request. One result for each, in their order: [`Error::VersionConflict`] if
    /// another version is stored. A version is written completely or not at all.
    pub async fn write_each(
        &self,
        organisation: &OrganisationId,
        versions: &[Version<'_>],
        at: Timestamp,
    ) -> Vec<Result<(), Error>> {
        let units = versions
            .iter()
            .map(|version| self.version(organisation, version, at, after_version_before(version)))
            .collect();
        let written = self.transact_each(units).await.into_iter();
        written.map(|written| written.map_err(Error::from)).collect()
    }

    /// Stores one new version; see [`Self::write_each`].
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
        let Version { snapshot, events, outbox, reminders, extra_check } = version;
        let ticket = &snapshot.ticket;
        let mut current = key(organisation, ItemKind::Snapshot(ticket.id.clone()));
        current.insert("version".to_owned(), number(ticket.version));
        current.insert("snapshot".to_owned(), pack(json::to_json(snapshot)));
        // The version's own events are in its journal entry, so that a copy would only make the item larger.
        if outbox.is_empty() || !is_same(outbox, events) {
            current.insert("outbox".to_owned(), pack(json::to_json(outbox)));
        }
        if !outbox.is_empty() {
            let unpublished = u64::try_from(outbox.len()).unwrap_or(u64::MAX);
            current.insert("unpublished".to_owned(), number(unpublished));
        }
        // The same ones as in the version before, so that they cost nothing of the index.
        let slot = Slot::of(&ticket.id, Rhythm::of(snapshot));
        let schedule = CheckSchedule { stored_at: at, slot: Some(slot), extra: *extra_check };
        current
            .extend(schedule::attributes(&ticket.id, schedule).map(|(name, value)| (name.to_owned(), value)));
        let current = condition(self.put(current));
        let mut entry = key(organisation, ItemKind::Journal(ticket.id.clone(), ticket.version));
        entry.insert("events".to_owned(), pack(json::to_json(events)));
        entry.insert("at".to_owned(), number(at.as_millis()));
        entry.insert("journal_day".to_owned(), journal_day(at, &ticket.id));
        let entry = self.put(entry).condition_expression("attribute_not_exists(pk)");
        reminders.iter().fold(WriteUnit::default().put(current).put(entry), |unit, reminder| {
            unit.update(self.end_of_reminder(organisation, &ticket.id, reminder, (ReminderEnd::Due, at)))
        })
    }

    /// Empties the outboxes of these versions, after their events were published; 100 in a request. A version that a newer one
    /// has replaced is skipped: the newer one has an outbox of its own. One result for each, in their order; after an error the
    /// events are published again, with the same ids.
    pub async fn clear_outboxes(
        &self,
        organisation: &OrganisationId,
        versions: &[(&TicketId, u64)],
    ) -> Vec<Result<(), Error>> {
        if let [version] = versions {
            // A transaction of one costs twice as much as this.
            return vec![self.clear_outbox(organisation, *version).await];
        }
        let units = versions
            .iter()
            .map(|version| WriteUnit::default().update(self.emptied_outbox(organisation, *version)));
        let emptied = self.transact_each(units.collect()).await.into_iter();
        let emptied = emptied.map(|emptied| match emptied {
            Ok(()) | Err(Unwritten::Condition) => Ok(()),
            Err(why) => Err(why.into()),
        });
        emptied.collect()
    }

    async fn clear_outbox(
        &self,
        organisation: &OrganisationId,
        version: (&TicketId, u64),
    ) -> Result<(), Error> {
        let update = self.emptied_outbox(organisation, version);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(update.get_key().clone())
            .set_condition_expression(update.get_condition_expression().clone())
            .set_update_expression(update.get_update_expression().clone())
            .set_expression_attribute_values(update.get_expression_attribute_values().clone());
        unless_condition_failed(request.send().await).map(drop)
    }

    /// The update that empties an outbox. It changes nothing that an index has, unless the ticket has a check at a time of its own.
    fn emptied_outbox(
        &self,
        organisation: &OrganisationId,
        (ticket, version): (&TicketId, u64),
    ) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            // An earlier version of the program also stored since when.
            .update_expression("SET outbox = :empty REMOVE unpublished, unpublished_since")
            .condition_expression("version = :version")
            .expression_attribute_values(":empty", text("[]"))
            .expression_attribute_values(":version", number(version))
    }

    /// The items of this kind of these tickets, read consistently.
    pub(super) async fn items(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
        kind: fn(TicketId) -> ItemKind,
    ) -> Result<Vec<Item>, Error> {
        self.get_all(tickets.iter().map(|ticket| key(organisation, kind(ticket.clone()))).collect()).await
    }
}

/// Whether these are the same events in the same order.
fn is_same(outbox: &[Event], events: &[Event]) -> bool {
    outbox.iter().map(|event| &event.id).eq(events.iter().map(|event| &event.id))
}

/// The condition that the version before this one is the stored one.
fn after_version_before(version: &Version<'_>) -> impl FnOnce(PutBuilder) -> PutBuilder + use<> {
    let before = version.snapshot.ticket.version.saturating_sub(1);
    move |put| {
        put.condition_expression("attribute_not_exists(pk) AND :before = :zero OR version = :before")
            .expression_attribute_values(":before", number(before))
            .expression_attribute_values(":zero", number(0))
    }
}
