//! Creates a review ticket some time after a ticket enters a stage such as `Settled`: after 30 days, 6 months and 12 months. Not if the ticket
//! leaves the stage before, or is switched off.

use automations::id::ReminderKey;
use automations::model::reminder::{Day, Offset, Zone};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Its settings, from its entry in template.yaml: names as people see them in Salestrekker.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    stage: String,
    /// The time zone in whose mornings reviews are due.
    zone: Zone,
    /// From the day of settlement to each review; the keys name its reminders and tickets.
    reviews: BTreeMap<ReminderKey, Offset>,
    review_workflow: String,
}

fn main() -> ExitCode {
    handler::run(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: reminders for a ticket that settles, none for one that leaves, and a ticket for a reminder that is due.
fn decide(event: &Event, settings: &Settings) -> Vec<Action> {
    let Settings { stage, zone, reviews, review_workflow } = settings;
    if let Some(ticket) = event.entered_stage(stage) {
        let remind = |(key, offset): (&ReminderKey, &Offset)| {
            let day = Day { offset: *offset, ..Day::of_event(*zone) };
            Action::remind(ticket, key, day).only_in_stage(stage).only_while_active()
        };
        return reviews.iter().map(remind).collect();
    }
    if let Some(ticket) = event.left_stage(stage).or_else(|| event.switched_off()) {
        return reviews.keys().map(|key| Action::forget(ticket, key)).collect();
    }
    let due = reviews.keys().find_map(|key| Some((key, event.reminder(key.as_str())?)));
    let review =
        |(key, ticket)| Action::create_ticket(ticket, review_workflow, &format!("Review {key}: {{ticket}}"));
    due.map(review).into_iter().collect()
}

#[cfg(test)]
mod tests;
