//! Says when the pre-approval of a ticket is about to expire, and when it has: 30, 60, 75 and 90 days after it entered the stage. Not if
//! the ticket leaves the stage before, or is switched off.

use automations::id::ReminderKey;
use automations::model::action::Reaction;
use automations::model::reminder::{Day, Zone};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    stage: String,
    /// The time zone in whose mornings reminders are due.
    zone: Zone,
    remind_after_days: BTreeSet<u8>,
    /// 90 if it is absent. Reminders after it do not come.
    expires_after_days: Option<u8>,
    at_reminder: Reaction,
    at_expiry: Reaction,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: reminders for a ticket that enters the stage, none for one that leaves, and what the settings say for one that is due.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Settings { stage, zone, remind_after_days, .. } = settings;
    let last = settings.expires_after_days.unwrap_or(90);
    let days = || remind_after_days.iter().copied().filter(|days| *days < last).chain([last]);
    if let Some(ticket) = event.entered_stage(stage) {
        let remind = |days: u8| {
            let day = Day::of_event(*zone).plus_days(days.into());
            Some(Action::remind(ticket, &key(days)?, day).only_in_stage(stage).only_while_active())
        };
        return days().filter_map(remind).collect();
    }
    if let Some(ticket) = event.left_stage(stage).or_else(|| event.switched_off()) {
        return days().filter_map(|days| Some(Action::forget(ticket, &key(days)?))).collect();
    }
    let due = days().find_map(|days| Some((days, event.reminder(key(days)?.as_str())?)));
    let Some((days, ticket)) = due else { return vec![] };
    let reaction = if days == last { &settings.at_expiry } else { &settings.at_reminder };
    let left = last.saturating_sub(days).to_string();
    vec![reaction.about(ticket, &[("{days}", days.to_string()), ("{left}", left)])]
}

fn key(days: u8) -> Option<ReminderKey> {
    ReminderKey::parse(format!("pre-approval-{days}-days")).ok()
}

#[cfg(test)]
mod tests;
