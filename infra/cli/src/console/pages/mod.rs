//! The pages: a page is one file here, with its template, and one line of [`NAVIGATION`] and of [`router`].

mod audit;
mod timeline;

use crate::account::Target;
use askama::Template;
use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use std::sync::Arc;

/// The pages' paths and titles, in the order of the navigation.
const NAVIGATION: [(&str, &str); 2] = [("/", "Timeline"), ("/audit", "Audit")];

pub(super) fn router(target: Arc<Target>) -> Router {
    Router::new()
        .route("/", get(timeline::page))
        .route("/audit", get(audit::page))
        .route("/style.css", get(style))
        .with_state(target)
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css")], include_str!("../../../templates/style.css")).into_response()
}

/// A page, or why it cannot be shown.
fn shown(page: &impl Template) -> Response {
    match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
