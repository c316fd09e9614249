//! What can be undone, and what cannot: as `automations undo`.

use super::change::{ask, refuse, refuse_lacking};
use super::layout::{Layout, Moment, address, shown, timeline_of};
use crate::audit::Change;
use crate::commands::undo::{Asked as Wanted, numbers};
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::work::Work;
use crate::report::count;
use crate::undo::{Reader, Undo, Verdict, Wanted as Actions, words};
use anyhow::{Context as _, Result, bail};
use askama::Template;
use automations::clock::Timestamp;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Actions on a page.
const MOST: usize = 200;
/// Actions that are undone by one click.
const MOST_UNDONE: usize = 1_000;
/// The journal of more is not read for a page.
const LONGEST: Duration = Duration::from_hours(3 * 24);

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    organisation: String,
    action: String,
    handler: String,
    since: String,
    until: String,
}

impl Asked {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.one(name).to_owned();
        let (organisation, action, handler) = (text("organisation"), text("action"), text("handler"));
        Self { organisation, action, handler, since: text("since"), until: text("until") }
    }

    fn address(&self) -> String {
        let Self { organisation, action, handler, since, until } = self;
        let values = [
            ("organisation", organisation),
            ("action", action),
            ("handler", handler),
            ("since", since),
            ("until", until),
        ];
        address("/undo", &values.map(|(name, value)| (name, value.as_str())))
    }

    fn is_empty(&self) -> bool {
        self.action.trim().is_empty() && self.handler.trim().is_empty()
    }

    /// The same as options of the command.
    fn wanted(&self) -> Result<Wanted> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if given(&self.action).is_none() && given(&self.since).is_none() {
            bail!("since when? such as 2h; or name one action and its organisation");
        }
        Ok(Wanted {
            organisation: given(&self.organisation)
                .map(|name| name.parse())
                .transpose()
                .context("organisation")?,
            action: given(&self.action).map(|action| action.parse()).transpose().context("action")?,
            handler: given(&self.handler),
            since: given(&self.since),
            until: given(&self.until),
        })
    }
}

/// What was read.
#[derive(Default)]
struct Read {
    undos: Vec<Undo>,
    unreadable: Vec<String>,
    /// What is asked for, with its times.
    wanted: Wanted,
    change: Option<Change>,
    denied: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "undo.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    /// The times of the form that undoes them.
    exact: [String; 2],
    is_read: bool,
    rows: Vec<Row>,
    left_out: usize,
    undoable: u64,
    rest: Vec<String>,
    unreadable: Vec<String>,
    denied: Vec<&'static str>,
    token: String,
}

struct Row {
    at: Moment,
    organisation: String,
    ticket: Option<(String, String)>,
    kind: &'static str,
    verdict: String,
    action: String,
    can_be_undone: bool,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    let mut layout = Layout::of("/undo");
    let mut read = None;
    if !asked.is_empty() {
        let asked = asked.clone();
        read = layout.take(apart(&app, async move |app, now| self::read(&app, &asked, now).await).await);
    }
    let is_read = read.is_some();
    let Read { undos, unreadable, wanted, denied, .. } = read.unwrap_or_default();
    let (undoable, rest) = numbers(&undos);
    let page = Page {
        layout,
        asked,
        exact: [wanted.since, wanted.until].map(Option::unwrap_or_default),
        is_read,
        rows: undos.iter().take(MOST).map(row).collect(),
        left_out: undos.len().saturating_sub(MOST),
        undoable,
        rest,
        unreadable,
        denied,
        token: app.token.clone(),
    };
    shown(&page)
}

async fn read(app: &App, asked: &Asked, now: Timestamp) -> Result<Read> {
    let mut wanted = asked.wanted()?;
    let (actions, change) = wanted.wanted(now)?;
    if let Actions::Handler { since, until, .. } = &actions {
        if now.since(*since) > LONGEST {
            bail!("a page looks back three days at most: `automations undo` looks further");
        }
        wanted.since = Some(since.to_string());
        wanted.until = Some(until.to_string());
    }
    let (undos, unreadable) = Box::pin(Reader::new(app.target.store(), now).read(&actions)).await?;
    let denied = app.lacked(&["undo"], now).await;
    Ok(Read { undos, unreadable, wanted, change: Some(change), denied })
}

fn row(undo: &Undo) -> Row {
    let organisation = undo.organisation.to_string();
    let timeline = |ticket: &str| timeline_of(&organisation, "ticket", ticket);
    Row {
        at: Moment(undo.done_at),
        ticket: undo.ticket.as_ref().map(|ticket| (ticket.to_string(), timeline(ticket.as_str()))),
        kind: undo.kind,
        verdict: words(undo),
        action: undo.action.to_string(),
        can_be_undone: is_undoable(undo),
        organisation,
    }
}

fn is_undoable(undo: &Undo) -> bool {
    matches!(undo.verdict, Verdict::Undoable { .. })
}

/// Asks for the confirmation of an undo of all that can be undone.
pub(super) async fn asked(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let asked = Asked::of(&form);
    let back = asked.address();
    let read = apart(&app, async move |app, now| read(&app, &asked, now).await).await;
    let wrong = |problem: String| refuse(StatusCode::BAD_REQUEST, problem, back.clone());
    let Read { undos, wanted, change, denied, .. } = match read {
        Ok(read) => read,
        Err(error) => return wrong(format!("{error:#}")),
    };
    if let Some(refused) = refuse_lacking(&denied, &back) {
        return refused;
    }
    let (_, rest) = numbers(&undos);
    let undos: Vec<Undo> = undos.into_iter().filter(is_undoable).collect();
    match change {
        Some(change) if (1..=MOST_UNDONE).contains(&undos.len()) => {
            ask(&app, proposal(&wanted, change, undos, &rest, back))
        }
        Some(_) if undos.len() > MOST_UNDONE => wrong(format!(
            "{} actions can be undone, and at most {MOST_UNDONE} are at once: name an organisation or a shorter time, or use `automations undo`",
            undos.len()
        )),
        Some(_) | None => wrong("there is nothing that can be undone".to_owned()),
    }
}

fn proposal(
    wanted: &Wanted,
    change: Change,
    undos: Vec<Undo>,
    rest: &[String],
    back: String,
) -> Proposal<Work> {
    let mut kinds: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for undo in &undos {
        let number = kinds.entry((undo.organisation.as_str(), undo.kind)).or_default();
        *number = number.saturating_add(1);
    }
    let kinds =
        kinds.into_iter().map(|((organisation, kind), number)| format!("{number} {kind} of {organisation}"));
    let number = u64::try_from(undos.len()).unwrap_or(u64::MAX);
    let mut effects = vec![
        format!(
            "{} at Salestrekker: {}.",
            count(number, "action is taken back", "actions are taken back"),
            kinds.collect::<Vec<_>>().join(", ")
        ),
        "Each undo is an ordinary action: it is performed only if the ticket is still as it was read here, and once.".to_owned(),
        "Stop or correct the handler first: it may do the same again about the next event.".to_owned(),
    ];
    if !rest.is_empty() {
        effects.push(format!("The others stay as they are: {}.", rest.join(", ")));
    }
    let command = format!("automations undo {} --yes", wanted.command_line());
    let title = format!("Undo {}", count(number, "action", "actions"));
    let work = Work::Undo(change, undos);
    Proposal { title, effects, consents: Vec::new(), text: None, command, back, work }
}
