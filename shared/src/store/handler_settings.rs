//! An organisation's settings of a handler, in place of those of its entry in template.yaml.

use super::keys::{ItemKey, ItemKind, handler_settings_of, key, pause_key};
use super::packed::pack;
use super::pauses::{Pause, Paused};
use super::{Error, Item, Store, decode, number, part, text, unavailable, unless_condition_failed, unusable};
use crate::id::OrganisationId;
use crate::json;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde_json::{Map, Value};

const SETTINGS: &str = "settings";
const ENABLED: &str = "enabled";
const DRY_RUN: &str = "dry_run";
const REVISION: &str = "revision";

/// What an organisation has in place of a handler's entry. The default is the entry alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct OwnSettings {
    /// Values by top-level key of the handler's settings.
    #[serde(rename = "settings")]
    pub values: Map<String, Value>,
    /// Whether the handler decides on the organisation's events; none for yes.
    pub enabled: Option<bool>,
    /// Whether its actions are only logged; none for what its entry says.
    pub dry_run: Option<bool>,
    /// Counts the changes, so that of two at once one fails.
    #[serde(skip)]
    pub revision: u64,
}

/// What the table has of a handler and an organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandlerState {
    /// The organisation's settings.
    pub own: OwnSettings,
    /// The handler's pause.
    pub pause: Option<Pause>,
}

impl OwnSettings {
    /// Whether nothing differs from the handler's entry.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.enabled.is_none() && self.dry_run.is_none()
    }
}

impl Store {
    /// What a handler has to know before it decides for an organisation: one request, for two items.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Unusable`] if an item is not what this version stores.
    pub async fn handler_state(
        &self,
        organisation: &OrganisationId,
        handler: &str,
    ) -> Result<HandlerState, Error> {
        let own = key(organisation, ItemKind::HandlerSettings(handler.to_owned()));
        let pause = pause_key(&Paused::Handler(handler.to_owned()).to_string());
        let mut state = HandlerState::default();
        for item in self.get_some(vec![own.clone(), pause]).await? {
            if part(&item, "pk") == part(&own, "pk") {
                state.own = own_settings(&item)?;
            } else {
                state.pause = Some(Pause::of(&item)?);
            }
        }
        Ok(state)
    }

    /// The settings of an organisation by handler, read consistently.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn handler_settings(
        &self,
        organisation: &OrganisationId,
    ) -> Result<Vec<(String, OwnSettings)>, Error> {
        let items = self.handler_settings_items(organisation).await?;
        let settings = items.iter().map(|item| {
            let Some(ItemKind::HandlerSettings(handler)) = ItemKey::of(item).map(|key| key.kind) else {
                return Err(unusable(item, "sk", None));
            };
            Ok((handler, own_settings(item)?))
        });
        settings.collect()
    }

    /// Deletes all settings of an organisation, also those that cannot be read; returns their number.
    ///
    /// # Errors
    /// [`Error`]; some of them may be deleted.
    pub async fn delete_handler_settings(&self, organisation: &OrganisationId) -> Result<usize, Error> {
        let items = self.handler_settings_items(organisation).await?;
        for item in &items {
            let key = item.iter().filter(|(name, _)| ["pk", "sk"].contains(&name.as_str()));
            let key = key.map(|(name, value)| (name.clone(), value.clone())).collect();
            let request = self.client.delete_item().table_name(&self.table);
            request.set_key(Some(key)).send().await.map_err(|error| unavailable(&error))?;
        }
        Ok(items.len())
    }

    async fn handler_settings_items(&self, organisation: &OrganisationId) -> Result<Vec<Item>, Error> {
        let (partition, prefix) = handler_settings_of(organisation);
        let request = self.client.query().table_name(&self.table).consistent_read(true);
        let request = request
            .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
            .expression_attribute_values(":pk", text(partition))
            .expression_attribute_values(":sk", text(prefix));
        let mut pages = request.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.try_next().await.map_err(|error| unavailable(&error))? {
            found.push(item);
        }
        Ok(found)
    }

    /// Stores the settings of an organisation, or deletes them if nothing differs from the handler's entry. The result is false if
    /// they were changed since they were read.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_handler_settings(
        &self,
        organisation: &OrganisationId,
        handler: &str,
        own: &OwnSettings,
    ) -> Result<bool, Error> {
        let mut item = key(organisation, ItemKind::HandlerSettings(handler.to_owned()));
        let unchanged = match own.revision {
            0 => "attribute_not_exists(pk)",
            _ => "revision = :revision",
        };
        let before = (own.revision > 0).then(|| [(":revision".to_owned(), number(own.revision))].into());
        if own.is_empty() {
            let request = self.client.delete_item().table_name(&self.table).set_key(Some(item));
            let request = request.condition_expression(unchanged).set_expression_attribute_values(before);
            return unless_condition_failed(request.send().await).map(|done| done.is_some());
        }
        item.insert(SETTINGS.to_owned(), pack(json::to_json(&own.values)));
        item.insert(REVISION.to_owned(), number(own.revision.saturating_add(1)));
        for (name, value) in [(ENABLED, own.enabled), (DRY_RUN, own.dry_run)] {
            item.extend(value.map(|value| (name.to_owned(), AttributeValue::Bool(value))));
        }
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let request = request.condition_expression(unchanged).set_expression_attribute_values(before);
        unless_condition_failed(request.send().await).map(|done| done.is_some())
    }
}

