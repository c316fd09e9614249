//! The reminders that handlers set: as `automations reminders`.

use super::change::{ask, refuse, refuse_lacking};
use super::layout::{Layout, Moment, address, shown, timeline_of};
use crate::commands::reminders::Which;
use crate::console::app::{App, apart};
use crate::console::changes::Proposal;
use crate::console::form::Form;
use crate::console::work::Work;
use crate::reminder_text;
use crate::report::count;
use anyhow::{Context as _, Result};
use askama::Template;
use automations::store::StoredReminder;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reminders on a page.
const MOST: usize = 200;
/// Reminders that are cancelled by one click.
const MOST_CANCELLED: usize = 1_000;

/// What is asked for: the URL holds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    organisation: String,
    ticket: String,
    key: String,
    due_within: String,
}

impl Asked {
    fn of(form: &Form) -> Self {
        let text = |name: &str| form.one(name).to_owned();
        let (organisation, ticket) = (text("organisation"), text("ticket"));
        Self { organisation, ticket, key: text("key"), due_within: text("due_within") }
    }

    fn address(&self) -> String {
        let Self { organisation, ticket, key, due_within } = self;
        let values =
            [("organisation", organisation), ("ticket", ticket), ("key", key), ("due_within", due_within)];
        address("/reminders", &values.map(|(name, value)| (name, value.as_str())))
    }

    /// The same as options of the command.
    fn which(&self) -> Result<Which> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Which {
            organisation: self.organisation.trim().parse().context("organisation")?,
            ticket: given(&self.ticket).map(|ticket| ticket.parse()).transpose().context("ticket")?,
            key: given(&self.key).map(|key| key.parse()).transpose().context("key")?,
            due_within: given(&self.due_within),
        })
    }
}

#[derive(Template)]
#[template(path = "reminders.html")]
struct Page {
    layout: Layout,
    asked: Asked,
    rows: Vec<Row>,
    left_out: usize,
    /// How many wait; none if nothing was asked for.
    waiting: Option<usize>,
    /// Whether all that wait may be cancelled at once.
    may_cancel_all: bool,
    denied: Vec<&'static str>,
    token: String,
}

struct Row {
    due_at: Option<Moment>,
    ticket: String,
    timeline: String,
    key: String,
    set_by: String,
    set_at: Moment,
    state: String,
    waits: bool,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(asked): Query<Asked>) -> Response {
    let mut layout = Layout::of("/reminders");
    let mut read = None;
    if !asked.organisation.is_empty() {
        let asked = asked.clone();
        let found = apart(&app, async move |app, now| {
            let which = asked.which()?;
            let found = which.read(&app.target.store(), now).await?;
            let denied = app.lacked(&["reminders cancel"], now).await;
            Ok((found, which.may_cancel(), denied))
        });
        read = layout.take(found.await);
    }
    let waiting = read.as_ref().map(|(found, ..)| found.iter().filter(|it| it.waiting().is_some()).count());
    let (found, may_cancel_all, denied) = read.unwrap_or_default();
    let rows = found.iter().take(MOST).map(|stored| row(stored, &asked.organisation)).collect();
    let left_out = found.len().saturating_sub(MOST);
    let token = app.token.clone();
    shown(&Page { layout, asked, rows, left_out, waiting, may_cancel_all, denied, token })
}

fn row(stored: &StoredReminder, organisation: &str) -> Row {
    let StoredReminder { ticket, reminder, .. } = stored;
    Row {
        due_at: stored.due_at().map(Moment),
        ticket: ticket.to_string(),
        timeline: timeline_of(organisation, "ticket", ticket.as_str()),
        key: reminder.key.to_string(),
        set_by: reminder.set_by.clone(),
        set_at: Moment(reminder.set_at),
        state: reminder_text::state(stored),
        waits: stored.waiting().is_some(),
    }
}

/// Asks for the confirmation of a cancellation: of one reminder, or of all that fit the filter.
pub(super) async fn cancel(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let asked = Asked::of(&form);
    let back = asked.address();
    // Of one, its button has the ticket and the key.
    let asked = match form.one("one").split_once(' ') {
        Some((ticket, key)) => Asked { ticket: ticket.to_owned(), key: key.to_owned(), ..asked },
        None => asked,
    };
    let read = apart(&app, async move |app, now| {
        let lacked = app.lacked(&["reminders cancel"], now).await;
        let which = asked.which()?;
        let mut found = Vec::new();
        if lacked.is_empty() && which.may_cancel() {
            found = which.read(&app.target.store(), now).await?;
            found.retain(|stored| stored.waiting().is_some());
        }
        Ok((lacked, which, found))
    });
    let wrong = |problem: String| refuse(StatusCode::BAD_REQUEST, problem, back.clone());
    match read.await {
        Err(error) => wrong(format!("{error:#}")),
        Ok((lacked, ..)) if !lacked.is_empty() => {
            refuse_lacking(&lacked, &back).unwrap_or_else(|| wrong(String::new()))
        }
        Ok((_, which, _)) if !which.may_cancel() => {
            wrong("say which reminders to cancel: name a ticket or a key".to_owned())
        }
        Ok((_, _, found)) if found.is_empty() => wrong("no such reminder waits any more".to_owned()),
        Ok((_, _, found)) if found.len() > MOST_CANCELLED => wrong(format!(
            "{} reminders fit, and at most {MOST_CANCELLED} are cancelled at once: narrow the filter, or use `automations reminders cancel`",
            found.len()
        )),
        Ok((_, which, found)) => ask(&app, proposal(which, found, back)),
    }
}

fn proposal(which: Which, found: Vec<StoredReminder>, back: String) -> Proposal<Work> {
    let number = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let what = count(number(found.len()), "reminder", "reminders");
    let tickets: BTreeSet<_> = found.iter().map(|stored| &stored.ticket).collect();
    let keys: BTreeSet<&str> = found.iter().map(|stored| stored.key().as_str()).collect();
    let handlers: BTreeSet<&str> = found.iter().map(|stored| stored.reminder.set_by.as_str()).collect();
    let list = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
    let effects = vec![
        format!(
            "{what} of {} of {}, with the key {}, set by {}: their events are not published.",
            count(number(tickets.len()), "ticket", "tickets"),
            which.organisation,
            list(keys),
            list(handlers),
        ),
        "What was due meanwhile stays as it is. A handler may set the same again at the ticket's next event."
            .to_owned(),
    ];
    let command = format!("automations reminders cancel {} --yes", which.command_line());
    let work = Work::Cancel(Box::new(which), found);
    let title = format!("Cancel {what}");
    Proposal { title, effects, consents: Vec::new(), text: None, command, back, work }
}
