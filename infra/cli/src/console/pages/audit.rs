//! What operators changed in the last thirty days: as `automations audit`.

use super::layout::{Layout, Moment, shown};
use crate::commands::audit::row;
use crate::console::app::App;
use askama::Template;
use automations::clock;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;

const SHOWN: Duration = Duration::from_hours(30 * 24);
/// The newest operations that are shown; `automations audit` prints all.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    layout: Layout,
    rows: Vec<(Moment, [String; 5])>,
    left_out: usize,
}

pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let mut layout = Layout { live: 10, ..Layout::of("/audit") };
    let read = app.target.store().operations(clock::now().earlier(SHOWN)).await;
    let operations = layout.take(read.map_err(anyhow::Error::new)).unwrap_or_default();
    let rows = operations.iter().take(MOST).map(|operation| {
        let [_, operator, command, scope, state, changed] = row(operation);
        (Moment(operation.at), [operator, command, scope, state, changed])
    });
    let (rows, left_out) = (rows.collect(), operations.len().saturating_sub(MOST));
    shown(&Page { layout, rows, left_out })
}
