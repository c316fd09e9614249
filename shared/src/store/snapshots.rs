//! Snapshots, their outbox, and the journal.

use super::journal::day;
use super::sweep::{numbers, shard, watch};
use super::{Error, Item, Store, json, key, number, text, unavailable};
use crate::clock::Moment;
use crate::diff::Snapshot;
use crate::event::Event;
use crate::id::{OrganisationId, TicketId};
use crate::watch::Watch;
use crate::wire;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};
use std::collections::HashMap;

/// `BatchGetItem` takes this many keys (Amazon DynamoDB API Reference).
pub(super) const KEYS_PER_REQUEST: usize = 100;
/// So often what DynamoDB left out of an answer is asked for again before the batch is retried as a whole.
const MOST_ROUNDS: usize = 5;

/// What the table knows of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The ticket as it was last seen.
    pub snapshot: Snapshot,
    /// Events that were stored and perhaps not published.
    pub outbox: Vec<Event>,
    /// When it is looked at again.
    pub watch: Watch,
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
        let items = self.items(organisation, tickets, "SNAPSHOT").await?;
        let known = items.iter().map(|item| {
            let snapshot: Snapshot = json(item, "snapshot")?;
            let known = Known { outbox: json(item, "outbox")?, watch: watch(item)?, snapshot };
            Ok((known.snapshot.ticket.id.clone(), known))
        });
        known.collect()
    }

    /// Stores a new version: the snapshot, the outbox and the journal entry in one transaction, on condition that the
    /// version before it is still the stored one.
    ///
    /// # Errors
    /// [`Error::Overtaken`] where it is not; else [`Error`]. Nothing is half written.
    pub async fn write(
        &self,
        organisation: &OrganisationId,
        snapshot: &Snapshot,
        events: &[Event],
        outbox: &[Event],
        at: Moment,
    ) -> Result<(), Error> {
        let ticket = &snapshot.ticket;
        let mut current = key(ticket_key(organisation, &ticket.id), "SNAPSHOT");
        current.insert("version".to_owned(), number(ticket.version));
        current.insert("snapshot".to_owned(), text(wire::to_json(snapshot)));
        current.insert("outbox".to_owned(), text(wire::to_json(&outbox)));
        current.insert("sweep".to_owned(), text(shard(&ticket.id)));
        for (name, value) in numbers(Watch::unpublished(at)) {
            current.insert(name.to_owned(), value);
        }
        let condition = self
            .put(current)
            .condition_expression("attribute_not_exists(pk) AND :before = :zero OR version = :before");
        let condition = condition
            .expression_attribute_values(":before", number(ticket.version.saturating_sub(1)))
            .expression_attribute_values(":zero", number(0));
        let mut entry = key(ticket_key(organisation, &ticket.id), format!("JOURNAL#{:010}", ticket.version));
        entry.insert("events".to_owned(), text(wire::to_json(&events)));
        entry.insert("at".to_owned(), number(at.as_millis()));
        entry.insert("told_on".to_owned(), day(at));
        let entry = self.put(entry).condition_expression("attribute_not_exists(pk)");
        self.transact([condition, entry], None).await
    }

    /// Empties the outbox of this version, after its events were published. Where a newer version has replaced it,
    /// nothing is done: the newer one's outbox is its own.
    ///
    /// # Errors
    /// [`Error`]; the events would be published again, with the same ids.
    pub async fn published(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
        now: Moment,
    ) -> Result<(), Error> {
        self.watched(organisation, ticket, version, Watch::published(now), true).await
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
        watch: Watch,
    ) -> Result<(), Error> {
        self.watched(organisation, ticket, version, watch, false).await
    }

    async fn watched(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        version: u64,
        watch: Watch,
        empties_outbox: bool,
    ) -> Result<(), Error> {
        let mut request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(ticket_key(organisation, ticket), "SNAPSHOT")))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version));
        let mut change = "SET verified = :verified, due = :due, quiet = :quiet".to_owned();
        for (name, value) in numbers(watch) {
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        if empties_outbox {
            change.push_str(", outbox = :empty");
            request = request.expression_attribute_values(":empty", text("[]"));
        }
        match request.update_expression(change).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => Ok(()),
                _ => Err(unavailable(&error)),
            },
        }
    }

    pub(super) fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.table).set_item(Some(item))
    }

    pub(super) async fn transact<const N: usize>(
        &self,
        puts: [aws_sdk_dynamodb::types::builders::PutBuilder; N],
        update: Option<UpdateBuilder>,
    ) -> Result<(), Error> {
        let mut request = self.client.transact_write_items();
        for put in puts {
            let Ok(put) = put.build() else { return Err(Error::Refused) };
            request = request.transact_items(TransactWriteItem::builder().put(put).build());
        }
        if let Some(update) = update {
            let Ok(update) = update.build() else { return Err(Error::Refused) };
            request = request.transact_items(TransactWriteItem::builder().update(update).build());
        }
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    why_canceled(canceled)
                }
                _ => unavailable(&error),
            }),
        }
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

    /// The items with these keys, at most [`KEYS_PER_REQUEST`], read consistently.
    pub(super) async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut items = Vec::with_capacity(keys.len());
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let Ok(wanted) = wanted else { return Err(Error::Refused) };
        let mut wanted = Some(HashMap::from([(self.table.clone(), wanted)]));
        for _ in 0..MOST_ROUNDS {
            let Some(request) = wanted.take() else { break };
            let answer = self.client.batch_get_item().set_request_items(Some(request)).send().await;
            let answer = answer.map_err(|error| unavailable(&error))?;
            items.extend(answer.responses.unwrap_or_default().into_values().flatten());
            wanted = answer.unprocessed_keys.filter(|keys| !keys.is_empty());
        }
        if wanted.is_some() {
            return Err(Error::Unavailable);
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

/// A condition that failed means that somebody was faster; a conflict or a throttle, that nothing is known yet.
fn why_canceled(canceled: &aws_sdk_dynamodb::types::error::TransactionCanceledException) -> Error {
    let failed = |code| canceled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code));
    if failed("ConditionalCheckFailed") || failed("TransactionConflict") {
        Error::Overtaken
    } else if failed("ValidationError") {
        Error::Refused
    } else {
        Error::Unavailable
    }
}
