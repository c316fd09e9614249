//! What is due, without paused organisations; and the tickets that become due when a pause ends.

use super::due_index::{Due, due, shard};
use super::keys::{ItemKey, ItemKind, collections_of, key, tickets_of};
use super::{Error, Store, number, text, unavailable, unless_condition_failed};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use std::collections::BTreeSet;

impl Store {
    /// As [`Store::due`], without the tickets of these organisations: what is due there would else fill the response, as nothing ends it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn due_unless_paused(
        &self,
        shard: u32,
        (now, most): (Timestamp, u16),
        paused: &BTreeSet<OrganisationId>,
    ) -> Result<Vec<Due>, Error> {
        if paused.is_empty() {
            return self.due(shard, now, most).await;
        }
        let mut request = self.due_query(shard, now);
        let mut conditions = Vec::new();
        for (position, organisation) in paused.iter().enumerate() {
            let (tickets, _) = tickets_of(organisation);
            conditions.push(format!("NOT begins_with(pk, :paused{position}) AND pk <> :own{position}"));
            let (own, _) = collections_of(organisation);
            request = request
                .expression_attribute_values(format!(":paused{position}"), text(tickets))
                .expression_attribute_values(format!(":own{position}"), text(own));
        }
        let mut items = request.filter_expression(conditions.join(" AND ")).into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < usize::from(most) {
            let Some(item) = items.try_next().await.map_err(|error| unavailable(&error))? else { break };
            found.extend(due(&item));
        }
        Ok(found)
    }

    /// The tickets of an organisation that have a snapshot. It scans the whole table.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn tickets_of(&self, organisation: &OrganisationId) -> Result<Vec<TicketId>, Error> {
        let (tickets, snapshot) = tickets_of(organisation);
        let request = self.client.scan().table_name(&self.table).projection_expression("pk, sk");
        let request = request
            .filter_expression("begins_with(pk, :tickets) AND sk = :snapshot")
            .expression_attribute_values(":tickets", text(tickets))
            .expression_attribute_values(":snapshot", text(snapshot));
        let mut items = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = items.try_next().await.map_err(|error| unavailable(&error))? {
            found.extend(ItemKey::of(&item).and_then(|key| key.kind.ticket().cloned()));
        }
        Ok(found)
    }

    /// Makes the check of a ticket due. The result is false if it is due already.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn make_due(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            .update_expression("SET due_shard = :shard, next_check = :now")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(due_shard) OR next_check > :now)",
            )
            .expression_attribute_values(":shard", text(shard(ticket)))
            .expression_attribute_values(":now", number(now.as_millis()));
        unless_condition_failed(request.send().await).map(|updated| updated.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn a_paused_organisation_neither_is_due_nor_fills_the_response() {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let item = |ticket: u64| {
            json!({
                "pk": { "S": format!("TICKET#south#t-{ticket}") }, "sk": { "S": "SNAPSHOT" },
                "next_check": { "N": "7" }, "last_checked": { "N": "5" },
            })
        };
        let config = aws::stub::config_with_responses(move |request| {
            let mut requests = seen.lock().unwrap();
            requests.push(request.clone());
            // Of the first page, the filter leaves nothing.
            match requests.len() {
                1 => (200, json!({ "Items": [], "LastEvaluatedKey": { "pk": { "S": "TICKET#north#t" } } })),
                _ => (200, json!({ "Items": [item(1), item(2), item(3)] })),
            }
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let paused = BTreeSet::from([OrganisationId::parse("north").unwrap()]);
        let due = store.due_unless_paused(0, (Timestamp::from_millis(9), 2), &paused).await.unwrap();
        assert_eq!(due.len(), 2);
        let requests = requests.lock().unwrap();
        assert_eq!(requests[0]["FilterExpression"], "NOT begins_with(pk, :paused0) AND pk <> :own0");
        assert_eq!(requests[0]["ExpressionAttributeValues"][":paused0"]["S"], "TICKET#north#");
        assert_eq!(requests[0]["ExpressionAttributeValues"][":own0"]["S"], "ORGANISATION#north");
        assert!(requests[0].get("Limit").is_none(), "it would be applied before the filter");
    }

    /// The request that a call sends.
    async fn sent(call: impl AsyncFnOnce(Store)) -> Value {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            (200, json!({ "Items": [] }))
        });
        call(Store::new(aws::dynamodb(&config), "t".to_owned())).await;
        requests.lock().unwrap().pop().unwrap()
    }

    #[tokio::test]
    async fn of_two_paused_organisations_neither_is_due() {
        let paused = ["north", "south"].map(|name| OrganisationId::parse(name).unwrap()).into();
        let query = sent(async |store| {
            store.due_unless_paused(0, (Timestamp::from_millis(9), 2), &paused).await.unwrap();
        });
        let query = query.await;
        let each = ["0", "1"].map(|n| format!("NOT begins_with(pk, :paused{n}) AND pk <> :own{n}"));
        assert_eq!(query["FilterExpression"], each.join(" AND "));
        assert_eq!(query["ExpressionAttributeValues"][":paused1"]["S"], "TICKET#south#");
    }

    /// What is overdue keeps its place, and is not counted again.
    #[tokio::test]
    async fn a_ticket_becomes_due_now_unless_it_is_due_already_or_unknown() {
        let update = sent(async |store| {
            let (north, ticket) = (OrganisationId::parse("north").unwrap(), TicketId::parse("t-1").unwrap());
            assert!(store.make_due(&north, &ticket, Timestamp::from_millis(9)).await.unwrap());
        });
        let update = update.await;
        assert_eq!(update["UpdateExpression"], "SET due_shard = :shard, next_check = :now");
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(pk) AND (attribute_not_exists(due_shard) OR next_check > :now)"
        );
        assert_eq!(update["ExpressionAttributeValues"][":now"]["N"], "9");
    }
}
