//! What operators paused: a handler, an organisation, or all writing. An item each, so that a deployment does not end it.

use super::keys::{PAUSES, pause_key};
use super::{Error, Item, Store, number, part, text, unavailable, unless_condition_failed, unusable};
use crate::cache::refreshing::{Bounds, RefreshError, RefreshingCache};
use crate::clock::Timestamp;
use crate::failure::{Failure as _, Remedy};
use crate::id::OrganisationId;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const HANDLER: &str = "HANDLER#";
const ORGANISATION: &str = "ORGANISATION#";
const WRITING: &str = "WRITING";

/// What is paused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// The handler of this name: its queue is not read.
    Handler(String),
    /// An organisation: its tickets are not fetched, and nothing is written there.
    Organisation(OrganisationId),
    /// All actions: the queue of actions is not read.
    Writing,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// Of what.
    pub paused: Paused,
    /// When it began.
    pub since: Timestamp,
    /// Why, in an operator's words.
    pub reason: Option<String>,
    /// How far its end has come.
    #[serde(rename = "resuming", serialize_with = "is_resuming")]
    pub state: PauseState,
    /// When people were last reminded of it.
    #[serde(skip)]
    pub reminded_at: Option<Timestamp>,
}

/// How far the end of a pause has come. In all of these, an organisation's tickets are not fetched, so that nothing new is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseState {
    /// It is in force.
    InForce,
    /// It is being ended: what waited is worked on. Of an organisation's actions, those that were held and sent again are performed; others
    /// are held, as they are newer.
    Resuming,
    /// All that was held is sent again, so all actions of the organisation are performed.
    Ending,
}

/// `MessageRetentionPeriod` of the queues, the longest that SQS has.
pub const RETENTION: Duration = Duration::from_hours(14 * 24);
/// From this age of a pause on, its end is near.
const NEAR_RETENTION: Duration = Duration::from_hours(10 * 24);

impl Pause {
    /// Whether it is being ended.
    pub fn is_resuming(&self) -> bool {
        match self.state {
            PauseState::InForce => false,
            PauseState::Resuming | PauseState::Ending => true,
        }
    }

    /// Whether SQS soon deletes the messages of its beginning.
    pub fn is_near_retention(&self, now: Timestamp) -> bool {
        now.since(self.since) >= NEAR_RETENTION
    }
}

impl Paused {
    /// As in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Handler(name) => format!("the handler {name}"),
            Self::Organisation(organisation) => format!("the organisation {organisation}"),
            Self::Writing => "all writing".to_owned(),
        }
    }
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handler(name) => write!(f, "{HANDLER}{name}"),
            Self::Organisation(organisation) => write!(f, "{ORGANISATION}{organisation}"),
            Self::Writing => f.write_str(WRITING),
        }
    }
}

/// Not what an operator can pause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("neither a handler, nor an organisation, nor all writing")]
pub struct UnknownPause;

impl FromStr for Paused {
    type Err = UnknownPause;

