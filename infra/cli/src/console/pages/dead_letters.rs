//! Dead letters, by queue, handler and reason: as `automations dlq`. Nothing of a person is shown, and a change asks for confirmation.

mod matching;
mod proposals;
mod view;

pub(super) use self::matching::asked as matching;
use self::proposals::Kind;
use self::view::{Asked, Group, Row};
use super::layout::{Layout, Moment, go_to, shown, shown_as};
use crate::commands::dead_letters::{DeadLetter, Front, masked};
use crate::console::app::{App, apart};
use crate::console::form::Form;
use crate::console::work::MOST_MATCHING;
use crate::report::count;
use anyhow::Result;
use askama::Template;
use automations::clock::Timestamp;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::pin::Pin;
use std::sync::Arc;

/// Of each queue, about this number of messages is read.
const MOST_READ: usize = 300;

#[derive(Template)]
#[template(path = "dead_letters.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    groups: Vec<Group>,
    notes: Vec<String>,
    rows: Vec<Row>,
    /// The number of those that the filter takes.
    found: usize,
    previous: Option<String>,
    next: Option<String>,
    again: String,
    read_at: Option<Moment>,
    token: String,
    denied: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "dead_letter.html")]
struct One {
    layout: Layout,
    row: Option<Row>,
    facts: Vec<(&'static str, String)>,
    body: String,
    token: String,
    denied: Vec<&'static str>,
}

/// What was read for a page.
struct Read {
    front: Arc<Front>,
    /// Those that are shown, marked if they are superseded.
    shown: Vec<DeadLetter>,
    /// The number of those that are selected, on all pages.
    found: usize,
    denied: Vec<&'static str>,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    if asked.again {
        app.dead_letters.forget().await;
        return go_to(Asked { again: false, ..asked }.address());
    }
    let layout = Layout::of("/dead-letters");
    let read = list(&app, &asked).await;
    listed(&app, layout, asked, read, StatusCode::OK)
}

/// Those of the page that is asked for.
async fn list(app: &Arc<App>, asked: &Asked) -> Result<Read> {
    let asked = asked.clone();
    apart(app, async move |app, now| {
        let selection = asked.selection(now)?;
        let mut listed = read(&app, now, |front| view::shown(front, &selection, asked.page)).await?;
        listed.found = view::taken(&listed.front, &selection).len();
        Ok(listed)
    })
    .await
}

/// The list, or what was wrong.
fn listed(app: &App, mut layout: Layout, asked: Asked, read: Result<Read>, status: StatusCode) -> Response {
    let read = layout.take(read);
    let front = read.as_ref().map(|read| Arc::clone(&read.front));
    let found = read.as_ref().map_or(0, |read| read.found);
    let (shown_rows, denied) = read.map(|read| (read.shown, read.denied)).unwrap_or_default();
    let page = Page {
        groups: front.iter().flat_map(|front| view::groups(front, &asked)).collect(),
        notes: front.iter().flat_map(|front| view::notes(front)).collect(),
        rows: shown_rows.iter().map(Row::of).collect(),
        found,
        previous: asked.previous(),
        next: asked.next(found),
        again: Asked { again: true, ..asked.clone() }.address(),
        read_at: front.map(|front| Moment(front.at)),
        token: app.token.clone(),
        layout,
        asked,
        denied,
    };
    shown_as(status, &page)
}

/// Which one is opened.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Opened {
    id: String,
}

/// One dead letter, as it was sent.
pub(super) async fn one(State(app): State<Arc<App>>, Query(Opened { id }): Query<Opened>) -> Response {
    let mut layout = Layout::of("/dead-letters");
    let read = apart(&app, async move |app, now| {
        read(&app, now, |front| view::all(front).filter(|dead| dead.id == id).cloned().collect()).await
    });
    let read = layout.take(read.await);
    let (dead, denied) = read.map(|read| (read.shown.into_iter().next(), read.denied)).unwrap_or_default();
    if dead.is_none() && layout.problems.is_empty() {
        let text = "this is not among the dead letters that were read; it may be sent back or deleted";
        layout.problems.push(text.to_owned());
    }
    let body = dead.as_ref().map(|dead| masked(&dead.body).unwrap_or_else(|| "not JSON".to_owned()));
    let page = One {
        layout,
        row: dead.as_ref().map(Row::of),
        facts: dead.iter().flat_map(view::facts).collect(),
        body: body.unwrap_or_default(),
        token: app.token.clone(),
        denied,
    };
    shown(&page)
}

/// Asks for the confirmation of what the form of a page wants.
pub(super) async fn selected(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let mut layout = Layout::of("/dead-letters");
    let asked = Asked::of(&form);
    let (ids, wanted) = (proposals::ids(&form), asked.clone());
    let kind = Kind::of(form.one("do"));
    let chosen = ids.clone();
    let reading = apart(&app, async move |app, now| {
        let is_chosen = |dead: &&DeadLetter| chosen.contains(&dead.id);
        let found = read(&app, now, |front| view::all(front).filter(is_chosen).cloned().collect()).await?;
        let pauses = app.pauses(now).await.unwrap_or_default();
        let waits = proposals::waits(&found.shown, pauses.iter().map(|known| &known.pause.paused));
        Ok((found, waits))
    });
    let (found, waits) = match reading.await {
        Ok(found) => found,
        Err(error) => return listed(&app, layout, asked, Err(error), StatusCode::BAD_GATEWAY),
    };
    let missing = ids.len().saturating_sub(found.shown.len());
    match kind {
        Some(kind) if found.denied.is_empty() && missing == 0 && !found.shown.is_empty() => {
            let mut proposal = proposals::proposal(kind, &found.shown, wanted.address());
            proposal.effects.extend(waits.filter(|_| kind == Kind::Redrive));
            return super::change::ask(&app, proposal);
        }
        None => layout.problems.push("nothing was changed: say what is to be done".to_owned()),
        Some(_) if !found.denied.is_empty() => layout
            .problems
            .push(format!("nothing was changed: the profile lacks {}", found.denied.join(" and "))),
        Some(_) if missing > 0 => {
            let missing = count(
                u64::try_from(missing).unwrap_or(u64::MAX),
                "of those selected is",
                "of those selected are",
            );
            layout.problems.push(format!(
                "nothing was changed: {missing} not among the dead letters that were read: read them again"
            ));
        }
        Some(_) => layout.problems.push("nothing was changed: select at least one dead letter".to_owned()),
    }
    let again = list(&app, &wanted).await;
    listed(&app, layout, asked, again, StatusCode::BAD_REQUEST)
}

/// On the heap: the requests of all queues are one large future.
fn read<'a>(
    app: &'a App,
    now: Timestamp,
    wanted: impl Fn(&Front) -> Vec<DeadLetter> + 'a,
) -> Pin<Box<impl Future<Output = Result<Read>> + 'a>> {
    Box::pin(async move {
        let queues = app.dead_letter_queues(now).at_most(MOST_READ);
        let front = app.dead_letters.get(now, queues.front()).await?;
        let mut shown = wanted(&front);
        queues.mark_side_by_side(&mut shown).await?;
        let denied = app.lacked(&["dlq redrive", "dlq drop"], now).await;
        Ok(Read { front, found: shown.len(), shown, denied })
    })
}
