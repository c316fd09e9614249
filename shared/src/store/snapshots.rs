//! Snapshots, and their outboxes, which are emptied after they were published and are in the journal.

use super::keys::{ItemKey, ItemKind, key};
use super::known::{Damaged, Known, known, version_in_journal};
use super::statements::{SINGLES_AT_ONCE, Statement};
use super::transaction::{Unwritten, WriteUnit};
use super::versions::MOST_ALONE;
use super::{Error, Item, Store, number, report_unreadable, text, unless_condition_failed};
use crate::id::{OrganisationId, TicketId};
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use futures::{StreamExt as _, stream};
use std::collections::HashMap;

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

    /// Empties the outboxes of these versions, after their events were published and are in the journal. A version that a newer one
    /// has replaced is skipped: the newer one has an outbox of its own. One result for each, in their order; after an error the
    /// events are published again, with the same ids.
    pub async fn clear_outboxes(
        &self,
        organisation: &OrganisationId,
        versions: &[(&TicketId, u64)],
    ) -> Vec<Result<(), Error>> {
        if versions.len() > MOST_ALONE {
            let units = versions
                .iter()
                .map(|version| WriteUnit::default().update(self.emptied_outbox(organisation, *version)));
            let emptied = self.transact_each(units.collect()).await.into_iter();
            let emptied = emptied.map(|emptied| match emptied {
                Ok(()) | Err(Unwritten::Condition) => Ok(()),
                Err(why) => Err(why.into()),
            });
            return emptied.collect();
        }
        let statements = versions.iter().map(|version| self.emptying(organisation, *version)).collect();
        let mut emptied = self.execute_each(statements).await.into_iter();
        let updates = versions.iter().map(|version| {
            let is_emptied = emptied.next().unwrap_or_default();
            async move { if is_emptied { Ok(()) } else { self.clear_outbox(organisation, *version).await } }
        });
        let updates: Vec<_> = updates.collect();
        stream::iter(updates).buffered(SINGLES_AT_ONCE).collect().await
    }

    /// The statement that empties an outbox; see [`Self::emptied_outbox`].
    fn emptying(&self, organisation: &OrganisationId, (ticket, version): (&TicketId, u64)) -> Statement {
        let mut key = key(organisation, ItemKind::Snapshot(ticket.clone()));
        let of = ["pk", "sk"].iter().filter_map(|name| key.remove(*name));
        let parameters = [text("[]")].into_iter().chain(of).chain([number(version)]).collect();
        let changes = "SET \"outbox\" = ? REMOVE \"unpublished\" REMOVE \"unpublished_since\"";
        let of = "WHERE \"pk\" = ? AND \"sk\" = ? AND \"version\" = ?";
        (format!("UPDATE {} {changes} {of}", self.quoted()), parameters)
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
