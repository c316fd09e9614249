//! A claim that begins with the sending: of an action whose first step is the one that must not happen twice, claimed when it has been
//! prepared. One write instead of two, and a crash before it leaves nothing that a later delivery has to wait for.

use super::actions::{Claimant, STILL_CLAIMED, action_key, field};
use super::{Error, Store, number, text, unless_condition_failed};
use crate::id::{ActionId, OrganisationId};

impl Store {
    /// Claims an action that no invocation has claimed, and records that it is about to be sent; see [`Store::claim`] and
    /// [`Store::record_send_started`]. `attempt` is of this one call: by it, our own write is recognised whose response was lost. Says
    /// whether it was claimed; if not, ask by [`Store::claim`] why.
    ///
    /// # Errors
    /// [`Error`]; nothing may be sent, and [`Store::withdraw`] takes back what may have been written.
    pub async fn claim_to_send(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        (claimant, attempt): (Claimant<'_>, &str),
    ) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let response = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression(
                "SET #state = :claimed, #owner = :owner, lease = :until, send_started = :attempt",
            )
            .condition_expression("attribute_not_exists(pk)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner))
            .expression_attribute_values(":until", number(claimant.until.as_millis()))
            .expression_attribute_values(":attempt", text(attempt))
            .send()
            .await;
        if unless_condition_failed(response)?.is_some() {
            return Ok(true);
        }
        let stored = self.action(organisation, action).await?;
        Ok(stored.is_some_and(|stored| field(&stored, "send_started") == Some(attempt)))
    }

    /// Takes back a claim of [`Store::claim_to_send`] of which it is not known whether it was written: nothing was sent.
    ///
    /// # Errors
    /// [`Error`]; if it was written, the outcome counts as unknown when the lease ends.
    pub async fn withdraw(
        &self,
        organisation: &OrganisationId,
        action: &ActionId,
        (claimant, attempt): (Claimant<'_>, &str),
    ) -> Result<(), Error> {
        let request = self.client.update_item().table_name(&self.table);
        let response = request
            .set_key(Some(action_key(organisation, action)))
            .update_expression("SET lease = :zero REMOVE send_started")
            .condition_expression(format!("{STILL_CLAIMED} AND send_started = :attempt"))
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":owner", text(claimant.owner))
            .expression_attribute_values(":attempt", text(attempt))
            .expression_attribute_values(":zero", number(0))
            .send()
            .await;
        unless_condition_failed(response).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    /// The result of claiming an action in a table that refuses it with this code, if any, and has this item; and the requests.
    async fn claimed(code: Option<&'static str>, item: Value) -> (Result<bool, Error>, Vec<Value>) {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request: &Value| {
            seen.lock().unwrap().push(request.clone());
            match (request.get("UpdateExpression"), code) {
                (Some(_), Some(code)) => (400, json!({ "__type": code })),
                (Some(_), None) => (200, json!({})),
                (None, _) => (200, json!({ "Item": item })),
            }
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let north = OrganisationId::parse("north").unwrap();
        let (now, until) = (Timestamp::from_millis(1), Timestamp::from_millis(9));
        let claimant = Claimant { owner: "i", now, until };
        let action = ActionId::parse("e.h.0").unwrap();
        let result = store.claim_to_send(&north, &action, (claimant, "i#1")).await;
        let requests = requests.lock().unwrap().clone();
        (result, requests)
    }

    #[tokio::test]
    async fn one_write_claims_an_action_and_says_that_it_is_sent() {
        let (result, requests) = claimed(None, json!({})).await;
        assert_eq!((result, requests.len()), (Ok(true), 1));
        assert_eq!(requests[0]["ConditionExpression"], "attribute_not_exists(pk)");
        let values = &requests[0]["ExpressionAttributeValues"];
        assert_eq!((&values[":owner"]["S"], &values[":attempt"]["S"]), (&json!("i"), &json!("i#1")));
        assert_eq!((&values[":claimed"]["S"], &values[":until"]["N"]), (&json!("claimed"), &json!("9")));
    }

    /// Another attempt of the same invocation may have sent it, as when a message is in a batch twice and its record failed.
    #[tokio::test]
    async fn only_the_write_of_this_attempt_is_taken_for_its_own() {
        let item = |attempt: Value| json!({ "state": { "S": "claimed" }, "owner": { "S": "i" }, "send_started": attempt });
        let failed = Some("ConditionalCheckFailedException");
        assert_eq!(claimed(failed, item(json!({ "S": "i#1" }))).await.0, Ok(true), "a lost response");
        assert_eq!(claimed(failed, item(json!({ "S": "i#0" }))).await.0, Ok(false));
        assert_eq!(
            claimed(failed, item(json!({ "BOOL": true }))).await.0,
            Ok(false),
            "of an earlier version"
        );
        assert_eq!(claimed(failed, json!({ "state": { "S": "done" } })).await.0, Ok(false));
        let refused = claimed(Some("ThrottlingException"), json!({})).await;
        assert!(refused.0.is_err() && refused.1.len() == 1, "{refused:?}");
    }
}
