//! The names that a webhook's URL may have, from the list of organisations: a guessed name costs no call of Secrets Manager.

use super::{Error, Store};
use crate::id::{OrganisationId, WebhookAction};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// The list is read again for a name that it lacks, but at most once in this time. So a name that was added this long ago is
/// known everywhere.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
/// A read of the list takes at most this long: the sender waits for it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The list of organisations, in memory. Create one per process.
#[derive(Debug)]
pub struct ListedNames {
    store: Store,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The inbound webhooks by organisation, as last read.
    names: BTreeMap<OrganisationId, BTreeSet<String>>,
    /// The last read: when it began, and its error.
    last: Option<(Instant, Option<Error>)>,
}

impl ListedNames {
    /// The list in this table.
    pub fn new(store: Store) -> Self {
        Self { store, state: Mutex::default() }
    }

    /// Whether the list has the organisation and, if this is an inbound webhook's action, the webhook. A name that was found once
    /// is known for as long as the list is not read again. Many callers at once lead to one read.
    ///
    /// # Errors
    /// [`Error`] if the name is not known and the list cannot be read: the name may be a new one.
    pub async fn has(
        &self,
        organisation: &OrganisationId,
        action: &WebhookAction,
        now: Instant,
    ) -> Result<bool, Error> {
        let mut state = self.state.lock().await;
        if state.has(organisation, action) {
            return Ok(true);
        }
        let is_recent = |at: Instant| now.saturating_duration_since(at) < REFRESH_INTERVAL;
        match &state.last {
            Some((at, error)) if is_recent(*at) => error.clone().map_or(Ok(false), Err),
            _ => {
                let read = tokio::time::timeout(TIMEOUT, self.store.listings()).await;
                let read = read.unwrap_or(Err(Error::Unavailable { code: None }));
                state.last = Some((now, read.as_ref().err().cloned()));
                let listed = read?.into_iter().map(|listing| (listing.organisation, listing.inbound));
                state.names = listed.collect();
                Ok(state.has(organisation, action))
            }
        }
    }
}

impl State {
    fn has(&self, organisation: &OrganisationId, action: &WebhookAction) -> bool {
        let inbound = self.names.get(organisation);
        inbound.is_some_and(|inbound| action.inbound().is_none() || inbound.contains(action.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::{Arc, Mutex as StdMutex};

    /// A list that can be changed, and how often it was read.
    struct List {
        names: ListedNames,
        table: Arc<StdMutex<(Value, u32)>>,
    }

    impl List {
        fn of(items: Value) -> Self {
            let table = Arc::new(StdMutex::new((items, 0_u32)));
            let seen = Arc::clone(&table);
            let config = aws::stub::config_with_responses(move |_| {
                let mut table = seen.lock().unwrap();
                table.1 = table.1.saturating_add(1);
                let items = &table.0;
                if items.is_null() {
                    (500, json!({ "__type": "InternalServerError" }))
                } else {
                    (200, json!({ "Items": items }))
                }
            });
            let store = Store::new(aws::dynamodb(&config), "t".to_owned());
            Self { names: ListedNames::new(store), table }
        }

        fn set(&self, items: Value) {
            self.table.lock().unwrap().0 = items;
        }

        fn reads(&self) -> u32 {
            self.table.lock().unwrap().1
        }

        async fn has(&self, organisation: &str, action: &str, now: Instant) -> Result<bool, Error> {
            let organisation = OrganisationId::parse(organisation).unwrap();
            self.names.has(&organisation, &WebhookAction::parse(action).unwrap(), now).await
        }
    }

    fn item(organisation: &str, inbound: &[&str]) -> Value {
        let key = json!({ "pk": { "S": "ORGANISATIONS" }, "sk": { "S": organisation } });
        let mut item = key;
        if !inbound.is_empty() {
            item["inbound"] = json!({ "SS": inbound });
        }
        item
    }

    #[tokio::test]
    async fn a_webhook_is_known_by_its_organisation_and_an_inbound_one_by_its_own_name() {
        let (list, now) =
            (List::of(json!([item("north", &["inbound-survey"]), item("south", &[])])), Instant::now());
        assert_eq!(list.has("north", "ticket-updated", now).await, Ok(true));
        assert_eq!(list.has("north", "inbound-survey", now).await, Ok(true));
        assert_eq!(list.has("north", "inbound-guess", now).await, Ok(false));
        assert_eq!(list.has("south", "inbound-survey", now).await, Ok(false));
        assert_eq!(list.has("east", "ticket-updated", now).await, Ok(false));
        assert_eq!(list.reads(), 1);
    }

    /// D1 of the AWS facts: what is not on the list costs a read a second, whatever number of names.
    #[tokio::test]
    async fn names_that_are_not_on_the_list_share_one_read_a_second() {
        let (list, start) = (List::of(json!([item("north", &[])])), Instant::now());
        for millis in 0..3_000_u64 {
            let now = start + Duration::from_millis(millis);
            assert_eq!(list.has(&format!("guess-{millis}"), "ticket-updated", now).await, Ok(false));
            assert_eq!(list.has("north", "ticket-updated", now).await, Ok(true));
        }
        assert_eq!(list.reads(), 3);
    }

    #[tokio::test]
    async fn a_new_name_is_known_after_the_interval() {
        let (list, start) = (List::of(json!([])), Instant::now());
        assert_eq!(list.has("north", "ticket-updated", start).await, Ok(false));
        list.set(json!([item("north", &[])]));
        assert_eq!(list.has("north", "ticket-updated", start + REFRESH_INTERVAL).await, Ok(true));
    }

    /// A genuine webhook must not be rejected for good because the list could not be read.
    #[tokio::test]
    async fn while_the_list_cannot_be_read_known_names_are_known_and_others_are_an_error() {
        let (list, start) = (List::of(json!([item("north", &[])])), Instant::now());
        assert_eq!(list.has("north", "ticket-updated", start).await, Ok(true));
        list.set(Value::Null);
        for later in [REFRESH_INTERVAL, REFRESH_INTERVAL * 3 / 2] {
            let now = start + later;
            assert!(matches!(list.has("south", "ticket-updated", now).await, Err(Error::Unavailable { .. })));
            assert_eq!(list.has("north", "ticket-updated", now).await, Ok(true));
        }
        assert_eq!(list.reads(), 2, "an outage is not hammered");
        list.set(json!([item("south", &[])]));
        assert_eq!(list.has("south", "ticket-updated", start + REFRESH_INTERVAL * 2).await, Ok(true));
    }
}
