//! An organisation's settings of handlers: read, checked by the handler itself, stored.

use crate::account::Target;
use crate::commands::organisation::Organisations;
use crate::exit_code::Usage;
use crate::handler_entries::{self, Entry};
use anyhow::{Context as _, Result, bail};
use automations::handler::SettingsCheck;
use automations::id::OrganisationId;
use automations::store::{OwnSettings, Store};
use aws_sdk_lambda::primitives::Blob;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Map, Value, json};

/// Organisations that are read at the same time.
const AT_ONCE: usize = 8;

/// A stack whose handlers' settings are read and changed.
#[derive(Debug)]
pub struct HandlerSettings {
    store: Store,
    lambda: aws_sdk_lambda::Client,
    organisations: Organisations,
    stack: String,
}

/// An organisation's settings of a handler, beside the handler's entry.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is stored for the organisation.
    pub own: OwnSettings,
    /// The entry, as it is deployed.
    pub entry: Entry,
}

/// What an operator changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SettingsChange {
    /// Values that are set, by top-level key of the handler's settings.
    pub values: Map<String, Value>,
    /// Keys whose values are those of the entry again.
    pub unset: Vec<String>,
    /// Whether everything is as in the entry again, before the rest of the change.
    pub unset_all: bool,
    /// Whether the handler is enabled.
    pub enabled: Option<bool>,
    /// Whether it is in its dry run.
    pub dry_run: Option<bool>,
}

impl SettingsChange {
    fn apply(&self, own: &OwnSettings) -> OwnSettings {
        let mut changed = own.clone();
        if self.unset_all {
            changed = OwnSettings { revision: own.revision, ..OwnSettings::default() };
        }
        changed.values.retain(|key, _| !self.unset.contains(key));
        changed.values.extend(self.values.clone());
        // A handler is enabled unless something says otherwise.
        changed.enabled = self.enabled.or(changed.enabled).filter(|enabled| !enabled);
        changed.dry_run = self.dry_run.or(changed.dry_run);
        changed
    }
}

impl HandlerSettings {
    /// Of this target.
    ///
    /// # Errors
    /// If its clients cannot be created.
    pub fn of(target: &Target) -> Result<Self> {
        Ok(Self {
            store: target.store(),
            lambda: aws_sdk_lambda::Client::new(&target.config),
            organisations: Organisations::of(target)?,
            stack: target.stack.clone(),
        })
    }

    /// What organisations have in place of the handlers' entries: of this organisation, or of all; by organisation and handler.
    ///
    /// # Errors
    /// If there is no such organisation, or a request fails.
    pub async fn list(
        &self,
        organisation: Option<&OrganisationId>,
    ) -> Result<Vec<(OrganisationId, String, OwnSettings)>> {
        let organisations: Vec<OrganisationId> = match organisation {
            Some(organisation) => {
                self.organisations.existing(organisation).await?;
                vec![organisation.clone()]
            }
            None => self.organisations.list().await?.into_iter().collect(),
        };
        let mut all = Vec::new();
        for organisation in organisations {
            for (handler, own) in self.store.handler_settings(&organisation).await? {
                all.push((organisation.clone(), handler, own));
            }
        }
        Ok(all)
    }

    /// Every organisation with what it has in place of the handlers' entries.
    ///
    /// # Errors
    /// If a request fails.
    pub(crate) async fn by_organisation(&self) -> Result<Vec<(OrganisationId, Vec<(String, OwnSettings)>)>> {
        let organisations = self.organisations.list().await?.into_iter();
        let read = organisations.map(async |organisation| {
            let own = self.store.handler_settings(&organisation).await?;
            anyhow::Ok((organisation, own))
        });
        stream::iter(read).buffered(AT_ONCE).try_collect().await
    }

    /// The settings of a handler for an organisation.
    ///
    /// # Errors
    /// If there is no such organisation or handler, or a request fails.
    pub async fn find(&self, organisation: &OrganisationId, handler: &str) -> Result<Found> {
        self.organisations.existing(organisation).await?;
        let entry = handler_entries::of_handler(&self.lambda, &self.stack, handler).await?;
        let all = self.store.handler_settings(organisation).await?;
        let own = all.into_iter().find(|(name, _)| name == handler).map(|(_, own)| own);
        Ok(Found { own: own.unwrap_or_default(), entry })
    }

    /// What would be stored, once the deployed handler has said that it fits its settings.
    ///
    /// # Errors
    /// If it does not fit, there is no such organisation or handler, or a request fails.
    pub async fn prepare(
        &self,
        organisation: &OrganisationId,
        handler: &str,
        change: &SettingsChange,
    ) -> Result<OwnSettings> {
        let Found { own, .. } = self.find(organisation, handler).await?;
        if let Some(missing) = change.unset.iter().find(|key| !own.values.contains_key(*key)) {
            let text = format!("{organisation} has no setting {missing} of its own for {handler}");
            return Err(Usage(text).into());
        }
        let changed = change.apply(&own);
        if !changed.values.is_empty() {
            self.check(handler, &changed.values).await?;
        }
        Ok(changed)
    }

