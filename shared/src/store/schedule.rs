//! When a ticket is checked, as its snapshot's item says it: `check_slot` is the key of the index `checks` and stays while the ticket's rhythm does,
//! `due_shard` and `next_check` are the keys of the index `due` and exist for a time of its own alone.
//!
//! An earlier version of the program has every ticket in the index `due`, with `last_checked` and `check_interval` beside it. Such an item is read,
//! and is moved at its next check.

use super::due_index::{integer, shard};
use super::keys::{ItemKind, key};
use super::{Error, Item, Store, number, text, unless_condition_failed};
use crate::clock::Timestamp;
use crate::id::{OrganisationId, TicketId};
use crate::model::check_schedule::{CheckSchedule, Slot};
use aws_sdk_dynamodb::types::AttributeValue;

/// The index of tickets by their regular check.
pub(super) const INDEX: &str = "checks";
/// What only an earlier version of the program stores.
const FORMER: &str = "last_checked, check_interval";
/// The condition that an item is due.
pub(super) const IS_DUE: &str = "next_check <= :now";

impl Store {
    /// Stores when a ticket of this version is checked, after a check that found no change. Does nothing if a newer version has replaced it.
    ///
    /// # Errors
    /// [`Error`]; it stays as it was.
    pub async fn reschedule(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        (version, schedule): (u64, CheckSchedule),
    ) -> Result<(), Error> {
        let mut request = self.client.update_item().table_name(&self.table);
        let mut set = Vec::new();
        for (name, value) in attributes(ticket, schedule) {
            set.push(format!("{name} = :{name}"));
            request = request.expression_attribute_values(format!(":{name}"), value);
        }
        let removed = if schedule.extra.is_some() { "" } else { "due_shard, next_check, " };
        let request = request
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            .update_expression(format!("SET {} REMOVE {removed}{FORMER}", set.join(", ")))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", number(version));
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Gives a ticket whose item can neither be read nor rebuilt a time of its own, and not another one each minute.
    ///
    /// # Errors
    /// [`Error`]; it is checked when it was to be.
    pub async fn postpone(
        &self,
        organisation: &OrganisationId,
        ticket: &TicketId,
        until: Timestamp,
    ) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            .update_expression("SET due_shard = :shard, next_check = :until")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":shard", text(shard(ticket)))
            .expression_attribute_values(":until", number(until.as_millis()));
        unless_condition_failed(request.send().await).map(drop)
    }

    /// Postpones the check of a ticket, and its reminders if one is due: it could not be checked, and its hint is retried. What is due
    /// later stays as it is.
    ///
    /// # Errors
    /// [`Error`]; what was not postponed is still due.
    pub async fn postpone_due(
        &self,
        organisation: &OrganisationId,
        (ticket, has_reminder): (&TicketId, bool),
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(key(organisation, ItemKind::Snapshot(ticket.clone()))))
            .update_expression("SET next_check = :until")
            .condition_expression(IS_DUE)
            .expression_attribute_values(":now", number(now.as_millis()))
            .expression_attribute_values(":until", number(until.as_millis()));
        unless_condition_failed(request.send().await)?;
        if has_reminder {
            for stored in self.reminders(organisation, ticket).await? {
                if stored.due_at().is_some_and(|due_at| due_at <= now) {
                    self.postpone_reminder(organisation, &stored, (now, until)).await?;
                }
            }
        }
        Ok(())
    }
}

/// A schedule as an item's attributes.
pub(super) fn attributes(
    ticket: &TicketId,
    schedule: CheckSchedule,
) -> impl Iterator<Item = (&'static str, AttributeValue)> {
    let CheckSchedule { stored_at, slot, extra } = schedule;
    let extra =
        extra.map(|extra| [("due_shard", text(shard(ticket))), ("next_check", number(extra.as_millis()))]);
    let slot = slot.map(|slot| ("check_slot", text(slot.to_string())));
    let stored_at = ("stored_at", number(stored_at.as_millis()));
    [stored_at].into_iter().chain(slot).chain(extra.into_iter().flatten())
}

