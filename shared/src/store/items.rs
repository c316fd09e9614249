//! Items by a part of their keys: readable ones of a partition, and all of one organisation, for erasure and for tests.

use super::keys::{ItemKey, ItemKind, partitions_of};
use super::{Error, Item, Store, report_unreadable, text, unavailable, unusable};
use crate::id::OrganisationId;

/// An item as it is in the table.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredItem {
    /// Its key.
    pub key: ItemKey,
    /// All of its attributes, the key's included.
    pub attributes: Item,
}

impl Store {
    /// What the items of a partition are whose sort keys begin so, read consistently. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub(super) async fn readable<T>(
        &self,
        (partition, prefix): (String, &'static str),
        of: impl Fn(&Item) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":prefix", text(prefix));
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            match of(&item) {
                Ok(one) => found.push(one),
                Err(error) => report_unreadable(&item, &error),
            }
        }
        Ok(found)
    }

    /// All items of an organisation, read consistently. It scans the whole table.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn items_of(&self, organisation: &OrganisationId) -> Result<Vec<StoredItem>, Error> {
        let (own, [tickets, actions, receipts, leads]) = partitions_of(organisation);
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let request = request
            .filter_expression(
                "pk = :own OR begins_with(pk, :tickets) OR begins_with(pk, :actions) OR begins_with(pk, :receipts) OR begins_with(pk, :leads)",
            )
            .expression_attribute_values(":own", text(own))
            .expression_attribute_values(":tickets", text(tickets))
            .expression_attribute_values(":actions", text(actions))
            .expression_attribute_values(":receipts", text(receipts))
            .expression_attribute_values(":leads", text(leads));
        let mut pages = request.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(attributes) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            let key = ItemKey::of(&attributes);
            let key = key.ok_or_else(|| unusable(&attributes, "pk", None))?;
            items.push(StoredItem { key, attributes });
        }
        Ok(items)
    }

    /// Deletes these items for ever: records of actions first and snapshots last, so that after an error the rest is still
    /// found by the snapshots.
    ///
    /// # Errors
    /// [`Error`]; some of them may be deleted.
    pub async fn delete(&self, keys: &[ItemKey]) -> Result<(), Error> {
        let order = |key: &&ItemKey| match key.kind {
            ItemKind::Action(_) => 0,
            ItemKind::Journal(..)
            | ItemKind::ChangeMarks(_)
            | ItemKind::Reminder(..)
            | ItemKind::Deferred(..)
            | ItemKind::InboundReceipt(..)
            | ItemKind::LeadContact(_)
            | ItemKind::TokenUse(_)
            | ItemKind::ObservedWebhook(_)
            | ItemKind::WebhookFailure
            | ItemKind::Listing
            | ItemKind::HandlerSettings(_)
            | ItemKind::Collected(_) => 1,
            ItemKind::Snapshot(_) => 2,
        };
        let mut keys: Vec<&ItemKey> = keys.iter().collect();
        keys.sort_by_key(order);
        for key in keys {
            let request = self.client.delete_item().table_name(&self.table);
            let deleted = request.set_key(Some(key.attributes())).send().await;
            deleted.map_err(|error| unavailable(&error))?;
        }
        Ok(())
    }
}
