//! `automations replay`: events of the journal, published again to every handler that subscribes to them, or to one.

mod arguments;
mod groups;
mod position;
mod prepared;
mod replayer;

pub use arguments::Arguments;
pub use groups::{ReplayGroup, groups};
pub(crate) use prepared::{PreparedReplay, replayed_line};
pub use replayer::{Replay, Replayer};

use self::position::{LastRun, Position, Request};
use crate::account::Account;
use crate::audit::{Audit, Change};
use crate::bulk::Bulk;
use crate::event_text::line;
use crate::exit_code::{Exit, Usage};
use crate::report::{count, during, print, print_json, say};
use anyhow::{Context as _, Result};
use automations::Event;
use automations::clock::{self, Timestamp};
use automations::model::resent::Resent;
use serde_json::json;

/// Its name in the audit.
const COMMAND: &str = "replay";

/// Runs `automations replay`.
///
/// # Errors
/// If a request fails.
pub async fn run(arguments: Arguments, account: &Account) -> Result<Exit> {
    let now = clock::now();
    let options = arguments.request();
    let target = account.target().await?;
    let (replayer, store) = (Replayer::of(&target), target.store());
    let last = if arguments.anew {
        LastRun::None
    } else {
        during("reading the audit", LastRun::of(&store, &options, now)).await?
    };
    let last = match last {
        LastRun::None => None,
        LastRun::Same(position) => {
            let Position { at, left, .. } = &position;
            say(&format!("going on with the run of {at}, which left {left}; --anew begins again"));
            Some(position)
        }
        LastRun::Other(Position { at, left, .. }) => {
            say(&format!(
                "the run of {at} left {left} and had other options: this is a run of its own. To go on with that one, type its options again"
            ));
            None
        }
    };
    let (since, until) = arguments.time(now)?;
    let begun = Position { request: Request::of(&options), since, until, at: now, after: None, left: 0 };
    let begun = last.unwrap_or(begun);
    if begun.until <= begun.since {
        return Err(Usage(format!("--until {} is not after --since {}", begun.until, begun.since)).into());
    }
    let replay = replay(&arguments, (begun.since, begun.until), begun.at);
    let selected = during("reading the journal", replayer.select(&replay)).await?;
    let events = begun.rest(&selected);
    if arguments.dry_run {
        return planned(&replayer, &arguments, events, account.json).await;
    }
    let change = change(&replay, &arguments);
    let bulk = Bulk::new(arguments.limits).attended("published", account.json);
    let reached = |published: usize| {
        bulk.tally.goes_on(serde_json::to_string(&begun.at(events, published)).ok());
    };
    reached(0);
    let work = replayer.play_within(events, replay.handler.as_deref(), &bulk, reached);
    let published = Audit::of(&target).record_tally(&change, &bulk.tally, work).await;
    bulk.ends();
    let again = arguments.command_line(&account.options());
    let so_far = || format!("{} published before a request failed; go on: {again}", bulk.tally.changed());
    let published = published.with_context(so_far)?;
    let left = events.len().saturating_sub(published);
    let published = events.get(..published).unwrap_or_default();
    let go_on = (left > 0).then_some(again);
    if account.json {
        let (reprocess, number) = (arguments.reprocess, published.len());
        print_json(&json!({
            "published": true, "reprocess": reprocess, "number": number, "left": left, "go_on": go_on, "events": published,
        }))?;
        return Ok(Exit::Done);
    }
    for event in published {
        print(&line(event))?;
    }
    print(&replayed_line(published.len(), &arguments))?;
    if let Some(go_on) = go_on {
        let left = count(u64::try_from(left).unwrap_or(u64::MAX), "event is", "events are");
        print(&format!("{left} left; go on: {go_on}"))?;
    }
    Ok(Exit::Done)
}

fn replay(arguments: &Arguments, (since, until): (Timestamp, Timestamp), at: Timestamp) -> Replay {
    Replay {
        since,
        until,
        filter: arguments.filter(),
        handler: arguments.handler.clone(),
        resent: Some(Resent {
            at,
            out_of_order: arguments.out_of_order,
            reprocess: arguments.reprocess,
            not_performed: arguments.not_performed,
        }),
    }
}

/// Prints what would be published, and which handlers would receive it.
async fn planned(replayer: &Replayer, arguments: &Arguments, events: &[Event], json: bool) -> Result<Exit> {
    let mut receivers = during("reading the subscriptions", replayer.receivers()).await?;
    receivers.retain(|name, _| arguments.handler.as_ref().is_none_or(|handler| handler == name));
    let groups = groups(&receivers, events);
    if json {
        let (reprocess, number) = (arguments.reprocess, events.len());
        print_json(&json!({
            "published": false, "reprocess": reprocess, "number": number, "groups": groups, "events": events,
        }))?;
        return Ok(Exit::Done);
    }
    for event in events {
        print(&line(event))?;
    }
    for ReplayGroup { handler, kind, number } in &groups {
        print(&format!("{number:>6}  {kind}  {}", handler.as_deref().unwrap_or("(no handler receives it)")))?;
    }
    let limited = arguments.limits.limit.filter(|limit| limit.get() < events.len());
    let limited = limited.map(|limit| format!(", {limit} in one run")).unwrap_or_default();
    print(&format!("{} would be published{limited}; nothing was", number(events)))?;
    Ok(Exit::Done)
}

fn number(events: &[Event]) -> String {
    count(u64::try_from(events.len()).unwrap_or(u64::MAX), "event", "events")
}

pub(crate) fn meaning(arguments: &Arguments) -> &'static str {
    match (arguments.reprocess, arguments.not_performed) {
        (false, true) => "published again; only actions that were recorded and not performed are performed",
        (false, false) => "published again; actions that were performed are not performed again",
        (true, _) => "published again with new action ids; actions that were performed are performed again",
    }
}

fn change(replay: &Replay, arguments: &Arguments) -> Change {
    let change =
        Change::by(COMMAND).limited("since", Some(replay.since)).limited("until", Some(replay.until));
    let change =
        arguments.options().into_iter().fold(change, |change, (name, value)| change.selected(name, value));
    change
        .with("reprocess", arguments.reprocess)
        .with("out-of-order", arguments.out_of_order)
        .with("not-performed", arguments.not_performed)
}
