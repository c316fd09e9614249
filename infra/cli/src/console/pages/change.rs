//! A change: its confirmation, which names the count and the effect, and how it ended.

use super::layout::{Layout, address, go_to, shown_as};
use crate::console::app::{App, apart};
use crate::console::changes::{Ended, Proposal, State as ChangeState};
use crate::console::form::Form;
use crate::console::perform::perform;
use crate::console::work::{TEXT, Work};
use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// A change that takes longer goes on while its page says how far it is.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    id: String,
}

#[derive(Template)]
#[template(path = "change.html")]
struct Page {
    layout: Layout,
    id: String,
    token: String,
    state: Option<ChangeState<Work>>,
}

pub(super) async fn page(State(app): State<Arc<App>>, Query(Asked { id }): Query<Asked>) -> Response {
    let state = app.changes.state(&id);
    let status = if state.is_none() { StatusCode::GONE } else { StatusCode::OK };
    let is_running = matches!(state, Some(ChangeState::Running { .. }));
    let live = if is_running { 2 } else { 0 };
    let layout = Layout { live, ..Layout::of("") };
    shown_as(status, &Page { layout, id, token: app.token.clone(), state })
}

/// Makes a change that was confirmed.
pub(super) async fn confirmed(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let id = form.one("id").to_owned();
    let there = address("/change", &[("id", &id)]);
    let Some((Proposal { title, back, work, .. }, tally)) = app.changes.start(&id) else {
        return go_to(there);
    };
    // A task of its own: a browser that goes away in between changes nothing of this.
    let making = tokio::spawn(async move {
        let run = apart(&app, async move |app, now| {
            let done = perform(&work, &app, &form, tally, now).await;
            // After a failure too: a part may be changed.
            app.forget().await;
            done
        });
        let outcome = run.await.map_err(|error| format!("{error:#}"));
        app.changes.end(&id, Ended { title, back, outcome });
    });
    // What does not end in this time, its page shows as running. That it panicked, the page shows as running too.
    let _ = tokio::time::timeout(PATIENCE, making).await;
    go_to(there)
}

/// Asks for the confirmation of a change.
pub(super) fn ask(app: &App, proposal: Proposal<Work>) -> Response {
    let back = proposal.back.clone();
    match app.changes.propose(proposal) {
        Ok(id) => go_to(address("/change", &[("id", &id)])),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"), back),
    }
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused {
    layout: Layout,
    back: String,
}

/// Says why nothing is asked for.
pub(super) fn refuse(status: StatusCode, problem: String, back: String) -> Response {
    let mut layout = Layout::of("");
    layout.problems.push(problem);
    shown_as(status, &Refused { layout, back })
}

/// That the profile may not make a change, if it lacks something.
pub(super) fn refuse_lacking(lacked: &[&'static str], back: &str) -> Option<Response> {
    if lacked.is_empty() {
        return None;
    }
    let problem = format!("nothing was changed: the profile lacks {}", lacked.join(" and "));
    Some(refuse(StatusCode::BAD_REQUEST, problem, back.to_owned()))
}
