//! Sends a list of the tickets that have been in their stage for too long, by owner, the worst first: once a firing of its schedule.

use automations::handler::reading::{HandlerError, Reading};
use automations::id::{DestinationName, OwnerId};
use automations::model::snapshot_filter::{SnapshotFilter, StoredTicket};
use automations::serde::Deserialize;
use automations::{Action, Event, handler};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

/// More tickets than this are not read.
const MOST: usize = 5_000;
/// Tickets of an owner that have a line, at most.
const LINES: usize = 10;

/// Its settings, from its entry in template.yaml.
#[derive(Deserialize)]
#[serde(crate = "automations::serde", deny_unknown_fields)]
struct Settings {
    destination: DestinationName,
    days: u16,
    /// What the list calls an owner, by the owner's id; the id itself for others.
    #[serde(default)]
    owners: BTreeMap<OwnerId, String>,
}

fn main() -> ExitCode {
    handler::run_reading(env!("CARGO_PKG_NAME"), decide)
}

/// The actions for one event: a message if any ticket is stalled when its schedule is due.
async fn decide(event: &Event, settings: &Settings, api: &Reading<'_>) -> Result<Vec<Action>, HandlerError> {
    let Some(now) = event.scheduled_at() else { return Ok(vec![]) };
    let stalled = SnapshotFilter::default().active().at_least_days_in_stage(settings.days, now);
    let (mut tickets, is_cut) = api.all_snapshots(&stalled, MOST).await?;
    tickets.sort_by_key(|stored| (stored.stage_since, stored.ticket.id.clone()));
    let mut owners: Vec<(Option<&OwnerId>, Vec<&StoredTicket>)> = Vec::new();
    for stored in &tickets {
        let owner = stored.ticket.owner.as_ref();
        match owners.iter_mut().find(|(other, _)| *other == owner) {
            Some((_, own)) => own.push(stored),
            None => owners.push((owner, vec![stored])),
        }
    }
    let (count, more) = (tickets.len(), if is_cut { " or more" } else { "" });
    let mut text = format!("Tickets in their stage for {} days or longer: {count}{more}", settings.days);
    for (owner, own) in owners {
        let name = owner.map(|id| settings.owners.get(id).map_or(id.as_str(), String::as_str));
        let _ = write!(text, "\n\n{}: {}", name.unwrap_or("Without an owner"), own.len());
        for stored in own.iter().take(LINES) {
            let (ticket, days) = (&stored.ticket, stored.days_in_stage(now).unwrap_or_default());
            let stage = ticket.stage.name.as_deref().unwrap_or(ticket.stage.id.as_str());
            let _ = write!(text, "\n• {days} days in {stage}: {}", Action::link_to(ticket));
        }
    }
    Ok(if tickets.is_empty() { vec![] } else { vec![Action::notify_of_many(&settings.destination, &text)] })
}

#[cfg(test)]
mod tests;
