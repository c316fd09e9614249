//! The index of what has a time of its own: reminders, quiet periods, and tickets with a check beside their regular ones. An item's `due_shard`, one of a
//! few, and `next_check`. Every ticket that an earlier version of the program stored is in it, until it is checked once.

use super::keys::{ItemKey, ItemKind};
use super::{Error, Item, Store, number, report_unreadable, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

/// The shards of an index, so that it accepts more than the 1,000 writes a second of one partition (Amazon DynamoDB Developer
/// Guide, "Partitions").
pub const SHARDS: u32 = 16;
pub(super) const INDEX: &str = "due";

/// A ticket whose check is due, or one of whose reminders or quiet periods is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket; none if something is due that a handler has collected.
    pub ticket: Option<TicketId>,
    /// Since when it is due.
    pub since: Timestamp,
    /// Whether a reminder is due, a quiet period has ended, or what was collected is due.
    pub has_reminder: bool,
}

impl Store {
    /// At most `most` tickets of a shard of which a check, a reminder or a quiet period is due, the most overdue first; one for each of them. The index is eventually consistent. An item
    /// that cannot be read is logged; if it is a ticket's, it is due, as its check repairs it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn due(&self, shard: u32, now: Timestamp, most: u16) -> Result<Vec<Due>, Error> {
        let response = self.due_query(shard, now).limit(i32::from(most)).send().await;
        let response = response.map_err(|error| unavailable(&error))?;
        Ok(response.items.unwrap_or_default().iter().filter_map(due).collect())
    }

    /// The query of what is due in a shard.
    pub(super) fn due_query(&self, shard: u32, now: Timestamp) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("due_shard = :shard AND next_check <= :now")
            .expression_attribute_values(":shard", text(shard.to_string()))
            .expression_attribute_values(":now", number(now.as_millis()))
    }
}

/// The shard of a ticket.
pub(super) fn shard(ticket: &TicketId) -> String {
    shard_of(ticket.as_str())
}

/// The shard of an item that is about this.
pub(super) fn shard_of(text: &str) -> String {
    let sum = text.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (sum % SHARDS).to_string()
}

pub(super) fn due(item: &Item) -> Option<Due> {
    let reported = |error| report_unreadable(item, &error);
    let Some((organisation, ticket, has_reminder)) = ItemKey::of(item).and_then(ticket_of) else {
        reported(unusable(item, "pk", None));
        return None;
    };
    let since = integer(item, "next_check").map(Timestamp::from_millis).map_err(reported);
    let since = since.unwrap_or(Timestamp::from_millis(0));
    Some(Due { organisation, ticket, since, has_reminder })
}

/// The ticket of an item of the index, and whether the item is a reminder, a quiet period or a collection.
fn ticket_of(key: ItemKey) -> Option<(OrganisationId, Option<TicketId>, bool)> {
    match key.kind {
        ItemKind::Snapshot(ticket) => Some((key.organisation, Some(ticket), false)),
        ItemKind::Collected(_) => Some((key.organisation, None, true)),
        ItemKind::Reminder(ticket, _) | ItemKind::Deferred(ticket, _) => {
            Some((key.organisation, Some(ticket), true))
        }
        ItemKind::Journal(..)
        | ItemKind::ChangeMarks(_)
        | ItemKind::Action(_)
        | ItemKind::InboundReceipt(..)
        | ItemKind::LeadContact(_)
        | ItemKind::TokenUse(_)
        | ItemKind::ObservedWebhook(_)
        | ItemKind::WebhookFailure
        | ItemKind::Listing
        | ItemKind::HandlerSettings(_) => None,
    }
}

pub(super) fn integer(item: &Item, attribute: &'static str) -> Result<u64, Error> {
    let value = item.get(attribute).and_then(|value| value.as_n().ok()?.parse().ok());
    value.ok_or_else(|| unusable(item, attribute, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};

    #[tokio::test]
    async fn a_reminder_that_is_due_is_a_due_ticket_with_a_reminder() {
        let row = json!({ "pk": { "S": "TICKET#north#t-1" }, "sk": { "S": "REMINDER#review" }, "next_check": { "N": "7" } });
        let config = aws::stub::config_with_responses(move |_| (200, json!({ "Items": [row] })));
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let [due] = &store.due(0, Timestamp::from_millis(9), 10).await.unwrap()[..] else { panic!() };
        assert_eq!((due.ticket.as_ref().unwrap().as_str(), due.since), ("t-1", Timestamp::from_millis(7)));
        assert!(due.has_reminder);
    }

    /// F3 of the field faults: one bad row stops the sweep for all.
    #[tokio::test]
    async fn an_unreadable_row_hides_no_other_and_is_due_if_it_is_a_tickets() {
        let row = |pk: &str, next: Value| json!({ "pk": { "S": pk }, "sk": { "S": "SNAPSHOT" }, "next_check": next });
        let rows = [
            row("TICKET#north#t-1", json!({ "S": "yesterday" })),
            row("SOMETHING#else", json!({ "N": "5" })),
            row("TICKET#north#t-2", json!({ "N": "5" })),
        ];
        let config = aws::stub::config_with_responses(move |_| (200, json!({ "Items": rows })));
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let due = store.due(0, Timestamp::from_millis(9), 10).await.unwrap();
        let found: Vec<_> =
            due.iter().map(|due| (due.ticket.as_ref().unwrap().as_str(), due.since.as_millis())).collect();
        assert_eq!(found, [("t-1", 0), ("t-2", 5)]);
    }
}
