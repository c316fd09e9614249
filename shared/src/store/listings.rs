//! The list of organisations: an item for each, with the names of its inbound webhooks and the time when its list query was last
//! asked for, so that it is once an hour, whatever minute the reconciler runs, and also for an organisation without a ticket.

use super::keys::{ItemKey, ItemKind, LISTINGS, key};
use super::{Error, Store, number, report_unreadable, text, unavailable, unless_condition_failed};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, WebhookAction};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::BTreeSet;

const INBOUND: &str = "inbound";

/// An organisation of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The organisation.
    pub organisation: OrganisationId,
    /// When its list query was last asked for; none if it never was, or if that cannot be read.
    pub listed_at: Option<Timestamp>,
    /// The actions of its inbound webhooks, as in their URLs.
    pub inbound: BTreeSet<String>,
}

impl Store {
    /// All organisations of which the table knows, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn listings(&self) -> Result<Vec<Listing>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request =
            request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(LISTINGS));
        let mut pages = request.into_paginator().items().send();
        let mut listings = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            let Some(ItemKey { organisation, kind: ItemKind::Listing }) = ItemKey::of(&item) else {
                report_unreadable(&item, &super::unusable(&item, "sk", None));
                continue;
            };
            let listed_at = item.get("listed_at").and_then(|at| at.as_n().ok()?.parse().ok());
            let listed_at = listed_at.map(Timestamp::from_millis);
            let inbound = item.get(INBOUND).and_then(|inbound| inbound.as_ss().ok());
            let inbound = inbound.into_iter().flatten().cloned().collect();
            listings.push(Listing { organisation, listed_at, inbound });
        }
        Ok(listings)
    }

    /// Claims the list query of an organisation, unless it was claimed since `since`, and adds the organisation if it is new.
    /// Of two runs, one gets it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn claim_listing(
        &self,
        organisation: &OrganisationId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Listing)))
            .update_expression("SET listed_at = :now")
            .condition_expression(
                "attribute_not_exists(listed_at) OR NOT attribute_type(listed_at, :number) OR listed_at < :since",
            )
            .expression_attribute_values(":number", text("N"))
            .expression_attribute_values(":since", number(since.as_millis()))
            .expression_attribute_values(":now", number(now.as_millis()));
        unless_condition_failed(request.send().await).map(|claimed| claimed.is_some())
    }

    /// Gives back a claim of which no hint was sent, so that the next run claims it.
    ///
    /// # Errors
    /// [`Error`]; the list query is asked for in the next hour.
    pub async fn release_listing(
        &self,
        organisation: &OrganisationId,
        claimed: Timestamp,
    ) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Listing)))
            .update_expression("REMOVE listed_at")
            .condition_expression("listed_at = :claimed")
            .expression_attribute_values(":claimed", number(claimed.as_millis()));
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Adds an organisation, so that its webhooks are accepted (see [`super::ListedNames`]), and its tickets are found by the list
    /// query from the next run on. The result is whether it is new.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add_listing(&self, organisation: &OrganisationId) -> Result<bool, Error> {
        let request = self.client.put_item().table_name(&self.table);
        let request = request
            .set_item(Some(key(organisation, ItemKind::Listing)))
            .condition_expression("attribute_not_exists(pk)");
        unless_condition_failed(request.send().await).map(|added| added.is_some())
    }

    /// Adds an inbound webhook of an organisation, and the organisation if the list lacks it. The result is whether it is new.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn add_inbound(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
    ) -> Result<bool, Error> {
        let is_new = "attribute_not_exists(inbound) OR NOT contains(inbound, :name)";
        self.update_inbound(organisation, action, "ADD inbound :names", is_new).await
    }

    /// Removes an inbound webhook of an organisation.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_inbound(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
    ) -> Result<(), Error> {
        let has_it = "contains(inbound, :name)";
        self.update_inbound(organisation, action, "DELETE inbound :names", has_it).await.map(drop)
    }

    async fn update_inbound(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        update: &str,
        condition: &str,
    ) -> Result<bool, Error> {
        let names = AttributeValue::Ss(vec![action.to_string()]);
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Listing)))
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":names", names)
            .expression_attribute_values(":name", text(action.as_str()));
        unless_condition_failed(request.send().await).map(|updated| updated.is_some())
    }

    /// Removes an organisation: its webhooks are rejected. The reconciler adds it again if one of its tickets is due.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_listing(&self, organisation: &OrganisationId) -> Result<(), Error> {
        let request = self.client.delete_item().table_name(&self.table);
        let deleted = request.set_key(Some(key(organisation, ItemKind::Listing))).send().await;
        deleted.map(drop).map_err(|error| unavailable(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};

    fn store(response: Value) -> Store {
        let config = aws::stub::config_with_responses(move |_| (200, response.clone()));
        Store::new(aws::dynamodb(&config), "t".to_owned())
    }

    #[tokio::test]
    async fn an_unreadable_listing_is_due_and_hides_no_other() {
        let item =
            |sk: &str, at: Value| json!({ "pk": { "S": LISTINGS }, "sk": { "S": sk }, "listed_at": at });
        let items = [
            item("east", json!({ "S": "noon" })),
            item("not an organisation", json!({ "N": "1" })),
            item("west", json!({ "N": "5" })),
        ];
        let listings = store(json!({ "Items": items })).listings().await.unwrap();
        assert!(listings.iter().all(|listing| listing.inbound.is_empty()));
        let found: Vec<_> =
            listings.iter().map(|listing| (listing.organisation.as_str(), listing.listed_at)).collect();
        assert_eq!(found, [("east", None), ("west", Some(Timestamp::from_millis(5)))]);
    }

    #[test]
    fn the_registry_is_in_a_partition_of_its_own() {
        let organisation = OrganisationId::parse("north").unwrap();
        let key = key(&organisation, ItemKind::Listing);
        assert_eq!(key["pk"], AttributeValue::S("ORGANISATIONS".to_owned()));
    }
}
