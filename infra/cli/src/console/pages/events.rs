//! The events of the journal, newest first, with filters: the URL holds them. The journal's index has days and times, so what it does not
//! know is filtered here: a page looks through a bounded number of entries, and says how far back it got.

mod filter;

pub(super) use filter::Asked;

use self::filter::Filter;
use super::layout::{Layout, Moment, shown, timeline_of};
use crate::console::app::{App, apart};
use crate::event_text;
use anyhow::Result;
use askama::Template;
use automations::Event;
use automations::clock::Timestamp;
use automations::store::JournalPage;
use axum::extract::{Query, State};
use axum::response::Response;
use std::sync::Arc;

/// A page ends when it has this many events. It may have more: what was read together is shown together.
const PAGE: usize = 50;
/// Entries that a page looks through at most.
const MOST_READ: usize = 2_000;
/// Entries that are read at once, about: few as long as most of them are shown, so that a page does not become long.
const AT_FIRST: usize = 25;
const AT_ONCE: usize = 250;

#[derive(Template)]
#[template(path = "events.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    kinds: Vec<(&'static str, bool)>,
    causes: Vec<(&'static str, bool)>,
    rows: Vec<Row>,
    notes: Vec<String>,
    reached: Option<Moment>,
    older: Option<String>,
    newest: String,
}

struct Row {
    at: Moment,
    organisation: String,
    ticket: String,
    what: String,
    stage: String,
    cause: &'static str,
    event: String,
    ticket_page: Option<String>,
    event_page: String,
}

/// What was found, and from where an older page goes on.
struct Found {
    events: Vec<Event>,
    notes: Vec<String>,
    reached: Timestamp,
    older: Option<Timestamp>,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    let live = if asked.before.is_empty() { 10 } else { 0 };
    let mut layout = Layout { live, ..Layout::of("/events") };
    let wanted = asked.clone();
    let found = apart(&app, async move |app, now| {
        let entries = if wanted.handler.is_empty() { None } else { Some(app.entries(now).await?) };
        let filter = Filter::of(&wanted, entries.as_deref().map(Vec::as_slice), now)?;
        find(&app, &filter).await
    });
    let found = layout.take(found.await);
    let older = found.as_ref().and_then(|found| found.older).map(|before| asked.before(before).address());
    let page = Page {
        kinds: filter::kinds(&asked),
        causes: filter::causes(&asked),
        newest: Asked { before: String::new(), ..asked.clone() }.address(),
        reached: found.as_ref().map(|found| Moment(found.reached)),
        notes: found.iter().flat_map(|found| found.notes.clone()).collect(),
        rows: found.iter().flat_map(|found| &found.events).map(row).collect(),
        older,
        layout,
        asked,
    };
    shown(&page)
}

async fn find(app: &App, filter: &Filter) -> Result<Found> {
    let store = app.target.store();
    let (mut events, mut notes, mut read) = (Vec::new(), Vec::new(), 0_usize);
    let mut until = filter.until;
    while until > filter.since && events.len() < PAGE && read < MOST_READ {
        let is_wanted = |organisation: &_, ticket: &_| filter.of_events.takes_key(organisation, ticket);
        let most = if events.len().saturating_mul(2) >= read { AT_FIRST } else { AT_ONCE };
        let page = store.journal_page(filter.since, until, most, is_wanted).await?;
        let JournalPage { events: found, unreadable, since, found: number } = page;
        notes.extend(unreadable.iter().map(|key| format!("cannot read {key}: its events are left out")));
        events.extend(found.into_iter().filter(|event| filter.of_events.takes(event)));
        read = read.saturating_add(number);
        until = since;
    }
    let older = (until > filter.since).then_some(until);
    Ok(Found { events, notes, reached: until, older })
}

fn row(event: &Event) -> Row {
    let ticket = event.ticket();
    let id = ticket.map(|ticket| ticket.id.to_string()).unwrap_or_default();
    let organisation = event.organisation.to_string();
    let name = |name: &Option<String>, id: &str| name.clone().unwrap_or_else(|| id.to_owned());
    let stage = ticket.map(|ticket| {
        let workflow = name(&ticket.workflow.name, ticket.workflow.id.as_str());
        format!("{workflow} / {}", name(&ticket.stage.name, ticket.stage.id.as_str()))
    });
    let timeline = |kind: &str, id: &str| timeline_of(&organisation, kind, id);
    Row {
        at: Moment(event.observed_at),
        what: event_text::what(&event.kind),
        stage: stage.unwrap_or_default(),
        cause: event.cause.by(),
        ticket_page: (!id.is_empty()).then(|| timeline("ticket", &id)),
        event_page: timeline("event", event.id.as_str()),
        event: event.id.to_string(),
        ticket: id,
        organisation,
    }
}