/// An item's schedule.
pub(super) fn schedule(item: &Item) -> Result<CheckSchedule, Error> {
    let stored_at = if item.contains_key("stored_at") { "stored_at" } else { "last_checked" };
    let time = |attribute| integer(item, attribute).map(Timestamp::from_millis);
    let extra = item.contains_key("due_shard").then(|| time("next_check")).transpose()?;
    Ok(CheckSchedule { stored_at: time(stored_at)?, slot: slot(item), extra })
}

fn slot(item: &Item) -> Option<Slot> {
    item.get("check_slot")?.as_s().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    fn ticket() -> TicketId {
        TicketId::parse("t-1").unwrap()
    }

    fn schedule_of(extra: Option<u64>) -> CheckSchedule {
        let extra = extra.map(Timestamp::from_millis);
        CheckSchedule { stored_at: Timestamp::from_millis(5), slot: "month#77".parse().ok(), extra }
    }

    /// The update that a call sends.
    async fn sent(call: impl AsyncFnOnce(Store) -> Result<(), Error>) -> Value {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            (200, json!({}))
        });
        call(Store::new(aws::dynamodb(&config), "t".to_owned())).await.unwrap();
        let mut requests = requests.lock().unwrap();
        requests.pop().unwrap()
    }

    async fn rescheduled(schedule: CheckSchedule) -> Value {
        let north = OrganisationId::parse("north").unwrap();
        sent(async |store| store.reschedule(&north, &ticket(), (3, schedule)).await).await
    }

    #[test]
    fn a_schedule_is_read_back_as_it_was_written() {
        for schedule_stored in [schedule_of(None), schedule_of(Some(9))] {
            let item: Item = attributes(&ticket(), schedule_stored)
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            assert_eq!(schedule(&item), Ok(schedule_stored));
            assert_eq!(
                item.contains_key("due_shard"),
                schedule_stored.extra.is_some(),
                "else it is not in `due`"
            );
        }
    }

    #[test]
    fn an_item_of_an_earlier_version_is_read_and_has_no_slot() {
        let numbers = [("last_checked", 5), ("next_check", 9), ("check_interval", 3)];
        let mut item: Item = numbers.map(|(name, value)| (name.to_owned(), number(value))).into();
        item.insert("due_shard".to_owned(), text("7"));
        let former = CheckSchedule { slot: None, ..schedule_of(Some(9)) };
        assert_eq!(schedule(&item), Ok(former));
    }

    #[tokio::test]
    async fn a_ticket_is_moved_from_the_form_before_in_one_write() {
        let update = rescheduled(schedule_of(None)).await;
        assert_eq!(
            update["UpdateExpression"],
            "SET stored_at = :stored_at, check_slot = :check_slot REMOVE due_shard, next_check, last_checked, check_interval"
        );
        assert_eq!(update["ExpressionAttributeValues"][":check_slot"]["S"], "month#77");
        assert_eq!(update["ConditionExpression"], "version = :version");
    }

    #[tokio::test]
    async fn a_time_of_its_own_is_in_the_index_due_and_keeps_the_slot() {
        let update = rescheduled(schedule_of(Some(9))).await;
        let expression = update["UpdateExpression"].as_str().unwrap();
        assert!(expression.contains("next_check = :next_check"), "{expression}");
        assert!(expression.ends_with("REMOVE last_checked, check_interval"), "{expression}");
        assert_eq!(update["ExpressionAttributeValues"][":due_shard"]["S"], shard(&ticket()));
    }

    #[tokio::test]
    async fn a_ticket_that_can_only_wait_has_a_time_of_its_own_whatever_it_had() {
        let north = OrganisationId::parse("north").unwrap();
        let postponed =
            sent(async |store| store.postpone(&north, &ticket(), Timestamp::from_millis(9)).await).await;
        assert_eq!(postponed["UpdateExpression"], "SET due_shard = :shard, next_check = :until");
        assert_eq!(postponed["ConditionExpression"], "attribute_exists(pk)");
    }
}
