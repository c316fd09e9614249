//! A handler's settings for an organisation: those of its entry in template.yaml, and in place of single values what an operator
//! stored for the organisation. They are read about once a minute for each organisation, and not for each event.

use crate::aws::batch::MessageError;
use crate::cache::refreshing::{Bounds, RefreshError, RefreshingCache};
use crate::failure::{Failure, Remedy};
use crate::id::OrganisationId;
use crate::json::{self, DecodeError};
use crate::reason::Reason;
use crate::store::{Error as StoreError, HandlerState, Store};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A change takes effect after this time at the latest.
const CACHE_TIME: Duration = Duration::from_secs(45);
/// While the table does not respond, what was read last is used for this much longer.
const GRACE: Duration = Duration::from_hours(1);
const BOUNDS: Bounds = Bounds { grace: GRACE, pause: Duration::from_secs(15), most: 1_000 };

/// The settings of a handler's entry, and those of organisations if there is a table of them.
#[derive(Debug)]
pub struct SettingsByOrganisation<Settings> {
    of_entry: Arc<Effective<Settings>>,
    stored: Option<Stored<Settings>>,
}

/// What is in force for an organisation.
#[derive(Debug)]
pub struct Effective<Settings> {
    /// The settings.
    pub settings: Settings,
    /// Whether the handler decides.
    pub enabled: bool,
    /// Whether its actions are only logged.
    pub dry_run: bool,
}

#[derive(Debug)]
struct Stored<Settings> {
    store: Store,
    handler: String,
    /// The JSON of the entry.
    entry: String,
    dry_run: bool,
    parse: Parse<Settings>,
    cache: RefreshingCache<Result<Arc<Effective<Settings>>, Unusable>>,
}

type Parse<Settings> = fn(&str, &Map<String, Value>) -> Result<Settings, DecodeError>;

/// Why the handler cannot decide for the organisation now. It is kept as long as settings are, so that it costs no read for each event.
#[derive(Debug, Clone, thiserror::Error)]
enum Unusable {
    #[error("an operator paused the handler")]
    Paused,
    #[error(
        "the organisation's settings of the handler do not fit the handler as it is deployed; correct them by `automations settings set`, or \
         remove them by `automations settings unset`"
    )]
    Invalid(#[source] DecodeError),
}

impl Failure for Unusable {
    fn remedy(&self) -> Remedy {
        match self {
            Self::Paused => Remedy::Wait { after: Some(Duration::from_mins(1)) },
            Self::Invalid(_) => Remedy::Retry { after: None },
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::Paused => Reason::Paused,
            Self::Invalid(_) => Reason::SettingsInvalid,
        }
    }
}

impl<Settings> SettingsByOrganisation<Settings> {
    /// The same for every organisation.
    pub fn fixed(settings: Settings, dry_run: bool) -> Self {
        Self { of_entry: Arc::new(Effective { settings, enabled: true, dry_run }), stored: None }
    }

    /// The settings of the entry.
    pub fn of_entry(&self) -> &Settings {
        &self.of_entry.settings
    }

    /// Those of the organisation.
    ///
    /// # Errors
    /// [`MessageError`] if the table does not respond, the handler is paused, or what is stored does not fit the handler: the event is
    /// retried.
    pub async fn of(
        &self,
        organisation: &OrganisationId,
        now: Instant,
    ) -> Result<Arc<Effective<Settings>>, MessageError> {
        let Some(stored) = &self.stored else { return Ok(Arc::clone(&self.of_entry)) };
        let ask = async |_has_fallback| match stored.store.handler_state(organisation, &stored.handler).await
        {
            Ok(state) => Ok((self.effective(stored, &state), CACHE_TIME)),
            // What another version stored, or a person by hand, is an error until it is corrected.
            Err(error @ StoreError::Unusable { .. }) => Err(RefreshError::Rejected(error)),
            Err(error) => Err(RefreshError::Unavailable(error)),
        };
        let cached = stored.cache.get(organisation.as_str(), Duration::MAX, now, ask).await;
        let cached = cached.map_err(|error| MessageError::from(error).retried())?;
        Ok(cached.value?)
    }

