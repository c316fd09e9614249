//! A change: its confirmation, which names the count and the effect, and how it ended.

use super::layout::{Layout, address, go_to, shown, shown_as};
use crate::audit::Audit;
use crate::bulk::Bulk;
use crate::commands::dead_letters::{Consent, dropped_lines, redriven_lines};
use crate::console::app::{App, apart};
use crate::console::changes::{Ended, Proposal, State as ChangeState};
use crate::console::form::Form;
use crate::console::work::Work;
use anyhow::Result;
use askama::Template;
use automations::clock::Timestamp;
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use std::sync::Arc;

/// The field of a consent to send back actions that may have taken effect.
pub(super) const RETRY_UNKNOWN: &str = "retry-unknown";
/// The field of a consent to send back superseded actions.
pub(super) const OUT_OF_ORDER: &str = "out-of-order";

async fn run(work: &Work, app: &App, form: &Form, now: Timestamp) -> Result<Vec<String>> {
    let (queues, audit) = (app.dead_letter_queues(now), Audit::of(&app.target));
    let has = |name| form.all("consent").any(|consent| consent == name);
    let done = match work {
        Work::Redrive(selection) => {
            let consent = Consent { retry_unknown: has(RETRY_UNKNOWN), out_of_order: has(OUT_OF_ORDER) };
            let redriven = queues.redrive_audited(selection, consent, &Bulk::default(), &audit).await;
            redriven.map(|redriven| redriven_lines(&redriven, None))
        }
        Work::Drop(selection) => {
            let dropped = queues.drop_audited(selection, &Bulk::default(), &audit).await;
            dropped.map(|dropped| dropped_lines(&dropped))
        }
    };
    // After a failure too: a part may be changed.
    app.dead_letters.forget().await;
    done
}

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
    let live = if matches!(state, Some(ChangeState::Running { .. })) { 2 } else { 0 };
    let layout = Layout { live, ..Layout::of("") };
    shown_as(status, &Page { layout, id, token: app.token.clone(), state })
}

/// Makes a change that was confirmed.
pub(super) async fn confirmed(State(app): State<Arc<App>>, Extension(form): Extension<Form>) -> Response {
    let id = form.one("id").to_owned();
    let there = address("/change", &[("id", &id)]);
    let Some(Proposal { title, back, work, .. }) = app.changes.start(&id) else { return go_to(there) };
    // A browser that goes away in between changes nothing of this.
    let made = apart(&app, async move |app, now| {
        let outcome = run(&work, &app, &form, now).await.map_err(|error| format!("{error:#}"));
        app.changes.end(&id, Ended { title, back, outcome });
        Ok(())
    });
    match made.await {
        Ok(()) => go_to(there),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

/// Asks for the confirmation of a change.
pub(super) fn ask(app: &App, proposal: Proposal<Work>) -> Response {
    match app.changes.propose(proposal) {
        Ok(id) => go_to(address("/change", &[("id", &id)])),
        Err(error) => {
            let mut layout = Layout::of("");
            layout.problems.push(format!("{error:#}"));
            shown(&Page { layout, id: String::new(), token: app.token.clone(), state: None })
        }
    }
}
