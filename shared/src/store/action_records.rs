//! What the table has of many actions at once, for an operator's questions; nothing is claimed or changed.

use super::actions::{action_key, field, state};
use super::{Done, Error, Item, KEYS_PER_REQUEST, Store, decode, report_unreadable, unusable};
use crate::clock::Timestamp;
use crate::id::{ActionId, OrganisationId};
use crate::store::{ItemKey, ItemKind};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use std::collections::BTreeMap;

/// Batches of keys that are read at the same time.
const BATCHES_AT_ONCE: usize = 16;

/// The record of an action; the states are those of `actions.rs`.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionRecord {
    /// It was performed, or is only recorded: see the outcome.
    Done(Box<Done>),
    /// An invocation performs it until its lease ends; later, it waits for a retry.
    Claimed {
        /// When the lease ends or ended; 1970 if the claim was released.
        until: Timestamp,
        /// Something that must not happen twice may have been sent.
        outcome_unknown: bool,
    },
    /// It may or may not have taken effect; a person decides.
    Parked,
    /// The item cannot be read, which is logged.
    Unreadable,
}

impl Store {
    /// The records of these actions, by id: one that no invocation has claimed yet has none. Read in batches, several at once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn action_records(
        &self,
        organisation: &OrganisationId,
        actions: &[ActionId],
    ) -> Result<BTreeMap<ActionId, ActionRecord>, Error> {
        let batches = actions.chunks(KEYS_PER_REQUEST).map(|actions| {
            let keys = actions.iter().map(|action| action_key(organisation, action)).collect();
            self.get_all(keys)
        });
        let items: Vec<Vec<Item>> = stream::iter(batches).buffered(BATCHES_AT_ONCE).try_collect().await?;
        let records = items.iter().flatten().filter_map(|item| {
            let ItemKind::Action(action) = ItemKey::of(item)?.kind else { return None };
            Some((action, record(item)))
        });
        Ok(records.collect())
    }
}

fn record(item: &Item) -> ActionRecord {
    let lease = || item.get("lease").and_then(|lease| lease.as_n().ok()?.parse().ok());
    let read = match state(item) {
        Some("done") => decode(item, "result").map(|done| ActionRecord::Done(Box::new(done))),
        Some("parked") => Ok(ActionRecord::Parked),
        Some("claimed") if field(item, "owner").is_some() => {
            lease().ok_or_else(|| unusable(item, "lease", None)).map(|until| ActionRecord::Claimed {
                until: Timestamp::from_millis(until),
                outcome_unknown: item.contains_key("send_started"),
            })
        }
        _ => Err(unusable(item, "state", None)),
    };
    read.unwrap_or_else(|error| {
        report_unreadable(item, &error);
        ActionRecord::Unreadable
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex};

    #[tokio::test]
    async fn each_state_of_a_record_is_read_and_an_action_without_one_is_absent() {
        let id = |position: usize| ActionId::parse(format!("e.h.{position}")).unwrap();
        let config = aws::stub::config_with_responses(|_| {
            let item = |position: usize, more: Value| {
                let mut item =
                    json!({ "pk": { "S": format!("ACTION#north#e.h.{position}") }, "sk": { "S": "RESULT" } });
                item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                item
            };
            let claimed = json!({ "state": { "S": "claimed" }, "owner": { "S": "o" }, "lease": { "N": "5" }, "send_started": { "BOOL": true } });
            let items = [
                item(0, claimed),
                item(1, json!({ "state": { "S": "parked" } })),
                item(2, json!({ "state": { "S": "done" }, "result": { "S": "{" } })),
            ];
            (200, json!({ "Responses": { "t": items } }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let organisation = OrganisationId::parse("north").unwrap();
        let records = store.action_records(&organisation, &[0, 1, 2, 3].map(id)).await.unwrap();
        let claimed = ActionRecord::Claimed { until: Timestamp::from_millis(5), outcome_unknown: true };
        let expected = [claimed, ActionRecord::Parked, ActionRecord::Unreadable];
        assert_eq!(records, (0..3).map(id).zip(expected).collect());
    }

    #[tokio::test]
    async fn many_actions_are_read_a_hundred_in_a_request() {
        let requests: Arc<Mutex<Vec<usize>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            let keys = request["RequestItems"]["t"]["Keys"].as_array().map_or(0, Vec::len);
            seen.lock().unwrap().push(keys);
            (200, json!({ "Responses": {} }))
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        let ids: Vec<_> =
            (0..250).map(|position| ActionId::parse(format!("e.h.{position}")).unwrap()).collect();
        let organisation = OrganisationId::parse("north").unwrap();
        assert!(store.action_records(&organisation, &ids).await.unwrap().is_empty());
        assert_eq!(*requests.lock().unwrap(), [100, 100, 50]);
    }
}