    fn effective(
        &self,
        stored: &Stored<Settings>,
        HandlerState { own, pause }: &HandlerState,
    ) -> Result<Arc<Effective<Settings>>, Unusable> {
        if pause.as_ref().is_some_and(|pause| !pause.is_resuming()) {
            return Err(Unusable::Paused);
        }
        if own.is_empty() {
            return Ok(Arc::clone(&self.of_entry));
        }
        let enabled = own.enabled.unwrap_or(true);
        let dry_run = own.dry_run.unwrap_or(stored.dry_run);
        let settings = (stored.parse)(&stored.entry, &own.values).map_err(Unusable::Invalid)?;
        Ok(Arc::new(Effective { settings, enabled, dry_run }))
    }
}

impl<Settings: DeserializeOwned> SettingsByOrganisation<Settings> {
    /// Those of the entry, with what the table has of each organisation.
    ///
    /// # Errors
    /// [`DecodeError`] if the entry's JSON is not of the handler's type.
    pub fn stored(store: Store, handler: String, entry: String, dry_run: bool) -> Result<Self, DecodeError> {
        let settings = merged(&entry, &Map::new())?;
        let cache = RefreshingCache::new(BOUNDS);
        let stored = Stored { store, handler, entry, dry_run, parse: merged::<Settings>, cache };
        Ok(Self { stored: Some(stored), ..Self::fixed(settings, dry_run) })
    }
}

