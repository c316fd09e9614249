//! What happened to a ticket, an event or an action: as `automations timeline`.

use super::{NAVIGATION, shown};
use crate::account::Target;
use crate::timeline::{Reader, Timeline, Wanted, assemble, label, words};
use anyhow::{Context as _, Result};
use askama::Template;
use automations::clock;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// An event is looked for in the journal of this time.
const SEARCHED: Duration = Duration::from_hours(14 * 24);
/// The newest events that are shown.
const MOST: usize = 1_000;

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    organisation: String,
    kind: String,
    id: String,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct Page {
    navigation: &'static [(&'static str, &'static str)],
    path: &'static str,
    asked: Asked,
    rows: Vec<[String; 3]>,
    notes: Vec<String>,
    problem: Option<String>,
}

pub(super) async fn page(State(target): State<Arc<Target>>, Query(asked): Query<Asked>) -> Response {
    let found = if asked.id.is_empty() { None } else { Some(apart(target, asked.clone()).await) };
    let (timeline, problem) = match found {
        None => (None, None),
        Some(Ok(timeline)) => (Some(timeline), None),
        Some(Err(error)) => (None, Some(format!("{error:#}"))),
    };
    let rows = timeline.iter().flat_map(|timeline| &timeline.entries).map(|entry| {
        let at = entry.at.map(|at| at.to_string()).unwrap_or_default();
        [at, label(&entry.step).to_owned(), words(&entry.step)]
    });
    let rows = rows.collect();
    let notes = timeline.map(|timeline| timeline.notes).unwrap_or_default();
    shown(&Page { navigation: &NAVIGATION, path: "/", asked, rows, notes, problem })
}

/// [`read`] on a thread of its own: its future borrows from streams and is not `Send`, as axum wants it.
async fn apart(target: Arc<Target>, asked: Asked) -> Result<Timeline> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(read(&target, &asked))).await?
}

async fn read(target: &Target, asked: &Asked) -> Result<Timeline> {
    let organisation = asked.organisation.parse().context("organisation")?;
    let wanted = match asked.kind.as_str() {
        "event" => Wanted::Event(asked.id.parse()?),
        "action" => Wanted::Action(asked.id.parse()?),
        _ => Wanted::Ticket(asked.id.parse()?),
    };
    let now = clock::now();
    let kept = Reader::of(target, now).read(&organisation, &wanted, now.earlier(SEARCHED), MOST).await?;
    Ok(assemble(&kept))
}
