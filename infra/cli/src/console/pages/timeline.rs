//! What happened to a ticket, an event or an action: as `automations timeline`.

use super::layout::{Layout, Moment, address, shown};
use crate::console::app::{App, apart};
use crate::timeline::{ActionState, Entry, Line, Reader, Step, Timeline, Wanted, assemble, label};
use anyhow::{Context as _, Result};
use askama::Template;
use automations::clock::Timestamp;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// An event is looked for in the journal of this time.
const SEARCHED: Duration = Duration::from_hours(14 * 24);
/// An event is journalled within this time of when it was found.
const AROUND: Duration = Duration::from_secs(10);
/// The newest events that are shown: a page of 500 has 800 KB. The command shows more.
const MOST: usize = 100;

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
    layout: Layout,
    asked: Asked,
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    at: Option<Moment>,
    step: &'static str,
    what: String,
    /// The page that undoes it.
    undo: Option<String>,
    /// The page that publishes it again.
    replay: Option<String>,
}

/// The page that publishes an event of a ticket again: by its kind and its time, as the journal is read by time.
fn replay(step: &Step, at: Option<Timestamp>, (organisation, ticket): (&str, &str)) -> Option<String> {
    let (Step::Event { kind: Some(kind), .. }, Some(at)) = (step, at) else { return None };
    let [since, until] = [at.earlier(AROUND), at.later(AROUND)].map(|time| time.to_string());
    let pairs = [
        ("organisation", organisation),
        ("ticket", ticket),
        ("kind", kind),
        ("since", &since),
        ("until", &until),
    ];
    kind.starts_with("ticket.").then(|| address("/replay", &pairs))
}

/// The page that undoes an action, if it was performed and is none itself.
fn undo(step: &Step, organisation: &str) -> Option<String> {
    let Step::Action { action, state: ActionState::Done { .. }, .. } = step else { return None };
    let pairs = [("organisation", organisation), ("action", action.as_str())];
    action.undoes().is_none().then(|| address("/undo", &pairs))
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    let mut layout = Layout::of("/timeline");
    let mut timeline = None;
    if !asked.id.is_empty() {
        let asked = asked.clone();
        let found = apart(&app, async move |app, now| read(&app, &asked, now).await).await;
        timeline = layout.take(found);
    }
    let ticket =
        if ["event", "action", "lead"].contains(&asked.kind.as_str()) { "" } else { asked.id.trim() };
    let lines = timeline.iter().flat_map(Timeline::lines);
    let rows = lines.map(|Line { entry: Entry { at, step }, words }| Row {
        at: at.map(Moment),
        step: label(step),
        what: words,
        undo: undo(step, &asked.organisation),
        replay: replay(step, *at, (&asked.organisation, ticket)),
    });
    let rows = rows.collect();
    let notes = timeline.map(|timeline| timeline.notes).unwrap_or_default();
    shown(&Page { layout, asked, rows, notes })
}

async fn read(app: &App, asked: &Asked, now: Timestamp) -> Result<Timeline> {
    let organisation = asked.organisation.parse().context("organisation")?;
    let wanted = match asked.kind.as_str() {
        "event" => Wanted::Event(asked.id.parse()?),
        "action" => Wanted::Action(asked.id.parse()?),
        "lead" => Wanted::Lead(asked.id.trim().to_owned()),
        _ => Wanted::Ticket(asked.id.parse()?),
    };
    let reader = Reader::of(&app.target, now);
    let kept = reader.read(&organisation, &wanted, now.earlier(SEARCHED), MOST).await?;
    Ok(assemble(&kept))
}