    fn from_str(text: &str) -> Result<Self, UnknownPause> {
        if let Some(name) = text.strip_prefix(HANDLER) {
            return Ok(Self::Handler(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix(ORGANISATION) {
            return OrganisationId::parse(name).map(Self::Organisation).map_err(|_invalid| UnknownPause);
        }
        if text == WRITING { Ok(Self::Writing) } else { Err(UnknownPause) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_resuming<S: Serializer>(state: &PauseState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(*state != PauseState::InForce)
}

impl Serialize for Paused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, value) = match self {
            Self::Handler(name) => ("handler", name.as_str()),
            Self::Organisation(organisation) => ("organisation", organisation.as_str()),
            Self::Writing => ("writing", "all"),
        };
        serializer.collect_map([(name, value)])
    }
}

impl Pause {
    /// A pause that begins now.
    pub fn new(paused: Paused, since: Timestamp, reason: Option<String>) -> Self {
        Self { paused, since, reason, state: PauseState::InForce, reminded_at: None }
    }

    pub(super) fn of(item: &Item) -> Result<Self, Error> {
        let time = |name: &str| {
            item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).map(Timestamp::from_millis)
        };
        let is_true = |name: &str| item.get(name) == Some(&AttributeValue::Bool(true));
        Ok(Self {
            paused: part(item, "sk").parse().map_err(|_unknown| unusable(item, "sk", None))?,
            since: time("since").ok_or_else(|| unusable(item, "since", None))?,
            reason: item.get("reason").and_then(|reason| reason.as_s().ok()).cloned(),
            state: match (is_true("resuming"), is_true("ending")) {
                (false, _) => PauseState::InForce,
                (true, false) => PauseState::Resuming,
                (true, true) => PauseState::Ending,
            },
            reminded_at: time("reminded_at"),
        })
    }
}

impl Store {
    /// All pauses, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn pauses(&self) -> Result<Vec<Pause>, Error> {
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request =
            request.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(PAUSES));
        let mut pages = request.into_paginator().items().send();
        let mut pauses = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            pauses.push(Pause::of(&item)?);
        }
        Ok(pauses)
    }

    /// Stores a pause.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_pause(&self, pause: &Pause) -> Result<(), Error> {
        let mut item = pause_key(&pause.paused.to_string());
        item.insert("since".to_owned(), number(pause.since.as_millis()));
        item.extend(pause.reason.as_ref().map(|reason| ("reason".to_owned(), text(reason))));
        let states: &[&str] = match pause.state {
            PauseState::InForce => &[],
            PauseState::Resuming => &["resuming"],
            PauseState::Ending => &["resuming", "ending"],
        };
        item.extend(states.iter().map(|state| ((*state).to_owned(), AttributeValue::Bool(true))));
        item.extend(pause.reminded_at.map(|at| ("reminded_at".to_owned(), number(at.as_millis()))));
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    /// Notes that people were reminded of a pause. The result is false if it has ended, or another invocation was first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn reminded_of_pause(&self, pause: &Pause, at: Timestamp) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table);
        let request = request
            .set_key(Some(pause_key(&pause.paused.to_string())))
            .update_expression("SET reminded_at = :at")
            .expression_attribute_values(":at", number(at.as_millis()))
            .expression_attribute_values(":since", number(pause.since.as_millis()));
        let request = match pause.reminded_at {
            None => request.condition_expression("since = :since AND attribute_not_exists(reminded_at)"),
            Some(before) => request
                .condition_expression("since = :since AND reminded_at = :before")
                .expression_attribute_values(":before", number(before.as_millis())),
        };
        unless_condition_failed(request.send().await).map(|updated| updated.is_some())
    }

    /// Ends a pause. The result is false if there was none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn delete_pause(&self, paused: &Paused) -> Result<bool, Error> {
        let request = self.client.delete_item().table_name(&self.table).return_values(ReturnValue::AllOld);
        let deleted = request.set_key(Some(pause_key(&paused.to_string()))).send().await;
        let before = deleted.map_err(|error| unavailable(&error))?.attributes;
        Ok(before.is_some_and(|before| !before.is_empty()))
    }
}

/// The organisations among these pauses.
pub fn paused_organisations(pauses: &[Pause]) -> BTreeSet<OrganisationId> {
    let organisations = pauses.iter().filter_map(|pause| match &pause.paused {
        Paused::Organisation(organisation) => Some(organisation.clone()),
        Paused::Handler(_) | Paused::Writing => None,
    });
    organisations.collect()
}

/// How long a function may not know of a pause or of its end, at most. `automations resume` waits for as long.
pub const CACHE_TIME: Duration = Duration::from_secs(45);
/// While the table does not respond, what was read last is used for this much longer.
const GRACE: Duration = Duration::from_hours(1);
const BOUNDS: Bounds = Bounds { grace: GRACE, pause: Duration::from_secs(15), most: 1 };

/// The pauses as a function knows them. Create one per process: it reads them about once a minute, and not for each message.
#[derive(Debug)]
pub struct Pauses {
    store: Store,
    cache: RefreshingCache<Arc<Vec<Pause>>>,
}

impl Pauses {
    /// Those of this table.
    pub fn new(store: Store) -> Self {
        Self { store, cache: RefreshingCache::new(BOUNDS) }
    }

