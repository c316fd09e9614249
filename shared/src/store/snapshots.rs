//! Snapshots, their outbox, and the journal.

use super::due_index::{numbers, shard, unpublished, watch};
use super::journal::told_on;
use super::transaction::{Unit, Unwritten};
use super::{Error, Item, KEYS_PER_REQUEST, Store, decode, key, number, text, unavailable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::json;
use crate::model::check_schedule::CheckSchedule;
use crate::model::diff::Snapshot;
use crate::model::event::Event;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use std::collections::HashMap;

/// The sort key of a ticket as it was last seen.
const SNAPSHOT: &str = "SNAPSHOT";

/// What the table knows of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The ticket as it was last seen.
    pub snapshot: Snapshot,
    /// Events that were stored and perhaps not published.
    pub outbox: Vec<Event>,
    /// When it is looked at again.
    pub watch: CheckSchedule,
}

/// A ticket's new version, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The ticket as it is seen now.
    pub snapshot: &'a Snapshot,
    /// What happened, for the journal.
    pub events: &'a [Event],
    /// What is to be published: those, after what an earlier version left unpublished.
    pub outbox: &'a [Event],
}

/// A look at a version of a ticket that changed nothing of it.
#[derive(Clone, Copy)]
struct Check<'a> {
    ticket: &'a TicketId,
    version: u64,
    watch: CheckSchedule,
    is_published: bool,
}

impl Store {
    /// What is known of these tickets, read consistently: a comparison with less would find changes that were told.
    ///
    /// # Errors
    /// [`Error`]; nothing is half read.
    pub async fn known(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
    ) -> Result<HashMap<TicketId, Known>, Error> {
        let items = self.items(organisation, tickets, SNAPSHOT).await?;
        let known = items.iter().map(|item| {
            let snapshot: Snapshot = decode(item, "snapshot")?;
            let known = Known { outbox: decode(item, "outbox")?, watch: watch(item)?, snapshot };
            Ok((known.snapshot.ticket.id.clone(), known))
        });
        known.collect()
    }

