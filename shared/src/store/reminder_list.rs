//! The reminders of an organisation that are due by some time, for an operator.

use super::due_index::{INDEX, SHARDS};
use super::keys::{ItemKey, ItemKind, REMINDER};
use super::{Error, Item, Store, StoredReminder, number, report_unreadable, text, unavailable};
use crate::clock::Timestamp;
use crate::id::OrganisationId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeMap;

/// Shards that are read at once.
const QUERIES_AT_ONCE: usize = 8;

impl Store {
    /// The reminders of an organisation that wait and are due until this time, the first one first. Those that wait for a date are not
    /// among them. The index is eventually consistent. One that cannot be read is logged and left out.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders_until(
        &self,
        organisation: &OrganisationId,
        until: Timestamp,
    ) -> Result<Vec<StoredReminder>, Error> {
        let queries = (0..SHARDS).map(|shard| self.reminder_keys(shard, until));
        let keys: Vec<Vec<ItemKey>> = stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
        let own = keys.concat().into_iter().filter(|key| key.organisation == *organisation);
        let keys: Vec<Item> = own.map(|key| key.attributes()).collect();
        let mut reminders = Vec::with_capacity(keys.len());
        for item in self.get_all(keys).await? {
            match StoredReminder::of(&item) {
                Ok(reminder) => reminders.push(reminder),
                Err(error) => report_unreadable(&item, &error),
            }
        }
        reminders.retain(|stored| stored.due_at().is_some_and(|due_at| due_at <= until));
        reminders.sort_by(|one, other| {
            let of = |stored: &StoredReminder| (stored.due_at(), stored.ticket.clone(), stored.key().clone());
            of(one).cmp(&of(other))
        });
        Ok(reminders)
    }

    /// How many reminders wait that are due until this time, by organisation. Those that wait for a date are not among them. The index is eventually
    /// consistent.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminders_by_organisation(
        &self,
        until: Timestamp,
    ) -> Result<BTreeMap<OrganisationId, usize>, Error> {
        let queries = (0..SHARDS).map(|shard| self.reminder_keys(shard, until));
        let keys: Vec<Vec<ItemKey>> = stream::iter(queries).buffered(QUERIES_AT_ONCE).try_collect().await?;
        let mut counts = BTreeMap::new();
        for key in keys.into_iter().flatten() {
            let count: &mut usize = counts.entry(key.organisation).or_default();
            *count = count.saturating_add(1);
        }
        Ok(counts)
    }

    /// The keys of a shard's reminders. Tickets are in the same index, and DynamoDB leaves them out.
    async fn reminder_keys(&self, shard: u32, until: Timestamp) -> Result<Vec<ItemKey>, Error> {
        let request = self.client.query().table_name(&self.table).index_name(INDEX);
        let request = request
            .key_condition_expression("due_shard = :shard AND next_check <= :until")
            .filter_expression("begins_with(sk, :reminder)")
            .expression_attribute_values(":shard", text(shard.to_string()))
            .expression_attribute_values(":until", number(until.as_millis()))
            .expression_attribute_values(":reminder", text(REMINDER));
        let mut pages = request.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            keys.extend(ItemKey::of(&item).filter(|key| matches!(key.kind, ItemKind::Reminder(..))));
        }
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::json::to_json;
    use crate::model::reminder::{OnlyWhile, Reminder, When};
    use crate::model::speed::Speed;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn an_organisations_reminders_are_listed_by_their_time_and_no_other_organisations() {
        let row = |organisation: &str, key: &str| json!({ "pk": { "S": format!("TICKET#{organisation}#t-1") }, "sk": { "S": format!("REMINDER#{key}") } });
        let times = [("late", 9), ("soon", 2), ("moved", 11)];
        let config = aws::stub::config_with_responses(move |request| {
            if let Some(shard) = request["ExpressionAttributeValues"][":shard"]["S"].as_str() {
                let rows =
                    [row("north", "late"), row("south", "soon"), row("north", "soon"), row("north", "moved")];
                return (200, if shard == "3" { json!({ "Items": rows }) } else { json!({ "Items": [] }) });
            }
            let keys = request["RequestItems"]["t"]["Keys"].as_array().unwrap();
            let items: Vec<Value> = keys
                .iter()
                .map(|item| {
                    let key = item["sk"]["S"].as_str().unwrap().trim_start_matches("REMINDER#");
                    let due_at = times.iter().find(|(name, _)| *name == key).unwrap().1;
                    let reminder = Reminder {
                        key: key.parse().unwrap(),
                        when: When::after_days(1),
                        only_while: OnlyWhile::default(),
                        event_at: Timestamp::from_millis(0),
                        set_at: Timestamp::from_millis(0),
                        set_by: "h".to_owned(),
                        action: "e.h.0".parse().unwrap(),
                        speed: Speed::default(),
                    };
                    let mut item = item.clone();
                    item["reminder"] = json!({ "S": to_json(&reminder) });
                    item["set_by_action"] = json!({ "S": "e.h.0" });
                    item["state"] = json!({ "S": "waits" });
                    item["next_check"] = json!({ "N": due_at.to_string() });
                    item
                })
                .collect();
            (200, json!({ "Responses": { "t": items } }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let north = OrganisationId::parse("north").unwrap();
        let listed = store.reminders_until(&north, Timestamp::from_millis(10)).await.unwrap();
        let keys: Vec<_> = listed.iter().map(|stored| stored.key().as_str()).collect();
        assert_eq!(keys, ["soon", "late"], "moved is due later than its row in the index says");
    }
}
