//! Events of the journal that are published again, and who receives them: as `automations replay`.

use super::change::{ask, refuse, refuse_lacking};
use super::layout::{Layout, Moment, address, shown, timeline_of};
use crate::commands::replay::{Arguments, PreparedReplay};
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::work::Work;
use crate::event_text;
use crate::report::count;
use anyhow::Result;
use askama::Template;
use automations::Event;
use automations::clock::Timestamp;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Events on a page.
const MOST: usize = 200;
/// Events that are replayed by one click.
const MOST_REPLAYED: usize = 1_000;
/// The journal of more is not read for a page.
const LONGEST: Duration = Duration::from_hours(3 * 24);
/// The fields of the form, which are the command's options.
const FIELDS: [&str; 10] = [
    "since",
    "until",
    "organisation",
    "ticket",
    "handler",
    "kind",
    "workflow",
    "stage",
    "label",
    "not-performed",
];

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default)]
struct Asked(BTreeMap<&'static str, String>);

impl Asked {
    fn of<'a>(value: impl Fn(&str) -> &'a str) -> Self {
        Self(FIELDS.into_iter().map(|name| (name, value(name).to_owned())).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn address(&self) -> String {
        let given = self.0.iter().filter(|(_, value)| !value.is_empty());
        address("/replay", &given.map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    }
}

#[derive(Template)]
#[template(path = "replay.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    /// What the form that replays them sends.
    exact: Vec<(&'static str, String)>,
    is_read: bool,
    groups: Vec<(String, String, usize)>,
    rows: Vec<Row>,
    number: usize,
    denied: Vec<&'static str>,
    token: String,
}

struct Row {
    at: Moment,
    organisation: String,
    ticket: Option<(String, String)>,
    what: String,
    timeline: String,
}

/// What was read, and what the profile lacks.
type Read = (PreparedReplay, Vec<&'static str>);

pub(super) async fn page(
    State(app): State<Arc<App>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let mut layout = Layout::of("/replay");
    let asked = Asked::of(|name| query.get(name).map_or("", String::as_str));
    let mut read = None;
    if !asked.get("since").trim().is_empty() {
        let asked = asked.clone();
        read = layout.take(apart(&app, async move |app, now| self::read(&app, &asked, now).await).await);
    }
    let is_read = read.is_some();
    let (prepared, denied) = read.map_or((None, Vec::new()), |(prepared, denied)| (Some(prepared), denied));
    let times = prepared.as_ref().map(|prepared| prepared.arguments.times());
    let exact = asked.0.iter().map(|(name, value)| {
        let exact = times.as_ref().and_then(|[since, until]| match *name {
            "since" => since.clone(),
            "until" => until.clone(),
            _ => None,
        });
        (*name, exact.unwrap_or_else(|| value.clone()))
    });
    let exact = exact.collect();
    let (events, groups) = prepared.map(|prepared| (prepared.events, prepared.groups)).unwrap_or_default();
    let groups = groups.into_iter().map(|group| {
        (group.handler.unwrap_or_else(|| "(no handler receives it)".to_owned()), group.kind, group.number)
    });
    let page = Page {
        layout,
        asked,
        exact,
        is_read,
        groups: groups.collect(),
        rows: events.iter().take(MOST).map(row).collect(),
        number: events.len(),
        denied,
        token: app.token.clone(),
    };
    shown(&page)
}

async fn read(app: &App, asked: &Asked, now: Timestamp) -> Result<Read> {
    let arguments = Arguments::of_form(|name| asked.get(name))?;
    let prepared = Box::pin(PreparedReplay::of(arguments, &app.target, LONGEST, now)).await?;
    Ok((prepared, app.lacked(&["replay"], now).await))
}

fn row(event: &Event) -> Row {
    let organisation = event.organisation.to_string();
    let timeline = |kind: &str, id: &str| timeline_of(&organisation, kind, id);
    let ticket = event.ticket_id().map(|ticket| (ticket.to_string(), timeline("ticket", ticket.as_str())));
    Row {
        at: Moment(event.observed_at),
        ticket,
        what: event_text::what(&event.kind),
        timeline: timeline("event", event.id.as_str()),
        organisation,
    }
}

/// Asks for the confirmation of a replay.
pub(super) async fn asked(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let asked = Asked::of(|name| form.one(name));
    let back = asked.address();
    let read = apart(&app, async move |app, now| read(&app, &asked, now).await).await;
    let wrong = |problem: String| refuse(StatusCode::BAD_REQUEST, problem, back.clone());
    let (prepared, denied) = match read {
        Ok(read) => read,
        Err(error) => return wrong(format!("{error:#}")),
    };
    if let Some(refused) = refuse_lacking(&denied, &back) {
        return refused;
    }
    match prepared.events.len() {
        0 => wrong("the journal has no such event".to_owned()),
        1..=MOST_REPLAYED => ask(&app, proposal(prepared, back)),
        number => wrong(format!(
            "these are {number} events, and at most {MOST_REPLAYED} are replayed at once: name more, or use `automations replay`"
        )),
    }
}

fn proposal(prepared: PreparedReplay, back: String) -> Proposal<Work> {
    let number = count(u64::try_from(prepared.events.len()).unwrap_or(u64::MAX), "event", "events");
    let groups = prepared.groups.iter().map(|group| {
        let handler = group.handler.as_deref().unwrap_or("no handler");
        format!("{} {} to {handler}", group.number, group.kind)
    });
    let again = if prepared.arguments.not_performed {
        "Handlers decide again; only actions that were recorded and not performed are performed."
    } else {
        "Handlers decide again, with the settings of now; actions that were performed are not performed again."
    };
    let effects = vec![
        format!("{number} of the journal published again: {}.", groups.collect::<Vec<_>>().join(", ")),
        again.to_owned(),
        "An action is refused if a newer one of the same handler and ticket was performed; a ticket that a person changed since stays as it is.".to_owned(),
    ];
    let command = prepared.arguments.command_line("");
    let title = format!("Replay {number}");
    let work = Work::Replay(Box::new(prepared));
    Proposal { title, effects, consents: Vec::new(), text: None, command, back, work }
}