    /// What every organisation would have, as [`Self::prepare`] says, and whether that is another one than now. A key to unset that an
    /// organisation does not have is none to unset there.
    ///
    /// # Errors
    /// If it does not fit in one of them, which is named, no organisation has a key to unset, there is no such handler, or a request fails.
    pub(crate) async fn prepare_all(
        &self,
        handler: &str,
        change: &SettingsChange,
    ) -> Result<Vec<(OrganisationId, OwnSettings, bool)>> {
        handler_entries::of_handler(&self.lambda, &self.stack, handler).await?;
        let all = self.by_organisation().await?.into_iter().map(|(organisation, all)| {
            let own = all.into_iter().find(|(name, _)| name == handler).map(|(_, own)| own);
            (organisation, own.unwrap_or_default())
        });
        let all: Vec<(OrganisationId, OwnSettings)> = all.collect();
        let is_set = |key: &String| all.iter().any(|(_, own)| own.values.contains_key(key));
        if let Some(missing) = change.unset.iter().find(|key| !is_set(key)) {
            let text = format!("no organisation has a setting {missing} of its own for {handler}");
            return Err(Usage(text).into());
        }
        let (mut prepared, mut fitting) = (Vec::new(), Vec::<Map<String, Value>>::new());
        for (organisation, own) in all {
            let changed = change.apply(&own);
            if !changed.values.is_empty() && !fitting.contains(&changed.values) {
                self.check(handler, &changed.values).await.with_context(|| format!("for {organisation}"))?;
                fitting.push(changed.values.clone());
            }
            let is_change = changed != own;
            prepared.push((organisation, changed, is_change));
        }
        Ok(prepared)
    }

    /// Stores what [`Self::prepare`] returned.
    ///
    /// # Errors
    /// If another operator changed it meanwhile, or a request fails.
    pub async fn store(&self, organisation: &OrganisationId, handler: &str, own: &OwnSettings) -> Result<()> {
        let nothing_to_do = own.is_empty() && own.revision == 0;
        if nothing_to_do || self.store.put_handler_settings(organisation, handler, own).await? {
            return Ok(());
        }
        bail!("the settings were changed by another command meanwhile; nothing was stored: run it again")
    }

    /// Has the handler itself read the values, in place of those of its entry: only it has the type of its settings.
    async fn check(&self, handler: &str, values: &Map<String, Value>) -> Result<()> {
        let payload = Blob::new(json!({ "check_settings": values }).to_string());
        let function = format!("{}-{handler}", self.stack);
        let response = self.lambda.invoke().function_name(function).payload(payload).send().await;
        let response = response.with_context(|| {
            format!(
                "{handler} cannot be asked whether the settings fit; the profile needs lambda:InvokeFunction"
            )
        })?;
        let payload = response.payload.map(Blob::into_inner).unwrap_or_default();
        let check = serde_json::from_slice::<SettingsCheck>(&payload)
            .ok()
            .filter(|_| response.function_error.is_none());
        let check = check.with_context(|| {
            format!("{handler} does not say whether the settings fit; it may be of an older version, or not start: see its log")
        })?;
        match check.problem {
            None if check.fits => Ok(()),
            problem => bail!(
                "nothing was stored, as the settings do not fit {handler}: {}",
                problem.unwrap_or_else(|| "it does not say why".to_owned())
            ),
        }
    }
}

impl Found {
    /// Each top-level key of the settings in force, its value, and whether it is the organisation's own.
    pub fn effective(&self) -> Vec<(String, Value, bool)> {
        let entry = serde_json::from_str::<Value>(&self.entry.settings).ok();
        let mut all = entry.and_then(|entry| entry.as_object().cloned()).unwrap_or_default();
        all.extend(self.own.values.clone());
        all.into_iter().map(|(key, value)| (key.clone(), value, self.own.values.contains_key(&key))).collect()
    }

    /// Whether the handler is enabled, and whether it is in its dry run.
    pub fn flags(&self) -> (bool, bool) {
        (self.own.enabled.unwrap_or(true), self.own.dry_run.unwrap_or(self.entry.dry_run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn set_replaces_keys_and_unset_returns_them_to_the_entry() {
        let own = OwnSettings {
            values: values(&json!({ "stage": "Done", "label": "A" })),
            enabled: Some(false),
            dry_run: Some(true),
            revision: 3,
        };
        let set = SettingsChange { values: values(&json!({ "label": "B" })), ..SettingsChange::default() };
        let changed = set.apply(&own);
        assert_eq!(changed.values, values(&json!({ "stage": "Done", "label": "B" })));
        assert_eq!((changed.enabled, changed.dry_run, changed.revision), (Some(false), Some(true), 3));
        let unset = SettingsChange { unset: vec!["stage".to_owned()], ..SettingsChange::default() };
        assert_eq!(unset.apply(&own).values, values(&json!({ "label": "A" })));
        let all = SettingsChange { unset_all: true, ..SettingsChange::default() };
        assert!(all.apply(&own).is_empty() && all.apply(&own).revision == 3);
        let on = SettingsChange { enabled: Some(true), ..SettingsChange::default() };
        assert_eq!(on.apply(&own).enabled, None, "what is so anyway is not stored");
    }

    #[test]
    fn what_is_in_force_says_whose_it_is() {
        let entry = Entry {
            name: "h".to_owned(),
            settings: r#"{"stage": "Settled", "label": "A"}"#.to_owned(),
            policies: Vec::new(),
            dry_run: true,
        };
        let own = OwnSettings { values: values(&json!({ "stage": "Done" })), ..OwnSettings::default() };
        let found = Found { own, entry };
        let label = ("label".to_owned(), json!("A"), false);
        assert_eq!(found.effective(), [label, ("stage".to_owned(), json!("Done"), true)]);
        assert_eq!(found.flags(), (true, true));
    }
}
