//! The index of tickets by their next check, and of reminders by their time: an item's `due_shard`, one of a few, and `next_check`.

use super::keys::{ItemKey, ItemKind};
use super::{Error, Item, Store, number, report_unreadable, text, unavailable, unusable};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::check_schedule::CheckSchedule;
use crate::model::event::Event;
use aws_sdk_dynamodb::types::AttributeValue;
use std::time::Duration;

/// The shards of an index, so that it accepts more than the 1,000 writes a second of one partition (Amazon DynamoDB Developer
/// Guide, "Partitions").
pub const SHARDS: u32 = 16;
pub(super) const INDEX: &str = "due";

/// A ticket whose check is due, or one of whose reminders is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The brokerage.
    pub organisation: OrganisationId,
    /// The ticket.
    pub ticket: TicketId,
    /// The last check.
    pub last_checked: Timestamp,
    /// Since when the next one is due.
    pub since: Timestamp,
    /// Its events that are not published yet.
    pub unpublished: Option<Unpublished>,
    /// Whether a reminder is due.
    pub has_reminder: bool,
}

/// The events in an outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unpublished {
    /// Their number.
    pub events: u64,
    /// When the oldest of them was observed.
    pub since: Timestamp,
}

impl Store {
    /// At most `most` tickets of a shard of which a check or a reminder is due, the most overdue first; one for each of them. The index is eventually consistent. An item
    /// that cannot be read is logged; if it is a ticket's, it is due, as its check repairs it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn due(&self, shard: u32, now: Timestamp, most: u16) -> Result<Vec<Due>, Error> {
        let response = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("due_shard = :shard AND next_check <= :now")
            .expression_attribute_values(":shard", text(shard.to_string()))
            .expression_attribute_values(":now", number(now.as_millis()))
            .limit(i32::from(most))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(response.items.unwrap_or_default().iter().filter_map(due).collect())
    }
}

/// The shard of a ticket.
pub(super) fn shard(ticket: &TicketId) -> String {
    let sum = ticket.as_str().bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    (sum % SHARDS).to_string()
}

/// The attributes of the index that describe an outbox; none if it is empty.
pub(super) fn unpublished(outbox: &[Event]) -> Option<[(&'static str, AttributeValue); 2]> {
    let since = outbox.iter().map(|event| event.observed_at).min()?;
    let events = u64::try_from(outbox.len()).unwrap_or(u64::MAX);
    Some([("unpublished", number(events)), ("unpublished_since", number(since.as_millis()))])
}

/// A schedule as an item's attributes.
pub(super) fn schedule_attributes(schedule: CheckSchedule) -> [(&'static str, AttributeValue); 3] {
    let interval = u64::try_from(schedule.interval.as_millis()).unwrap_or(u64::MAX);
    [
        ("last_checked", number(schedule.last_checked.as_millis())),
        ("next_check", number(schedule.next_check.as_millis())),
        ("check_interval", number(interval)),
    ]
}

/// An item's schedule.
pub(super) fn schedule(item: &Item) -> Result<CheckSchedule, Error> {
    Ok(CheckSchedule {
        last_checked: Timestamp::from_millis(integer(item, "last_checked")?),
        next_check: Timestamp::from_millis(integer(item, "next_check")?),
        interval: Duration::from_millis(integer(item, "check_interval")?),
    })
}

pub(super) fn due(item: &Item) -> Option<Due> {
    let reported = |error| report_unreadable(item, &error);
    let Some((organisation, ticket, has_reminder)) = ItemKey::of(item).and_then(ticket_of) else {
        reported(unusable(item, "pk", None));
        return None;
    };
    let time = |attribute| integer(item, attribute).map(Timestamp::from_millis).map_err(reported);
    let since = time("next_check").unwrap_or(Timestamp::from_millis(0));
    let unpublished =
        item.contains_key("unpublished").then(|| outbox_of(item).map_err(reported).ok()).flatten();
    Some(Due {
        organisation,
        ticket,
        last_checked: if has_reminder { since } else { time("last_checked").unwrap_or(since) },
        since,
        unpublished,
        has_reminder,
    })
}

/// The ticket of an item of the index, and whether the item is a reminder.
fn ticket_of(key: ItemKey) -> Option<(OrganisationId, TicketId, bool)> {
    match key.kind {
        ItemKind::Snapshot(ticket) => Some((key.organisation, ticket, false)),
        ItemKind::Reminder(ticket, _) => Some((key.organisation, ticket, true)),
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

fn outbox_of(item: &Item) -> Result<Unpublished, Error> {
    let since = Timestamp::from_millis(integer(item, "unpublished_since")?);
    Ok(Unpublished { events: integer(item, "unpublished")?, since })
}

/// The number of the journal's last events that are published again if it cannot be read how many are unpublished.
const UNKNOWN_NUMBER: usize = 25;

/// The number of events in an outbox that cannot be read.
pub(super) fn unpublished_count(item: &Item) -> usize {
    let count = item.get("unpublished").map(|count| count.as_n().ok()?.parse().ok());
    count.map_or(0, |count| count.unwrap_or(UNKNOWN_NUMBER))
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
        assert_eq!(
            (due.ticket.as_str(), due.since, due.last_checked),
            ("t-1", Timestamp::from_millis(7), due.since)
        );
        assert!(due.has_reminder && due.unpublished.is_none());
    }

    /// F3 of the field faults: one bad row stops the sweep for all.
    #[tokio::test]
    async fn an_unreadable_row_hides_no_other_and_is_due_if_it_is_a_tickets() {
        let row = |pk: &str, last_checked: Value| {
            json!({
                "pk": { "S": pk }, "sk": { "S": "SNAPSHOT" }, "next_check": { "N": "7" },
                "last_checked": last_checked, "unpublished": { "S": "one" },
            })
        };
        let rows = [
            row("TICKET#north#t-1", json!({ "S": "yesterday" })),
            row("SOMETHING#else", json!({ "N": "5" })),
            row("TICKET#north#t-2", json!({ "N": "5" })),
        ];
        let config = aws::stub::config_with_responses(move |_| (200, json!({ "Items": rows })));
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let due = store.due(0, Timestamp::from_millis(9), 10).await.unwrap();
        let found: Vec<_> = due
            .iter()
            .map(|due| (due.ticket.as_str(), due.last_checked.as_millis(), due.unpublished))
            .collect();
        assert_eq!(found, [("t-1", 7, None), ("t-2", 5, None)]);
    }
}
