//! The record of an action that was performed.

use super::actions::{Claimant, Done, STILL_CLAIMED, action_key};
use super::outcome::Outcome;
use super::transaction::MAX_TRIES;
use super::{Error, Item, Store, back_off, number, text, unavailable};
use crate::json;
use crate::model::action::PlannedAction;
use crate::model::own_changes::Attribution;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

impl Store {
    /// Records that an action is done and, if it created a ticket, before that the ticket is ours. The mark is true whether or not
    /// the record follows, so that the two need no transaction, which would cost twice as much.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another invocation holds the claim; else [`Error`].
    pub async fn record(&self, done: &Done, claimant: Claimant<'_>) -> Result<(), Error> {
        let PlannedAction { organisation, .. } = &done.planned;
        match &done.outcome {
            Outcome::Created { ticket } | Outcome::LeadCreated { ticket, .. } => {
                let by = Attribution { chain: done.planned.chain_with_itself(), at: done.done_at };
                self.record_created(organisation, ticket, by).await?;
            }
            Outcome::Changed
            | Outcome::NoOp
            | Outcome::Superseded { .. }
            | Outcome::DryRun
            | Outcome::Unrehearsed
            | Outcome::Deferred { .. }
            | Outcome::ReminderSet { .. }
            | Outcome::ReminderCancelled
            | Outcome::Sent => {}
        }
        let item = record_item(done);
        self.put_record(item, done, |request| {
            request
                .condition_expression(STILL_CLAIMED)
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#owner", "owner")
                .expression_attribute_values(":claimed", text("claimed"))
                .expression_attribute_values(":owner", text(claimant.owner))
        })
        .await
    }

    /// Records that an action without a claim is done. It created no ticket.
    ///
    /// # Errors
    /// [`Error::VersionConflict`] if another invocation has claimed or recorded it; else [`Error`].
    pub async fn record_unclaimed(&self, done: &Done) -> Result<(), Error> {
        let is_new = |request: PutItemFluentBuilder| request.condition_expression("attribute_not_exists(pk)");
        self.put_record(record_item(done), done, is_new).await
    }

    /// Writes a record on this condition. After a lost response the condition fails for our own record, which is
    /// recognised. A conflict with a transaction is retried: afterwards it would not be known whether the action was performed.
    async fn put_record(
        &self,
        record: Item,
        done: &Done,
        condition: impl Fn(PutItemFluentBuilder) -> PutItemFluentBuilder,
    ) -> Result<(), Error> {
        let PlannedAction { id, organisation, .. } = &done.planned;
        let mut round = 0_u32;
        loop {
            let request = self.client.put_item().table_name(&self.table).set_item(Some(record.clone()));
            let response = condition(request).send().await;
            let Err(error) = response else { return Ok(()) };
            round = round.saturating_add(1);
            match error.as_service_error() {
                Some(refusal) if refusal.is_conditional_check_failed_exception() => {
                    let stored = self.action(organisation, id).await?;
                    let is_ours = stored.is_some_and(|stored| stored.get("result") == record.get("result"));
                    return if is_ours { Ok(()) } else { Err(Error::VersionConflict) };
                }
                Some(refusal) if refusal.is_transaction_conflict_exception() && round < MAX_TRIES => {
                    back_off(round).await;
                }
                _ => return Err(unavailable(&error)),
            }
        }
    }
}

/// The item that says that an action is done.
pub(super) fn record_item(done: &Done) -> Item {
    let mut item = action_key(&done.planned.organisation, &done.planned.id);
    item.insert("state".to_owned(), text("done"));
    item.insert("result".to_owned(), text(json::to_json(done)));
    item.insert("at".to_owned(), number(done.done_at.as_millis()));
    if done.outcome.is_only_recorded() {
        item.insert("only_recorded".to_owned(), AttributeValue::Bool(true));
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    const PLANNED: &str = r#"{"id": "e.h.0", "organisation": "north", "event": "e", "handler": "h", "attempt": 1, "ticket_version": 1,
        "decided_at": "2026-09-21T14:13:20.000Z", "action": {"do": "add_label", "ticket": "t-1", "label": "x"}}"#;

    /// The result of recording an action in a table that answers the writes with these error codes in turn, and then accepts; its
    /// record is the one that is written, or another one. And the operations.
    async fn recorded(codes: &[&'static str], is_own: bool) -> (Result<(), Error>, Vec<&'static str>) {
        let done = Done {
            planned: json::from_json(PLANNED.as_bytes()).unwrap(),
            outcome: Outcome::Changed,
            done_at: Timestamp::from_millis(7),
        };
        let stored = if is_own { json::to_json(&done) } else { "{}".to_owned() };
        let operations: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let (seen, codes) = (Arc::clone(&operations), codes.to_vec());
        let config = aws::stub::config_with_responses(move |request: &Value| {
            let mut operations = seen.lock().unwrap();
            if request.get("Item").is_none() {
                operations.push("get");
                return (200, json!({ "Item": { "state": { "S": "done" }, "result": { "S": stored } } }));
            }
            let code = codes.get(operations.len());
            operations.push("put");
            match code {
                Some(code) => (400, json!({ "__type": code })),
                None => (200, json!({})),
            }
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let (now, until) = (Timestamp::from_millis(1), Timestamp::from_millis(9));
        let result = store.record(&done, Claimant { owner: "i", now, until }).await;
        let operations = operations.lock().unwrap().clone();
        (result, operations)
    }

    #[tokio::test]
    async fn a_created_ticket_is_marked_as_ours_before_its_action_is_recorded_as_done() {
        let operations: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&operations);
        let config = aws::stub::config_with_responses(move |request: &Value| {
            let key = request.get("Key").or_else(|| request.get("Item")).unwrap();
            seen.lock().unwrap().push(key["pk"]["S"].as_str().unwrap().to_owned());
            (200, json!({}))
        });
        let done = Done {
            planned: json::from_json(PLANNED.as_bytes()).unwrap(),
            outcome: Outcome::Created { ticket: "t-2".parse().unwrap() },
            done_at: Timestamp::from_millis(7),
        };
        let claimant =
            Claimant { owner: "i", now: Timestamp::from_millis(1), until: Timestamp::from_millis(9) };
        Store::new(aws::dynamodb(&config), "t".to_owned()).record(&done, claimant).await.unwrap();
        assert_eq!(*operations.lock().unwrap(), ["TICKET#north#t-2", "ACTION#north#e.h.0"]);
    }

    #[tokio::test]
    async fn a_record_that_created_no_ticket_is_one_write_and_its_lost_response_is_no_conflict() {
        let failed = "ConditionalCheckFailedException";
        assert_eq!(recorded(&[], true).await, (Ok(()), vec!["put"]));
        assert_eq!(recorded(&[failed], true).await, (Ok(()), vec!["put", "get"]));
        let other = recorded(&[failed], false).await;
        assert_eq!(other, (Err(Error::VersionConflict), vec!["put", "get"]));
    }

    #[tokio::test]
    async fn a_record_is_written_although_a_transaction_was_changing_its_item_and_not_for_ever() {
        let conflict = "TransactionConflictException";
        assert_eq!(recorded(&[conflict], true).await, (Ok(()), vec!["put", "put"]));
        let (result, operations) = recorded(&[conflict; 9], true).await;
        assert!(matches!(result, Err(Error::Refused { .. } | Error::Unavailable { .. })), "{result:?}");
        assert_eq!(operations, ["put"; 5]);
    }
}