    /// Stores new versions, each with its journal entry in one transaction, on condition that the version before it is
    /// still the stored one: about 50 to a call. One result for each, in their order, where [`Error::VersionConflict`] says that it
    /// is not, and nothing is half written.
    pub async fn write_each(
        &self,
        organisation: &OrganisationId,
        versions: &[Version<'_>],
        at: Timestamp,
    ) -> Vec<Result<(), Error>> {
        let units = versions.iter().map(|version| self.version(organisation, version, at)).collect();
        let written = self.transact_each(units).await.into_iter();
        written.map(|written| written.map_err(Error::from)).collect()
    }

    /// Stores one new version; see [`Self::write_each`].
    ///
    /// # Errors
    /// [`Error::VersionConflict`] where another one is stored; else [`Error`]. Nothing is half written.
    pub async fn write(
        &self,
        organisation: &OrganisationId,
        version: Version<'_>,
        at: Timestamp,
    ) -> Result<(), Error> {
        Ok(self.transact(self.version(organisation, &version, at)).await?)
    }

    fn version(&self, organisation: &OrganisationId, version: &Version<'_>, at: Timestamp) -> Unit {
        let Version { snapshot, events, outbox } = version;
        let ticket = &snapshot.ticket;
        let mut current = key(ticket_key(organisation, &ticket.id), SNAPSHOT);
        current.insert("version".to_owned(), number(ticket.version));
        current.insert("snapshot".to_owned(), text(json::to_json(snapshot)));
        current.insert("outbox".to_owned(), text(json::to_json(outbox)));
        current.insert("sweep".to_owned(), text(shard(&ticket.id)));
        for (name, value) in numbers(CheckSchedule::unpublished(at))
            .into_iter()
            .chain(unpublished(outbox).into_iter().flatten())
        {
            current.insert(name.to_owned(), value);
        }
        let current = self
            .put(current)
            .condition_expression("attribute_not_exists(pk) AND :before = :zero OR version = :before")
            .expression_attribute_values(":before", number(ticket.version.saturating_sub(1)))
            .expression_attribute_values(":zero", number(0));
        let mut entry = key(ticket_key(organisation, &ticket.id), format!("JOURNAL#{:010}", ticket.version));
        entry.insert("events".to_owned(), text(json::to_json(events)));
        entry.insert("at".to_owned(), number(at.as_millis()));
        entry.insert("told_on".to_owned(), told_on(at, &ticket.id));
        let entry = self.put(entry).condition_expression("attribute_not_exists(pk)");
        Unit::default().put(current).put(entry)
    }

    /// Empties the outboxes of these versions, after their events were published: 100 to a call. Where a newer version has
    /// replaced one, nothing is done: the newer one's outbox is its own. One result for each, in their order; after an error
    /// the events are published again, with the same ids.
    pub async fn published(
        &self,
        organisation: &OrganisationId,
        versions: &[(&TicketId, u64)],
        now: Timestamp,
    ) -> Vec<Result<(), Error>> {
        let look = |&(ticket, version)| Check {
            ticket,
            version,
            watch: CheckSchedule::published(now),
            is_published: true,
        };
        if let [version] = versions {
            // A transaction of one costs twice as much as this.
            return vec![self.watched(organisation, look(version)).await];
        }
        let units =
            versions.iter().map(|version| Unit::default().update(self.update(organisation, look(version))));
        let emptied = self.transact_each(units.collect()).await.into_iter();
        let emptied = emptied.map(|emptied| match emptied {
            Ok(()) | Err(Unwritten::Condition) => Ok(()),
            Err(why) => Err(why.into()),
        });
        emptied.collect()
    }

    /// Notes that a ticket of this version was looked at and is unchanged. Where a newer version has replaced it, nothing
    /// is done.
    ///
    /// # Errors
    /// [`Error`]; the ticket stays due.
    pub async fn verified(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
        watch: CheckSchedule,
    ) -> Result<(), Error> {
        self.watched(organisation, Check { ticket, version, watch, is_published: false }).await
    }

    async fn watched(&self, organisation: &OrganisationId, look: Check<'_>) -> Result<(), Error> {
        let update = self.update(organisation, look);
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(update.get_key().clone())
            .set_condition_expression(update.get_condition_expression().clone())
            .set_update_expression(update.get_update_expression().clone())
            .set_expression_attribute_values(update.get_expression_attribute_values().clone());
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(unavailable(&error)),
            },
        }
    }

    /// What a look that changed nothing leaves in the snapshot's item.
    fn update(&self, organisation: &OrganisationId, look: Check<'_>) -> UpdateBuilder {
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(ticket_key(organisation, look.ticket), SNAPSHOT)))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(look.version));
        let mut change = "SET verified = :verified, due = :due, quiet = :quiet".to_owned();
        for (name, value) in numbers(look.watch) {
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        if look.is_published {
            change.push_str(", outbox = :empty REMOVE unpublished, unpublished_since");
            update = update.expression_attribute_values(":empty", text("[]"));
        }
        update.update_expression(change)
    }

    pub(super) async fn items(
        &self,
        organisation: &OrganisationId,
        tickets: &[TicketId],
        sk: &str,
    ) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(tickets.len());
        for tickets in tickets.chunks(KEYS_PER_REQUEST) {
            let keys = tickets.iter().map(|ticket| key(ticket_key(organisation, ticket), sk)).collect();
            items.extend(self.get_all(keys).await?);
        }
        Ok(items)
    }
}

pub(super) fn ticket_key(organisation: &OrganisationId, ticket: &TicketId) -> String {
    format!("{}{ticket}", ticket_prefix(organisation))
}

pub(super) fn ticket_prefix(organisation: &OrganisationId) -> String {
    format!("TICKET#{organisation}#")
}
