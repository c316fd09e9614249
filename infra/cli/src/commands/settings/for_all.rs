//! A change of every organisation's settings of a handler: all are checked before any is stored.

use super::{HandlerSettings, Kind, SettingsChange};
use crate::audit::{Audit, Change, Tally};
use crate::report::{print, print_json, table};
use anyhow::{Context as _, Result, bail};
use automations::id::OrganisationId;
use automations::store::OwnSettings;
use serde_json::{Value, json};

/// A change that fits in every organisation.
#[derive(Debug, Clone)]
pub struct PreparedForAll {
    kind: Kind,
    handler: String,
    change: SettingsChange,
    /// What each organisation has then, and whether that is another one than now.
    all: Vec<(OrganisationId, OwnSettings, bool)>,
}

impl HandlerSettings {
    /// Has the handler check a change for every organisation.
    ///
    /// # Errors
    /// If it does not fit in an organisation, there is no organisation or no such handler, or a request fails.
    pub async fn prepared_for_all(
        &self,
        kind: Kind,
        handler: &str,
        change: SettingsChange,
    ) -> Result<PreparedForAll> {
        let all = self.prepare_all(handler, &change).await?;
        if all.is_empty() {
            bail!("there is no organisation yet: automations organisation add NAME");
        }
        Ok(PreparedForAll { kind, handler: handler.to_owned(), change, all })
    }

    /// Stores it, recorded as one change; returns of how many organisations. What failed in between is completed by the same command.
    ///
    /// # Errors
    /// If it cannot be recorded, another operator changed it meanwhile, or a request fails.
    pub async fn store_all_audited(&self, prepared: &PreparedForAll, audit: &Audit) -> Result<u64> {
        let PreparedForAll { handler, all, .. } = prepared;
        let tally = Tally::default();
        let work = async {
            for (organisation, own, _) in all.iter().filter(|(.., is_change)| *is_change) {
                self.store(organisation, handler, own).await.with_context(|| {
                    let done = tally.changed();
                    format!(
                        "{done} organisations have it, {organisation} does not: run the same command again"
                    )
                })?;
                tally.add(1);
            }
            Ok(())
        };
        audit.record_tally(&prepared.audited(), &tally, work).await?;
        Ok(tally.changed())
    }
}

impl PreparedForAll {
    /// The command's kind, the handler, and what was asked for.
    pub(crate) fn asked(&self) -> (Kind, &str, &SettingsChange) {
        (self.kind, &self.handler, &self.change)
    }

    /// Of how many organisations it changes something, and of how many there are.
    pub(crate) fn numbers(&self) -> (usize, usize) {
        (self.all.iter().filter(|(.., is_change)| *is_change).count(), self.all.len())
    }

    /// What was stored, in words.
    pub(crate) fn stored_line(&self, stored: u64) -> String {
        format!(
            "{}: changed for {stored} of {} organisations; {}",
            self.handler,
            self.all.len(),
            super::IN_FORCE
        )
    }

    fn audited(&self) -> Change {
        let all = Change::by(self.kind.command()).with("all-organisations", true);
        self.change.audited(all, &self.handler)
    }
}

/// Prints what each organisation has.
pub(super) fn show(prepared: &PreparedForAll, stored: u64, as_json: bool) -> Result<()> {
    let PreparedForAll { handler, all, .. } = prepared;
    if as_json {
        let rows = all.iter().map(|(organisation, own, is_change)| -> Value {
            json!({ "organisation": organisation, "handler": handler, "own": own, "changed": is_change })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    let rows = all.iter().map(|(organisation, own, is_change)| {
        let keys = own.values.keys().cloned().collect::<Vec<_>>().join(", ");
        let what = if *is_change { "changed" } else { "as it was" };
        [organisation.to_string(), what.to_owned(), keys]
    });
    print(&table(["organisation", "settings", "own values"], &rows.collect::<Vec<_>>()))?;
    print(&prepared.stored_line(stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_says_that_it_was_for_all_and_has_no_value() {
        let values = json!({ "text": "Hello Jane" }).as_object().unwrap().clone();
        let change = SettingsChange { values, ..SettingsChange::default() };
        let all = PreparedForAll { kind: Kind::Set, handler: "h".to_owned(), change, all: Vec::new() };
        assert_eq!(all.audited().scope(), "--all-organisations --handler h --key text");
    }
}
