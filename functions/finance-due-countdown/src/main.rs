//! Counts down to the date in a field of a ticket, such as the day on which finance is due: 7, 3 and 1 days before it, and on the day. If the
//! date moves, so does the countdown.

use automations::id::{FieldName, ReminderKey};
use automations::model::action::Reaction;
use automations::model::reminder::{Day, When, Zone};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    /// The name of the date in the template's parameter `TicketFields`.
    field: FieldName,
    /// The time zone in whose mornings reminders are due.
    zone: Zone,
    days_before: BTreeSet<u8>,
    /// The stages in which it counts down; empty for all.
    #[serde(default)]
    stages: Vec<String>,
    then: Reaction,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: reminders for a new date, and what the settings say for one that is due.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Settings { field, zone, days_before, stages, then } = settings;
    if let Some(ticket) = event.appeared().or_else(|| event.changed_field(field.as_str())) {
        let remind = |days: &u8| {
            let when = When::from(Day::of_field(field, *zone).plus_days(i16::from(*days).saturating_neg()));
            let is_to_come = when.resolve(event.observed_at, Some(ticket)) > Some(event.observed_at);
            is_to_come.then_some(Action::remind(ticket, &key(*days)?, when).only_while_active())
        };
        return days_before.iter().rev().filter_map(remind).collect();
    }
    let due = days_before.iter().find_map(|days| Some((days, event.reminder(key(*days)?.as_str())?)));
    let Some((days, ticket)) = due else { return vec![] };
    let dates = event.date(*zone).zip(ticket.date(field.as_str()));
    let Some((today, date)) = dates else { return vec![] };
    // If several are due at once, as after an outage or a move of the date, only the last of them acts.
    let left = today.days_until(date);
    let is_last = days_before.iter().find(|days| i32::from(**days) >= left) == Some(days);
    let counts = stages.is_empty() || stages.iter().any(|stage| ticket.stage.is_named(stage));
    let values = [("{days}", left.to_string()), ("{date}", date.to_string())];
    if is_last && counts { vec![then.about(ticket, &values)] } else { vec![] }
}

fn key(days: u8) -> Option<ReminderKey> {
    ReminderKey::parse(format!("finance-due-{days}-days")).ok()
}

#[cfg(test)]
mod tests;
