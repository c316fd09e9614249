//! The pages: a page is one file here, with its template, and one line of [`NAVIGATION`] and of [`router`].

mod audit;
mod change;
mod chart;
mod dead_letters;
mod events;
mod handlers;
mod layout;
mod organisations;
mod overview;
mod pauses;
mod reminders;
mod replay;
mod settings;
mod timeline;
mod trial;
mod undo;

use super::app::App;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use std::sync::Arc;

/// The pages' paths and titles, in the order of the navigation.
pub(super) const NAVIGATION: [(&str, &str); 10] = [
    ("/", "Overview"),
    ("/timeline", "Timeline"),
    ("/events", "Events"),
    ("/dead-letters", "Dead letters"),
    ("/handlers", "Handlers"),
    ("/organisations", "Organisations"),
    ("/reminders", "Reminders"),
    ("/replay", "Replay"),
    ("/undo", "Undo"),
    ("/audit", "Audit"),
];

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(overview::page))
        .route("/timeline", get(timeline::page))
        .route("/events", get(events::page))
        .route("/dead-letters", get(dead_letters::page))
        .route("/dead-letters/one", get(dead_letters::one))
        .route("/dead-letters/selected", post(dead_letters::selected))
        .route("/dead-letters/matching", post(dead_letters::matching))
        .route("/handlers", get(handlers::page))
        .route("/handlers/try", get(trial::page).post(trial::tried))
        .route("/organisations", get(organisations::page))
        .route("/organisations/recheck", post(organisations::recheck))
        .route("/pauses", post(pauses::asked))
        .route("/reminders", get(reminders::page))
        .route("/reminders/cancel", post(reminders::cancel))
        .route("/replay", get(replay::page).post(replay::asked))
        .route("/undo", get(undo::page).post(undo::asked))
        .route("/settings", get(settings::page))
        .route("/settings/set", post(settings::set))
        .route("/settings/unset", post(settings::unset))
        .route("/audit", get(audit::page))
        .route("/change", get(change::page).post(change::confirmed))
        .route("/style.css", get(async || own("text/css", include_str!("../../../templates/style.css"))))
        .route(
            "/console.js",
            get(async || own("text/javascript", include_str!("../../../templates/console.js"))),
        )
        .route("/icon.svg", get(icon))
        // Browsers ask for this one beside a page that is only text.
        .route("/favicon.ico", get(icon))
        .with_state(app)
}

async fn icon() -> Response {
    own("image/svg+xml", include_str!("../../../templates/icon.svg"))
}

fn own(kind: &'static str, content: &'static str) -> Response {
    ([(CONTENT_TYPE, kind)], content).into_response()
}