/// The settings of an entry, with these values in place of its own by top-level key.
pub(super) fn merged<Settings: DeserializeOwned>(
    entry: &str,
    own: &Map<String, Value>,
) -> Result<Settings, DecodeError> {
    if own.is_empty() {
        return json::from_json(entry.as_bytes());
    }
    let mut all = match json::from_json(entry.as_bytes())? {
        Value::Object(all) => all,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    };
    all.extend(own.clone());
    json::from_json(json::to_json(&all).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde::Deserialize;
    use serde_json::json;
    use std::sync::Mutex;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Settings {
        stage: String,
        label: String,
    }

    const ENTRY: &str = r#"{"stage": "Settled", "label": "Post-settlement"}"#;

    /// What the table responds, and the number of requests.
    type Table = Arc<Mutex<(Option<Value>, u32)>>;

    fn settings(items: Value) -> (SettingsByOrganisation<Settings>, Table) {
        settings_of_entry(items, false)
    }

    /// The same, of an entry with this `DryRun`.
    fn settings_of_entry(items: Value, dry_run: bool) -> (SettingsByOrganisation<Settings>, Table) {
        let table: Table = Arc::new(Mutex::new((Some(items), 0)));
        let seen = Arc::clone(&table);
        let config = aws::stub::config_with_responses(move |_| {
            let mut table = seen.lock().unwrap();
            table.1 = table.1.saturating_add(1);
            match &table.0 {
                Some(items) => (200, json!({ "Responses": { "t": items } })),
                None => (500, json!({ "__type": "InternalServerError" })),
            }
        });
        let store = Store::new(aws::dynamodb(&config), "t".to_owned());
        (SettingsByOrganisation::stored(store, "h".to_owned(), ENTRY.to_owned(), dry_run).unwrap(), table)
    }

    fn own(values: &Value, flags: &Value) -> Value {
        let mut item = json!({
            "pk": { "S": "ORGANISATION#north" }, "sk": { "S": "HANDLER#h" },
            "settings": { "S": values.to_string() }, "revision": { "N": "1" },
        });
        for (name, value) in flags.as_object().unwrap() {
            item[name] = json!({ "BOOL": value });
        }
        item
    }

    async fn of_north(
        settings: &SettingsByOrganisation<Settings>,
        now: Instant,
    ) -> Result<Arc<Effective<Settings>>, MessageError> {
        settings.of(&OrganisationId::parse("north").unwrap(), now).await
    }

    #[tokio::test]
    async fn an_organisations_values_replace_those_of_the_entry_by_key() {
        let (settings, _) = settings(json!([own(&json!({ "stage": "Done" }), &json!({ "dry_run": true }))]));
        let effective = of_north(&settings, Instant::now()).await.unwrap();
        assert_eq!(
            effective.settings,
            Settings { stage: "Done".to_owned(), label: "Post-settlement".to_owned() }
        );
        assert_eq!((effective.enabled, effective.dry_run), (true, true));
        assert_eq!(settings.of_entry().stage, "Settled");
    }

    #[tokio::test]
    async fn without_settings_of_its_own_an_organisation_costs_one_read_a_minute_and_a_change_is_seen() {
        let ((settings, table), start) = (settings(json!([])), Instant::now());
        for second in 0..CACHE_TIME.as_secs() {
            let effective = of_north(&settings, start + Duration::from_secs(second)).await.unwrap();
            assert!(effective.enabled && effective.settings.stage == "Settled");
        }
        assert_eq!(table.lock().unwrap().1, 1);
        table.lock().unwrap().0 = Some(json!([own(&json!({}), &json!({ "enabled": false }))]));
        assert!(CACHE_TIME < Duration::from_mins(1));
        assert!(!of_north(&settings, start + CACHE_TIME).await.unwrap().enabled);
    }

    #[tokio::test]
    async fn settings_that_do_not_fit_are_retried_and_neither_lost_nor_read_for_each_event() {
        let (settings, table) = settings(json!([own(&json!({ "stag": "Done" }), &json!({}))]));
        let start = Instant::now();
        for _ in 0..3 {
            let error = of_north(&settings, start).await.unwrap_err();
            assert_eq!(
                (error.reason, error.remedy),
                (Reason::SettingsInvalid, Remedy::Retry { after: None })
            );
            assert!(error.text.contains("automations settings") && !error.text.contains("Done"), "{error:?}");
        }
        assert_eq!(table.lock().unwrap().1, 1);
    }

    #[tokio::test]
    async fn an_item_of_another_version_is_retried_too() {
        let mut item = own(&json!({}), &json!({}));
        item["settings"] = json!({ "S": "[" });
        let error = of_north(&settings(json!([item])).0, Instant::now()).await.unwrap_err();
        assert_eq!((error.reason, error.remedy), (Reason::TableItemInvalid, Remedy::Retry { after: None }));
    }

    #[tokio::test]
    async fn while_the_table_does_not_respond_what_was_known_is_used() {
        let ((settings, table), start) = (settings(json!([])), Instant::now());
        of_north(&settings, start).await.unwrap();
        table.lock().unwrap().0 = None;
        assert!(of_north(&settings, start + CACHE_TIME).await.is_ok());
        let error = of_north(&settings, start + CACHE_TIME + GRACE).await.unwrap_err();
        assert_eq!((error.reason, error.remedy), (Reason::TableUnavailable, Remedy::Retry { after: None }));
    }

    #[tokio::test]
    async fn a_paused_handler_waits_even_if_its_queue_is_read() {
        let pause = json!({ "pk": { "S": "PAUSES" }, "sk": { "S": "HANDLER#h" }, "since": { "N": "7" } });
        let error = of_north(&settings(json!([pause])).0, Instant::now()).await.unwrap_err();
        assert_eq!(error.reason, Reason::Paused);
        assert!(matches!(error.remedy, Remedy::Wait { .. }));
    }

    /// Its queue is read again before the pause's item is deleted.
    #[tokio::test]
    async fn a_handler_whose_pause_is_being_ended_decides() {
        let mut pause = json!({ "pk": { "S": "PAUSES" }, "sk": { "S": "HANDLER#h" }, "since": { "N": "7" } });
        pause["resuming"] = json!({ "BOOL": true });
        assert!(of_north(&settings(json!([pause])).0, Instant::now()).await.is_ok());
    }

    #[tokio::test]
    async fn an_organisation_with_settings_is_in_dry_run_as_the_entry_unless_it_says_otherwise() {
        for (flags, dry_run) in [(json!({}), true), (json!({ "dry_run": false }), false)] {
            let (settings, _) = settings_of_entry(json!([own(&json!({ "stage": "Done" }), &flags)]), true);
            let effective = of_north(&settings, Instant::now()).await.unwrap();
            assert_eq!(effective.dry_run, dry_run, "{flags}");
        }
    }

    #[test]
    fn an_entry_without_an_object_takes_none_of_its_own() {
        assert_eq!(merged::<()>("null", &Map::new()), Ok(()));
        let own = json!({ "stage": "s", "label": "l" });
        assert!(merged::<Settings>("null", own.as_object().unwrap()).is_ok());
    }
}