fn own_settings(item: &Item) -> Result<OwnSettings, Error> {
    let flag = |name: &'static str| match item.get(name) {
        None => Ok(None),
        Some(value) => value.as_bool().map(|value| Some(*value)).map_err(|_other| unusable(item, name, None)),
    };
    let revision = item.get(REVISION).and_then(|value| value.as_n().ok()?.parse().ok());
    Ok(OwnSettings {
        values: decode(item, SETTINGS)?,
        enabled: flag(ENABLED)?,
        dry_run: flag(DRY_RUN)?,
        revision: revision.ok_or_else(|| unusable(item, REVISION, None))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use crate::clock::Timestamp;
    use serde_json::json;
    use std::sync::{Arc, Mutex};

    fn north() -> OrganisationId {
        OrganisationId::parse("north").unwrap()
    }

    /// A table with these items, and the requests that it gets.
    fn store(items: Value, status: u16) -> (Store, Arc<Mutex<Vec<Value>>>) {
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let seen = Arc::clone(&requests);
        let config = aws::stub::config_with_responses(move |request| {
            seen.lock().unwrap().push(request.clone());
            match status {
                200 => (200, json!({ "Responses": { "t": items }, "Items": items })),
                _ => (status, json!({ "__type": "ConditionalCheckFailedException" })),
            }
        });
        (Store::new(aws::dynamodb(&config), "t".to_owned()), requests)
    }

    fn item() -> Value {
        json!({
            "pk": { "S": "ORGANISATION#north" }, "sk": { "S": "HANDLER#h" }, "settings": { "S": r#"{"stage":"Done"}"# },
            "enabled": { "BOOL": false }, "revision": { "N": "3" },
        })
    }

    #[tokio::test]
    async fn a_handler_reads_its_settings_and_its_pause_in_one_request() {
        let pause = json!({ "pk": { "S": "PAUSES" }, "sk": { "S": "HANDLER#h" }, "since": { "N": "7" } });
        let (store, requests) = store(json!([pause, item()]), 200);
        let state = store.handler_state(&north(), "h").await.unwrap();
        assert_eq!(state.own.values["stage"], "Done");
        assert_eq!((state.own.enabled, state.own.dry_run, state.own.revision), (Some(false), None, 3));
        assert_eq!(state.pause.unwrap().since, Timestamp::from_millis(7));
        let requests = requests.lock().unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0]["RequestItems"]["t"]["Keys"].as_array().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn an_organisation_without_settings_has_those_of_the_entry() {
        let state = store(json!([]), 200).0.handler_state(&north(), "h").await.unwrap();
        assert!(state.own.is_empty() && state.pause.is_none());
    }

    #[tokio::test]
    async fn settings_are_stored_on_the_revision_that_was_read_and_deleted_if_nothing_is_left() {
        let (store, requests) = store(json!([item()]), 200);
        let (handler, mut own) = store.handler_settings(&north()).await.unwrap().remove(0);
        assert_eq!(handler, "h");
        assert!(store.put_handler_settings(&north(), "h", &own).await.unwrap());
        for kept in [
            OwnSettings { dry_run: Some(false), ..OwnSettings::default() },
            OwnSettings { enabled: Some(true), ..OwnSettings::default() },
        ] {
            assert!(!kept.is_empty(), "it may differ from the entry: {kept:?}");
        }
        own = OwnSettings { revision: own.revision, ..OwnSettings::default() };
        assert!(store.put_handler_settings(&north(), "h", &own).await.unwrap());
        assert!(store.put_handler_settings(&north(), "h", &OwnSettings::default()).await.unwrap());
        let requests = requests.lock().unwrap();
        let conditions: Vec<_> =
            requests[1..].iter().map(|request| request["ConditionExpression"].as_str().unwrap()).collect();
        assert_eq!(conditions, ["revision = :revision", "revision = :revision", "attribute_not_exists(pk)"]);
        assert_eq!(requests[1]["Item"]["revision"]["N"], "4");
        assert_eq!(requests[1]["ExpressionAttributeValues"][":revision"]["N"], "3");
        assert!(requests[2].get("Item").is_none() && requests[2]["Key"]["sk"]["S"] == "HANDLER#h");
    }

    #[tokio::test]
    async fn all_settings_of_an_organisation_are_deleted_also_those_that_cannot_be_read() {
        let mut bad = item();
        (bad["sk"], bad["settings"]) = (json!({ "S": "HANDLER#i" }), json!({ "S": "[" }));
        let (store, requests) = store(json!([item(), bad]), 200);
        assert_eq!(store.delete_handler_settings(&north()).await, Ok(2));
        let requests = requests.lock().unwrap();
        let keys: Vec<_> = requests[1..].iter().map(|request| request["Key"].clone()).collect();
        let key = |sk| json!({ "pk": { "S": "ORGANISATION#north" }, "sk": { "S": sk } });
        assert_eq!(keys, [key("HANDLER#h"), key("HANDLER#i")]);
    }

    #[tokio::test]
    async fn a_change_since_the_read_is_said() {
        let (store, _) = store(json!([]), 400);
        let own = OwnSettings { enabled: Some(false), ..OwnSettings::default() };
        assert_eq!(store.put_handler_settings(&north(), "h", &own).await, Ok(false));
    }

    #[tokio::test]
    async fn an_item_that_cannot_be_read_is_not_taken_for_none() {
        let mut bad = item();
        bad["settings"] = json!({ "S": "[]" });
        let error = store(json!([bad]), 200).0.handler_state(&north(), "h").await.unwrap_err();
        assert!(matches!(&error, Error::Unusable { attribute: SETTINGS, .. }), "{error}");
    }
}
