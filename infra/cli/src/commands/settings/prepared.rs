//! A change of an organisation's settings that the handler itself has checked, and that is recorded for `automations audit` when it is
//! stored: that of the command line and of the console.

use super::{Found, HandlerSettings, SettingsChange};
use crate::audit::{Audit, Change};
use crate::bulk::{option, quoted};
use anyhow::Result;
use automations::id::OrganisationId;
use automations::store::OwnSettings;

/// What `automations settings` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Values are set.
    Set,
    /// Values are those of the entry again.
    Unset,
}

impl Kind {
    /// The command.
    pub(crate) fn command(self) -> &'static str {
        match self {
            Self::Set => "settings set",
            Self::Unset => "settings unset",
        }
    }
}

/// A change that fits.
#[derive(Debug, Clone)]
pub(crate) struct PreparedChange {
    /// What is done.
    pub(crate) kind: Kind,
    /// The organisation.
    pub(crate) organisation: OrganisationId,
    /// The handler.
    pub(crate) handler: String,
    /// What was asked for.
    pub(crate) change: SettingsChange,
    /// What is stored.
    own: OwnSettings,
}

impl HandlerSettings {
    /// Has the handler check a change.
    ///
    /// # Errors
    /// As of [`Self::prepare`].
    pub(crate) async fn prepared(
        &self,
        kind: Kind,
        (organisation, handler): (&OrganisationId, &str),
        change: SettingsChange,
    ) -> Result<PreparedChange> {
        let own = self.prepare(organisation, handler, &change).await?;
        let (organisation, handler) = (organisation.clone(), handler.to_owned());
        Ok(PreparedChange { kind, organisation, handler, change, own })
    }

    /// Stores it, recorded; returns what is in force then.
    ///
    /// # Errors
    /// If it cannot be recorded, it was changed meanwhile, or a request fails.
    pub(crate) async fn store_audited(&self, prepared: &PreparedChange, audit: &Audit) -> Result<Found> {
        let PreparedChange { organisation, handler, own, .. } = prepared;
        let work = async { self.store(organisation, handler, own).await.map(|()| ((), Some(1))) };
        audit.record(&prepared.audited(), work).await?;
        self.find(organisation, handler).await
    }
}

impl PreparedChange {
    /// What is recorded: the names of keys and never their values.
    fn audited(&self) -> Change {
        let Self { kind, organisation, handler, change, .. } = self;
        change.audited(Change::by(kind.command()).of(organisation), handler)
    }

    /// The command that does the same.
    pub(crate) fn command_line(&self) -> String {
        let Self { kind, organisation, handler, change, .. } = self;
        change.command_line(*kind, option("organisation", organisation), handler)
    }
}

impl SettingsChange {
    /// The command of a change for whom this option names.
    pub(crate) fn command_line(&self, kind: Kind, whom: String, handler: &str) -> String {
        let Self { values, unset, unset_all: _, enabled, dry_run } = self;
        let which = [whom, option("handler", &handler)];
        let words = [format!("automations {}", kind.command())].into_iter().chain(which);
        let values = (!values.is_empty()).then(|| serde_json::to_string(values).unwrap_or_default());
        let words = words.chain(values.map(|values| quoted(&values)));
        let words = words.chain(unset.iter().map(|key| option("key", key)));
        let words = words.chain(enabled.map(|enabled| option("enabled", &enabled)));
        words.chain(dry_run.map(|dry_run| option("dry-run", &dry_run))).collect::<Vec<_>>().join(" ")
    }
}

impl SettingsChange {
    /// What is recorded of it, behind the command and whom it is for.
    pub(super) fn audited(&self, recorded: Change, handler: &str) -> Change {
        let keys = self.values.keys().chain(&self.unset).cloned().collect::<Vec<_>>().join(",");
        recorded
            .limited("handler", Some(handler))
            .limited("key", (!keys.is_empty()).then_some(keys))
            .limited("enabled", self.enabled)
            .limited("dry-run", self.dry_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn prepared(kind: Kind, change: SettingsChange) -> PreparedChange {
        let (organisation, handler) = (OrganisationId::parse("north").unwrap(), "h".to_owned());
        PreparedChange { kind, organisation, handler, change, own: OwnSettings::default() }
    }

    #[test]
    fn the_audit_has_the_names_of_keys_and_no_value_and_the_command_has_both() {
        let values = json!({ "text": "Hello Jane" }).as_object().unwrap().clone();
        let change = SettingsChange { values, enabled: Some(false), ..SettingsChange::default() };
        let set = prepared(Kind::Set, change);
        let wanted = Change::by("settings set").of(&set.organisation).limited("handler", Some("h"));
        assert_eq!(set.audited(), wanted.limited("key", Some("text")).limited("enabled", Some(false)));
        assert!(!format!("{:?}", set.audited()).contains("Jane"));
        assert_eq!(
            set.command_line(),
            r#"automations settings set --organisation north --handler h '{"text":"Hello Jane"}' --enabled false"#
        );
        let unset = SettingsChange { unset: vec!["text".to_owned()], ..SettingsChange::default() };
        assert_eq!(
            prepared(Kind::Unset, unset).command_line(),
            "automations settings unset --organisation north --handler h --key text"
        );
    }
}
