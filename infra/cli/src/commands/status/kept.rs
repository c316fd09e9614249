//! What the table has of organisations beside their tickets: own settings of handlers, and reminders.

use super::OrganisationState;
use crate::report::table;
use anyhow::Result;
use automations::clock::Timestamp;
use automations::id::OrganisationId;
use automations::store::{OwnSettings, Store};
use serde::Serialize;
use std::time::Duration;

/// Reminders that are due within this time are counted.
const SOON: Duration = Duration::from_hours(24);
/// A reminder is late if it is still there after this time.
const LATE: Duration = Duration::from_mins(5);

/// An organisation's own settings of a handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnState {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The handler.
    pub handler: String,
    /// The keys of the values that replace those of its entry.
    pub keys: Vec<String>,
    /// Whether the handler decides on the organisation's events; none for yes.
    pub enabled: Option<bool>,
    /// Whether its actions are only logged; none for what its entry says.
    pub dry_run: Option<bool>,
}

/// An organisation's reminders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReminderState {
    /// The organisation.
    pub organisation: OrganisationId,
    /// How many are due within a day, late ones included.
    pub within_a_day: usize,
    /// How many are late by more than five minutes.
    pub late: usize,
}

/// The own settings of these organisations.
pub(super) async fn own_settings(
    store: &Store,
    organisations: &[OrganisationState],
) -> Result<Vec<OwnState>> {
    let mut found = Vec::new();
    for OrganisationState { organisation, .. } in organisations {
        let own = store.handler_settings(organisation).await?;
        found.extend(own.into_iter().map(|(handler, own)| own_state(organisation, handler, own)));
    }
    Ok(found)
}

fn own_state(organisation: &OrganisationId, handler: String, own: OwnSettings) -> OwnState {
    let OwnSettings { values, enabled, dry_run, .. } = own;
    let keys = values.into_iter().map(|(key, _)| key).collect();
    OwnState { organisation: organisation.clone(), handler, keys, enabled, dry_run }
}

/// The reminders that are due within a day.
pub(super) async fn reminders(store: &Store, now: Timestamp) -> Result<Vec<ReminderState>> {
    let late = store.reminders_by_organisation(now.earlier(LATE)).await?;
    let soon = store.reminders_by_organisation(now.later(SOON)).await?;
    let states = soon.into_iter().map(|(organisation, within_a_day)| {
        let late = late.get(&organisation).copied().unwrap_or_default();
        ReminderState { organisation, within_a_day, late }
    });
    Ok(states.collect())
}

pub(super) fn own_rows(all: &[OwnState]) -> String {
    if all.is_empty() {
        return "no organisation has settings of its own".to_owned();
    }
    let rows = all.iter().map(|own| {
        let yes = |is: bool| if is { "yes" } else { "no" };
        let enabled = own.enabled.map_or("yes", yes);
        let dry_run = own.dry_run.map_or("as in its entry", yes);
        let keys = if own.keys.is_empty() { "–".to_owned() } else { own.keys.join(", ") };
        [own.organisation.to_string(), own.handler.clone(), keys, enabled.to_owned(), dry_run.to_owned()]
    });
    table(["organisation", "handler", "own values", "enabled", "dry run"], &rows.collect::<Vec<_>>())
}

pub(super) fn reminder_rows(all: &[ReminderState]) -> String {
    if all.is_empty() {
        return "no reminder is due within a day".to_owned();
    }
    let rows = all.iter().map(|state| {
        [state.organisation.to_string(), state.within_a_day.to_string(), state.late.to_string()]
    });
    table(["organisation", "reminders within a day", "late"], &rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_settings_and_reminders_are_rows() {
        let north = OrganisationId::parse("north").unwrap();
        let values = serde_json::json!({ "label": "x" }).as_object().cloned().unwrap();
        let own = OwnSettings { values, enabled: Some(false), ..OwnSettings::default() };
        let rows = own_rows(&[own_state(&north, "h".to_owned(), own)]);
        let last = rows.lines().last().unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(last, ["north", "h", "label", "no", "as", "in", "its", "entry"]);
        let rows = reminder_rows(&[ReminderState { organisation: north, within_a_day: 3, late: 1 }]);
        assert_eq!(rows.lines().last().unwrap().split_whitespace().collect::<Vec<_>>(), ["north", "3", "1"]);
    }
}