    /// The pauses that are in force.
    ///
    /// # Errors
    /// [`Error`] if the table does not respond, and was not read within the last hour.
    pub async fn current(&self, now: Instant) -> Result<Arc<Vec<Pause>>, Error> {
        let ask = async |_has_fallback| match self.store.pauses().await {
            Ok(pauses) => Ok((Arc::new(pauses), CACHE_TIME)),
            Err(error) if error.remedy() == Remedy::DeadLetter => Err(RefreshError::Rejected(error)),
            Err(error) => Err(RefreshError::Unavailable(error)),
        };
        Ok(self.cache.get("", Duration::MAX, now, ask).await?.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::{Value, json};
    use std::sync::Mutex;

    fn pauses_of(items: Value) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            (200, json!({ "Items": items }))
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), requests)
    }

    #[tokio::test]
    async fn a_pause_is_read_back_as_it_was_stored() {
        let (at, north) = (Timestamp::from_millis(7), OrganisationId::parse("north").unwrap());
        let all = [
            Pause::new(Paused::Handler("h".to_owned()), at, Some("vendor's maintenance".to_owned())),
            Pause {
                state: PauseState::Resuming,
                ..Pause::new(Paused::Organisation(north.clone()), at, None)
            },
            Pause { state: PauseState::Ending, ..Pause::new(Paused::Organisation(north), at, None) },
            Pause { reminded_at: Some(at), ..Pause::new(Paused::Writing, at, None) },
        ];
        let (store, requests) = pauses_of(json!([]));
        for pause in &all {
            store.put_pause(pause).await.unwrap();
        }
        let items: Vec<Value> =
            requests.lock().unwrap().iter().map(|request| request["Item"].clone()).collect();
        assert_eq!(items[0]["pk"]["S"], "PAUSES");
        assert_eq!(pauses_of(json!(items)).0.pauses().await.unwrap(), all);
    }

    #[tokio::test]
    async fn pauses_are_read_once_a_minute_and_not_for_each_message() {
        let (store, requests) =
            pauses_of(json!([{ "pk": { "S": "PAUSES" }, "sk": { "S": "WRITING" }, "since": { "N": "7" } }]));
        let (pauses, start) = (Pauses::new(store), Instant::now());
        for seconds in 0..60 {
            let current = pauses.current(start + Duration::from_secs(seconds)).await.unwrap();
            assert_eq!(current[0].paused, Paused::Writing);
        }
        assert_eq!(requests.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_unknown_pause_is_not_taken_for_none() {
        let (store, _) =
            pauses_of(json!([{ "pk": { "S": "PAUSES" }, "sk": { "S": "ALL" }, "since": { "N": "7" } }]));
        assert!(matches!(store.pauses().await, Err(Error::Unusable { attribute: "sk", .. })));
    }

    /// `automations resume` decides by it, and a function must not forget a pause that was just stored.
    #[tokio::test]
    async fn pauses_are_read_consistently() {
        let (store, requests) = pauses_of(json!([]));
        store.pauses().await.unwrap();
        assert_eq!(requests.lock().unwrap()[0]["ConsistentRead"], true);
    }

    /// Of two invocations at the same time, one sends the message of the day.
    #[tokio::test]
    async fn a_reminder_is_noted_on_condition_of_the_one_before_and_of_the_pause() {
        let (at, (store, requests)) = (Timestamp::from_millis, pauses_of(json!([])));
        let pause = Pause::new(Paused::Writing, at(7), None);
        for reminded_at in [None, Some(at(8))] {
            let pause = Pause { reminded_at, ..pause.clone() };
            assert!(store.reminded_of_pause(&pause, at(9)).await.unwrap());
        }
        let requests = requests.lock().unwrap();
        let conditions: Vec<_> =
            requests.iter().map(|request| request["ConditionExpression"].as_str().unwrap()).collect();
        let expected = [
            "since = :since AND attribute_not_exists(reminded_at)",
            "since = :since AND reminded_at = :before",
        ];
        assert_eq!(conditions, expected);
        let values = &requests[1]["ExpressionAttributeValues"];
        assert_eq!((&values[":since"]["N"], &values[":before"]["N"]), (&json!("7"), &json!("8")));
    }

    #[test]
    fn sqs_soon_deletes_the_first_messages_of_a_pause_from_its_tenth_day_on() {
        let pause = Pause::new(Paused::Writing, Timestamp::from_seconds(1_000), None);
        let after = |hours: u64| pause.is_near_retention(pause.since.later(Duration::from_hours(hours)));
        assert!(!after(10 * 24 - 1) && after(10 * 24));
    }

    #[tokio::test]
    async fn the_end_of_a_pause_says_whether_there_was_one() {
        for (attributes, was_there) in [(json!({ "pk": { "S": "PAUSES" } }), true), (json!({}), false)] {
            let config = aws::stub::config_with_responses(move |request| {
                assert_eq!(request["ReturnValues"], "ALL_OLD");
                (200, json!({ "Attributes": attributes }))
            });
            let store = Store::new(aws::dynamodb(&config), "t".to_owned());
            assert_eq!(store.delete_pause(&Paused::Writing).await, Ok(was_there));
        }
    }
}
